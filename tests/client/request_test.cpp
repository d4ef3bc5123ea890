#include "sojourn/request.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <span>

namespace sojourn {
namespace {

using namespace std::chrono_literals;

template <typename... Words>
std::string encoded(const Words&... words) {
  return std::string(Request().push(words...).bytes());
}

TEST(Request, IsAnArrayOfBulkStrings) {
  EXPECT_EQ(encoded("GET", "key"), "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
}

TEST(Request, TakesStringsOfEveryKindAndIsBinarySafe) {
  const std::string value("a\0\r\n", 4);
  EXPECT_EQ(encoded("SET", std::string_view("k"), value),
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n" + value + "\r\n");
  EXPECT_EQ(encoded("ECHO", ""), "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
}

TEST(Request, WritesNumbersInDecimal) {
  EXPECT_EQ(encoded("X", -7), encoded("X", "-7"));
  EXPECT_EQ(encoded("X", std::numeric_limits<std::int64_t>::min()),
            encoded("X", "-9223372036854775808"));
  EXPECT_EQ(encoded("X", std::numeric_limits<std::uint64_t>::max()),
            encoded("X", "18446744073709551615"));
  EXPECT_EQ(encoded("X", 1.5), encoded("X", "1.5"));
}

TEST(Request, WritesDurationsInMillisecondsRoundedUp) {
  EXPECT_EQ(encoded("SET", "k", "v", "PX", 900ms), encoded("SET", "k", "v", "PX", "900"));
  EXPECT_EQ(encoded("PEXPIRE", "k", 30min), encoded("PEXPIRE", "k", "1800000"));
  EXPECT_EQ(encoded("PEXPIRE", "k", 1us), encoded("PEXPIRE", "k", "1"));
}

TEST(Request, FlattensRangesMapsAndPairs) {
  const std::vector<std::string> keys{"a", "b"};
  EXPECT_EQ(encoded("DEL", keys), encoded("DEL", "a", "b"));
  const std::map<std::string, int> fields{{"x", 1}, {"y", 2}};
  EXPECT_EQ(encoded("HSET", "h", fields), encoded("HSET", "h", "x", "1", "y", "2"));
  EXPECT_EQ(encoded("HSET", "h", std::pair("x", 1)), encoded("HSET", "h", "x", "1"));
  EXPECT_EQ(encoded("DEL", std::vector<std::string>()), encoded("DEL"));
}

TEST(Request, TakesARangeOfBytesAsOneWord) {
  const std::vector<unsigned char> bytes{'a', 0, 'b'};
  EXPECT_EQ(encoded("ECHO", bytes), encoded("ECHO", std::string("a\0b", 3)));
  EXPECT_EQ(encoded("ECHO", std::as_bytes(std::span(bytes))), encoded("ECHO", bytes));
}

TEST(Request, KnowsItsCommands) {
  Request request;
  request.push("GET", "a").push("SUBSCRIBE", "news");
  ASSERT_EQ(request.size(), 2u);
  EXPECT_EQ(request.name(0), "GET");
  EXPECT_EQ(request.name(1), "SUBSCRIBE");
}

TEST(Request, CountsTheCommandsThatEndWithinItsFirstBytes) {
  Request request;
  request.push("GET", "a");
  const std::size_t first = request.bytes().size();
  request.push("GET", "b");
  EXPECT_EQ(request.commands_within(first - 1), 0u);
  EXPECT_EQ(request.commands_within(first), 1u);
  EXPECT_EQ(request.commands_within(2 * first - 1), 1u);
  EXPECT_EQ(request.commands_within(2 * first), 2u);
}

TEST(Request, TakesInTheCommandsOfAnother) {
  Request other;
  other.push("GET", "b").push("GET", "c");
  Request request;
  request.push("SET", "a", "1").append(other);
  ASSERT_EQ(request.size(), 3u);
  EXPECT_EQ(request.name(2), "GET");
  EXPECT_EQ(request.commands_within(request.bytes().size()), 3u);
}

TEST(Request, IsEmptyAfterClear) {
  Request request;
  request.push("GET", "a").idempotent().timeout(1s).clear();
  EXPECT_TRUE(request.empty());
  EXPECT_TRUE(request.bytes().empty());
  EXPECT_FALSE(request.is_idempotent());
  EXPECT_FALSE(request.timeout());
}

}  // namespace
}  // namespace sojourn
