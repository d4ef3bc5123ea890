#include "server/net/input_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace sojourn::server {
namespace {

// A request comes in pieces of 64 KiB, room for as much as has come being made for each, as a
// worker does.
void receive(InputBuffer& input, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto into =
        input.room(std::min(bytes.size(), std::max<std::size_t>(65'536, input.size())));
    const auto piece = bytes.substr(0, std::min<std::size_t>(into.size(), 65'536));
    piece.copy(into.data(), piece.size());
    input.commit(piece.size());
    bytes.remove_prefix(piece.size());
  }
}

std::string value_of(std::size_t bytes) {
  std::string value(bytes, 'v');
  for (std::size_t i = 0; i < bytes; i += 997) value[i] = static_cast<char>('a' + i % 26);
  return value;
}

struct InputBuffers : ::testing::Test {
  SpareBlock spare;
  InputBuffer input{spare};
  InputBuffer other{spare};
  const std::string large = value_of(4'000'000);
};

TEST_F(InputBuffers, HaveNoMemoryWhileEmpty) {
  receive(input, large);
  EXPECT_GE(input.capacity(), large.size());
  input.consume(large.size());
  EXPECT_EQ(input.capacity(), 0u);
}

TEST_F(InputBuffers, UseTheMemoryOfALargeOneAgain) {
  receive(input, large);
  const char* const memory = input.view().data();
  const std::size_t capacity = input.capacity();
  EXPECT_EQ(spare.bytes(), 0u);
  input.consume(large.size());
  EXPECT_EQ(spare.bytes(), capacity);

  receive(other, large);
  EXPECT_EQ(other.view().data(), memory);
  EXPECT_EQ(other.capacity(), capacity);
  EXPECT_TRUE(other.view() == large);
  EXPECT_EQ(spare.bytes(), 0u);
}

// A peer is charged for what its buffer can hold.
TEST_F(InputBuffers, TakeNoMoreThanFourTimesWhatTheyNeed) {
  receive(input, value_of(12'000'000));
  input.clear();
  const std::size_t kept = spare.bytes();
  ASSERT_GT(kept, 4 * other.room(kLargeBytes).size());
  EXPECT_EQ(spare.bytes(), kept);
  receive(other, large);
  EXPECT_EQ(spare.bytes(), 0u);
  EXPECT_EQ(other.capacity(), kept);
  EXPECT_TRUE(other.view() == large);
}

TEST_F(InputBuffers, GrowBeyondTheMemoryUsedAgain) {
  receive(input, large);
  input.clear();
  const std::string larger = value_of(10'000'000);
  receive(other, larger);
  EXPECT_TRUE(other.view() == larger);
  other.clear();
  EXPECT_GE(spare.bytes(), larger.size());
}

TEST_F(InputBuffers, LeaveLargeMemoryToLargeRequests) {
  receive(input, large);
  input.clear();
  const std::size_t kept = spare.bytes();
  receive(other, large.substr(0, 500'000));
  EXPECT_LT(other.capacity(), kLargeBytes);
  other.clear();
  EXPECT_EQ(spare.bytes(), kept);
}

TEST_F(InputBuffers, KeepOneLargeBlockAndTheLargerOne) {
  receive(input, large);
  receive(other, value_of(6'000'000));
  const std::size_t larger = other.capacity();
  other.clear();
  input.clear();
  EXPECT_EQ(spare.bytes(), larger);
}

TEST_F(InputBuffers, KeepNoBlockThatIsTooLarge) {
  receive(input, value_of(kSpareLargeBytesMax + 1));
  input.clear();
  EXPECT_EQ(spare.bytes(), 0u);
}

TEST_F(InputBuffers, GiveBackWhatNobodyUses) {
  receive(input, large);
  input.clear();
  EXPECT_FALSE(spare.age());  // it was used since the last time
  receive(other, large);
  other.clear();
  EXPECT_FALSE(spare.age());
  EXPECT_GT(spare.bytes(), 0u);
  EXPECT_TRUE(spare.age());
  EXPECT_EQ(spare.bytes(), 0u);
  EXPECT_FALSE(spare.age());
}

// Else it would be moved when the memory is full: with a block larger than one request, megabytes.
TEST_F(InputBuffers, MoveWhatIsLeftBeforeMoreComes) {
  receive(other, value_of(6'000'000));
  other.clear();
  receive(input, large);
  const char* const memory = input.view().data();
  input.consume(large.size() - 10);
  receive(input, "more");
  EXPECT_EQ(input.view().data(), memory);
  EXPECT_EQ(input.view(), large.substr(large.size() - 10) + "more");
}

}  // namespace
}  // namespace sojourn::server
