#include "server/commands/long_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace sojourn::server {
namespace {

std::string array_of(int elements, std::size_t& largest_piece) {
  LongArray array(protocol::Version::resp2);
  for (int i = 0; i < elements; ++i) array.bulk(std::to_string(i));
  std::string out;
  protocol::ReplyWriter reply(out);
  for (bool whole = false; !whole;) {
    const std::size_t before = out.size();
    whole = array.write_some(reply);
    largest_piece = std::max(largest_piece, out.size() - before);
  }
  EXPECT_EQ(array.bytes(), 0u);
  return out;
}

std::string expected(int elements) {
  std::string out;
  protocol::ReplyWriter reply(out);
  reply.array(static_cast<std::size_t>(elements));
  for (int i = 0; i < elements; ++i) reply.bulk(std::to_string(i));
  return out;
}

TEST(LongArrayTest, IsTheArrayInPieces) {
  std::size_t largest = 0;
  for (const int elements : {0, 1, 100, 100'000}) {
    EXPECT_EQ(array_of(elements, largest), expected(elements)) << elements;
  }
  EXPECT_LT(largest, 70u * 1024);
}

TEST(LongArrayTest, CountsWhatItHolds) {
  LongArray array(protocol::Version::resp2);
  EXPECT_EQ(array.bytes(), 0u);
  array.bulk("alice");
  EXPECT_EQ(array.bytes(), std::string("$5\r\nalice\r\n").size());
}

}  // namespace
}  // namespace sojourn::server
