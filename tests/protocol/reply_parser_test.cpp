#include "protocol/reply_parser.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/protocol/pieces.h"

namespace sojourn::protocol {
namespace {

using namespace std::string_literals;
using testing::IsEmpty;
using testing::SizeIs;
using Status = ReplyParser::Status;
using Type = Reply::Type;

Reply text(Type type, std::string text) { return {.type = type, .text = std::move(text)}; }
Reply integer(std::int64_t value) { return {.type = Type::integer, .integer = value}; }
Reply real(double value) { return {.type = Type::real, .real = value}; }
Reply boolean(bool value) { return {.type = Type::boolean, .integer = value}; }
Reply aggregate(Type type, std::vector<Reply> elements) {
  return {.type = type, .elements = std::move(elements)};
}
const Reply kNull;

std::string times(std::size_t count, std::string_view text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

// The outcome of a stream, the same whether it comes whole, cut at any one byte, or byte by byte.
ReplyOutcome parse(std::string_view stream, const ReplyParser& parser = ReplyParser()) {
  const ReplyOutcome whole = parse_replies(stream, {}, parser);
  EXPECT_EQ(parse_replies(stream, every_byte(stream), parser), whole) << stream;
  for (std::size_t cut = 0; cut <= stream.size() && stream.size() < 2000; ++cut) {
    EXPECT_EQ(parse_replies(stream, {&cut, 1}, parser), whole) << stream << " cut at " << cut;
  }
  return whole;
}

TEST(ReplyParser, ReadsEveryType) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const struct {
    std::string stream;
    Reply reply;
  } table[] = {
      {"+OK\r\n", text(Type::simple, "OK")},
      {"+\r\n", text(Type::simple, "")},
      {"-ERR no\r\n", text(Type::error, "ERR no")},
      {"!8\r\nERR a\r\nb\r\n"s, text(Type::error, "ERR a\r\nb")},
      {":0\r\n", integer(0)},
      {":+7\r\n", integer(7)},
      {":-1\r\n", integer(-1)},
      {":9223372036854775807\r\n", integer(std::numeric_limits<std::int64_t>::max())},
      {":-9223372036854775808\r\n", integer(std::numeric_limits<std::int64_t>::min())},
      {"$0\r\n\r\n", text(Type::bulk, "")},
      {"$6\r\na\r\nb\0c\r\n"s, text(Type::bulk, "a\r\nb\0c"s)},
      {"$-1\r\n", kNull},
      {"*-1\r\n", kNull},
      {"_\r\n", kNull},
      {"*0\r\n", aggregate(Type::array, {})},
      {"*2\r\n:1\r\n$1\r\nx\r\n", aggregate(Type::array, {integer(1), text(Type::bulk, "x")})},
      {"*2\r\n*1\r\n:1\r\n*0\r\n",
       aggregate(Type::array, {aggregate(Type::array, {integer(1)}), aggregate(Type::array, {})})},
      {"%1\r\n+a\r\n:1\r\n", aggregate(Type::map, {text(Type::simple, "a"), integer(1)})},
      {"%0\r\n", aggregate(Type::map, {})},
      {"~1\r\n_\r\n", aggregate(Type::set, {kNull})},
      {">1\r\n+x\r\n", aggregate(Type::push, {text(Type::simple, "x")})},
      {",1.5\r\n", real(1.5)},
      {",10\r\n", real(10)},
      {",-1.2e-3\r\n", real(-0.0012)},
      {",inf\r\n", real(kInfinity)},
      {",-inf\r\n", real(-kInfinity)},
      {"#t\r\n", boolean(true)},
      {"#f\r\n", boolean(false)},
      {"(-3492890328409238509324850943850943825024385\r\n",
       text(Type::big_number, "-3492890328409238509324850943850943825024385")},
      {"=7\r\ntxt:a\nb\r\n", text(Type::verbatim, "a\nb")},
      {"=4\r\nmkd:\r\n", text(Type::verbatim, "")},
  };
  for (const auto& [stream, reply] : table) {
    const ReplyOutcome outcome = parse(stream);
    EXPECT_EQ(outcome.error, "") << stream;
    EXPECT_EQ(outcome.bytes_left, 0u) << stream;
    ASSERT_THAT(outcome.replies, SizeIs(1)) << stream;
    EXPECT_EQ(outcome.replies[0], reply) << stream;
  }
}

TEST(ReplyParser, ReadsNan) {
  for (const char* nan : {",nan\r\n", ",-nan\r\n"}) {
    const ReplyOutcome outcome = parse_replies(nan, {});
    ASSERT_THAT(outcome.replies, SizeIs(1));
    EXPECT_TRUE(std::isnan(outcome.replies[0].real));
  }
}

TEST(ReplyParser, DropsAttributes) {
  for (const char* stream : {"|1\r\n+ttl\r\n:3\r\n*1\r\n:1\r\n", "|0\r\n*1\r\n:1\r\n",
                             "*1\r\n|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n:1\r\n",
                             "|1\r\n|1\r\n+a\r\n+b\r\n+c\r\n+d\r\n*1\r\n:1\r\n"}) {
    const ReplyOutcome outcome = parse(stream);
    EXPECT_EQ(outcome.error, "") << stream;
    ASSERT_THAT(outcome.replies, SizeIs(1)) << stream;
    EXPECT_EQ(outcome.replies[0], aggregate(Type::array, {integer(1)})) << stream;
  }
}

TEST(ReplyParser, FindsEveryReplyOfAPipeline) {
  const ReplyOutcome outcome = parse(times(10, "+OK\r\n*1\r\n$1\r\nx\r\n_\r\n"));
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.replies, SizeIs(30));
}

TEST(ReplyParser, WaitsForTheRestOfAReply) {
  for (const char* begun :
       {"+", "+OK", "+OK\r", "$", "$5\r\n", "$5\r\nhello", "$5\r\nhello\r", "*1\r\n",
        "*2\r\n:1\r\n", "|1\r\n+a\r\n+b\r\n", "|0\r\n", "%1\r\n:1\r\n"}) {
    const ReplyOutcome outcome = parse(begun);
    EXPECT_THAT(outcome.replies, IsEmpty()) << begun;
    EXPECT_EQ(outcome.error, "") << begun;
  }
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  const std::string hostile[] = {
      "OK\r\n",
      "\r\n",
      " +OK\r\n",
      "\0\r\n"s,
      "@1\r\n",
      "+a\nb\r\n",
      "+a\rb\r\n",
      "-a\rb\r\n",
      "$\r\n",
      "$x\r\n",
      "$-2\r\n",
      "$+1\r\n",
      "$01\r\n",
      "$-0\r\n",
      "$1 \r\n",
      "$?\r\n",
      "$1\0\r\n"s,
      "$536870913\r\n",
      "$2147483648\r\n",
      "$4294967297\r\n",
      "$9223372036854775807\r\n",
      "$9223372036854775808\r\n",
      "$18446744073709551614\r\n",
      "$18446744073709551615\r\n",
      "$18446744073709551617\r\nx\r\n",
      "$99999999999999999999999\r\n",
      "$1\r\nabc",
      "$1\r\na\n\r",
      "$2\r\na\r\n\r\n",
      "*\r\n",
      "*-2\r\n",
      "*?\r\n",
      "*1000000000\r\n",
      "*9223372036854775807\r\n",
      "*18446744073709551615\r\n",
      "*2\r\n*67108863\r\n",
      "%\r\n",
      "%-1\r\n",
      "%33554433\r\n",
      "%9223372036854775807\r\n",
      "%?\r\n",
      "~-1\r\n",
      ">-1\r\n",
      "|-1\r\n",
      "!-1\r\n",
      "=-1\r\n",
      "*1\r\n>1\r\n:1\r\n",
      "*1\r\n.\r\n",
      ":\r\n",
      ":x\r\n",
      ":1x\r\n",
      ":+\r\n",
      ":+-1\r\n",
      ": 1\r\n",
      ":9223372036854775808\r\n",
      ":-9223372036854775809\r\n",
      ":18446744073709551616\r\n",
      ",\r\n",
      ",x\r\n",
      ",1.5x\r\n",
      ",infinity\r\n",
      ",nan(1)\r\n",
      ",0x10\r\n",
      ",1e999\r\n",
      "#\r\n",
      "#x\r\n",
      "#tt\r\n",
      "_x\r\n",
      "(\r\n",
      "(-\r\n",
      "(12a\r\n",
      "=3\r\ntxt\r\n",
      "=4\r\ntxtx\r\n",
      "=0\r\n\r\n",
  };
  for (const std::string& stream : hostile) {
    const ReplyOutcome outcome = parse(stream);
    EXPECT_NE(outcome.error, "") << stream;
    EXPECT_THAT(outcome.replies, IsEmpty()) << stream;
  }
}

TEST(ReplyParser, FollowsNestingToItsLimit) {
  const ReplyOutcome deepest = parse(times(kReplyDepthMax, "*1\r\n") + ":1\r\n");
  EXPECT_EQ(deepest.error, "");
  EXPECT_THAT(deepest.replies, SizeIs(1));
  EXPECT_NE(parse(times(kReplyDepthMax + 1, "*1\r\n")).error, "");
  EXPECT_NE(parse(times(kReplyDepthMax, "*1\r\n") + "*0\r\n").error, "");
  EXPECT_NE(parse(times(kReplyDepthMax, "|1\r\n") + "%1\r\n").error, "");
}

TEST(ReplyParser, LimitsStringsAndLines) {
  EXPECT_THAT(parse("$5\r\nhello\r\n", ReplyParser(5)).replies, SizeIs(1));
  EXPECT_NE(parse("$6\r\n", ReplyParser(5)).error, "");
  const std::string longest = "+" + std::string(kReplyLineBytesMax - 1, 'x');
  const std::size_t half = longest.size() / 2;
  EXPECT_THAT(parse_replies(longest + "\r\n", {&half, 1}).replies, SizeIs(1));
  EXPECT_EQ(parse_replies(longest, {&half, 1}).error, "");
  EXPECT_NE(parse_replies(longest + "x", {&half, 1}).error, "");
}

TEST(ReplyParser, LimitsTheElementsOfOneReplyTogether) {
  const ReplyParser parser(100, 6);
  const std::string six = "*2\r\n*2\r\n:1\r\n:2\r\n%1\r\n:3\r\n:4\r\n";
  EXPECT_THAT(parse(six + six, parser).replies, SizeIs(2));
  EXPECT_NE(parse("*2\r\n*2\r\n:1\r\n:2\r\n*3\r\n", parser).error, "");
  EXPECT_NE(parse("*2\r\n*2\r\n:1\r\n:2\r\n~3\r\n", parser).error, "");
  EXPECT_EQ(parse(times(6, "|0\r\n"), parser).error, "");
  EXPECT_NE(parse(times(7, "|0\r\n"), parser).error, "");
}

TEST(ReplyParser, StaysInErrorUntilItIsReset) {
  ReplyParser parser;
  EXPECT_EQ(parser.parse("*2\r\n:1\r\n?\r\n"), Status::error);
  EXPECT_EQ(parser.parse("+OK\r\n"), Status::error);
  parser.reset();
  EXPECT_EQ(parser.parse("+OK\r\n"), Status::reply);
  EXPECT_EQ(parser.take(), text(Type::simple, "OK"));
}

TEST(ReplyParser, ForgetsABegunReplyWhenReset) {
  for (const char* begun : {"*2\r\n:1\r\n", "$5\r\nab", "+O", "|1\r\n:1\r\n"}) {
    ReplyParser parser;
    EXPECT_EQ(parser.parse(begun), Status::need_more);
    parser.reset();
    EXPECT_EQ(parser.parse(":1\r\n"), Status::reply) << begun;
    EXPECT_EQ(parser.take(), integer(1)) << begun;
  }
}

TEST(ReplyParser, SaysHowManyBytesItWaitsFor) {
  ReplyParser parser;
  EXPECT_EQ(parser.parse("*2\r\n$1000\r\nabc"), Status::need_more);
  EXPECT_EQ(parser.bytes_wanted(), 11u + 1002u);
}

}  // namespace
}  // namespace sojourn::protocol
