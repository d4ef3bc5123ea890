#include "server/net/output_pool.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/reply_writer.h"

namespace sojourn::server {
namespace {

struct OutputPools : ::testing::Test {
  // Replies with a value, as to a connection that had nothing unsent.
  void reply(std::string& output, std::size_t value_bytes) {
    pool.lend(output);
    protocol::ReplyWriter(output, protocol::Version::resp2, &pool.large())
        .bulk(std::string(value_bytes, 'v'));
  }
  void sent(std::string& output) {
    output.clear();
    pool.take_back(output);
  }

  OutputPool pool;
  std::string output;
  std::string other;
};

TEST_F(OutputPools, UseTheMemoryOfALargeReplyAgain) {
  reply(output, 4'000'000);
  const char* const memory = output.data();
  sent(output);
  EXPECT_EQ(output.capacity(), std::string().capacity());
  EXPECT_GT(pool.large_bytes(), 4'000'000u);

  reply(other, 3'000'000);
  EXPECT_EQ(other.data(), memory);
  EXPECT_EQ(other.size(), 3'000'000u + 12);
  EXPECT_EQ(pool.large_bytes(), 0u);
  sent(other);
  EXPECT_GT(pool.large_bytes(), 4'000'000u);
}

TEST_F(OutputPools, LeaveLargeMemoryToLargeReplies) {
  reply(output, 4'000'000);
  sent(output);
  reply(other, 500'000);
  EXPECT_LT(other.capacity(), kLargeBytes);
  EXPECT_GT(pool.large_bytes(), 4'000'000u);
}

TEST_F(OutputPools, TakeBackTheSmallMemoryThatALargeReplyLeft) {
  reply(output, 4'000'000);
  sent(output);
  pool.lend(output);
  const char* const small = output.data();
  protocol::ReplyWriter(output, protocol::Version::resp2, &pool.large())
      .bulk(std::string(4'000'000, 'v'));
  sent(output);
  pool.lend(other);
  EXPECT_EQ(other.data(), small);
}

TEST_F(OutputPools, KeepOneLargeStringAndTheLargerOne) {
  reply(output, 6'000'000);
  reply(other, 4'000'000);
  sent(output);
  sent(other);
  EXPECT_GT(pool.large_bytes(), 6'000'000u);
  EXPECT_EQ(other.capacity(), std::string().capacity());
}

TEST_F(OutputPools, KeepNoMemoryThatIsTooLarge) {
  reply(output, kSpareLargeBytesMax);
  sent(output);
  EXPECT_EQ(output.capacity(), std::string().capacity());
  EXPECT_EQ(pool.large_bytes(), 0u);
}

TEST_F(OutputPools, GiveBackWhatNobodyUses) {
  reply(output, 4'000'000);
  sent(output);
  EXPECT_FALSE(pool.age());  // it was used since the last time
  reply(output, 2'000'000);
  sent(output);
  EXPECT_FALSE(pool.age());
  EXPECT_GT(pool.large_bytes(), 4'000'000u);
  EXPECT_TRUE(pool.age());
  EXPECT_EQ(pool.large_bytes(), 0u);
  EXPECT_FALSE(pool.age());
}

}  // namespace
}  // namespace sojourn::server
