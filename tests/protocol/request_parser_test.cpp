#include "protocol/request_parser.h"

#include <gmock/gmock.h>

#include "tests/protocol/pieces.h"

namespace sojourn::protocol {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Status = RequestParser::Status;
using Requests = std::vector<std::vector<std::string>>;

std::string bulk(std::size_t bytes) {
  return "$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\n";
}

std::string times(std::size_t count, std::string_view text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

// The outcome of a stream, the same whether it comes whole, cut at any one byte, or byte by byte.
RequestOutcome parse(std::string_view stream, const Limits& limits = {}) {
  const RequestOutcome whole = parse_requests(stream, {}, limits);
  EXPECT_EQ(parse_requests(stream, every_byte(stream), limits), whole) << stream.substr(0, 100);
  if (stream.size() > 2000) return whole;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    EXPECT_EQ(parse_requests(stream, {&cut, 1}, limits), whole) << stream << " cut at " << cut;
  }
  return whole;
}

Requests requests_in(std::string_view stream, const Limits& limits = {}) {
  const RequestOutcome outcome = parse(stream, limits);
  EXPECT_EQ(outcome.error, "") << stream.substr(0, 100);
  EXPECT_EQ(outcome.bytes_left, 0u) << stream.substr(0, 100);
  return outcome.requests;
}

std::string error_in(std::string_view stream, const Limits& limits = {}) {
  return parse(stream, limits).error;
}

TEST(RequestParser, FindsMultibulkRequests) {
  EXPECT_THAT(requests_in("*1\r\n$4\r\nPING\r\n"), ElementsAre(ElementsAre("PING")));
  EXPECT_THAT(requests_in("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"),
              ElementsAre(ElementsAre("SET", "k", "")));
  EXPECT_THAT(requests_in("*2\r\n$4\r\nECHO\r\n$11\r\na\r\nb\0\xff$*\r\n+\r\n"s),
              ElementsAre(ElementsAre("ECHO", "a\r\nb\0\xff$*\r\n+"s)));
}

TEST(RequestParser, FindsInlineRequests) {
  EXPECT_THAT(requests_in("PING\r\nGET key\nSET k \"a\\r\\nb\" 'c d'\r\n"),
              ElementsAre(ElementsAre("PING"), ElementsAre("GET", "key"),
                          ElementsAre("SET", "k", "a\r\nb", "c d")));
}

TEST(RequestParser, FindsEveryRequestOfAPipeline) {
  EXPECT_THAT(requests_in(times(5, "*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n")), SizeIs(10));
}

TEST(RequestParser, TakesEmptyRequestsAsRequestsWithoutWords) {
  const std::vector<std::string> none;
  EXPECT_THAT(requests_in("*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n  \r\nPING\r\n"),
              ElementsAre(none, none, none, none, none, none, std::vector<std::string>{"PING"}));
}

TEST(RequestParser, WaitsForTheRestOfARequest) {
  for (const char* begun :
       {"*", "*1", "*1\r", "*1\r\n", "*1\r\n$", "*1\r\n$4\r\nPIN", "*1\r\n$4\r\nPING",
        "*1\r\n$4\r\nPING\r", "PING", "\"unbalanced", "\r"}) {
    const RequestOutcome outcome = parse(begun);
    EXPECT_THAT(outcome.requests, IsEmpty()) << begun;
    EXPECT_EQ(outcome.error, "") << begun;
    EXPECT_EQ(outcome.bytes_left, std::string_view(begun).size()) << begun;
  }
}

TEST(RequestParser, RefusesWhatIsNoRequestWithTheTextsOfRedis) {
  constexpr const char* kCount = "Protocol error: invalid multibulk length";
  constexpr const char* kSize = "Protocol error: invalid bulk length";
  const struct {
    std::string stream;
    std::string error;
  } hostile[] = {
      {"*\r\n", kCount},
      {"*x\r\n", kCount},
      {"*1x\r\n", kCount},
      {"* 1\r\n", kCount},
      {"*1 \r\n", kCount},
      {"*+1\r\n", kCount},
      {"*01\r\n", kCount},
      {"*00\r\n", kCount},
      {"*-0\r\n", kCount},
      {"*--1\r\n", kCount},
      {"*1\0\r\n"s, kCount},
      {"*1\rx", kCount},
      {"*1000000000\r\n", kCount},
      {"*2147483648\r\n", kCount},
      {"*4294967297\r\n", kCount},
      {"*9223372036854775807\r\n", kCount},
      {"*9223372036854775808\r\n", kCount},
      {"*18446744073709551615\r\n", kCount},
      {"*18446744073709551617\r\n", kCount},
      {"*" + std::string(100, '9') + "\r\n", kCount},
      {"*1\r\n$\r\n", kSize},
      {"*1\r\n$-1\r\n", kSize},
      {"*1\r\n$-2\r\n", kSize},
      {"*1\r\n$blabla\r\n", kSize},
      {"*1\r\n$04\r\nPING\r\n", kSize},
      {"*1\r\n$4\rPING\r\n", kSize},
      {"*1\r\n$?\r\n", kSize},
      {"*1\r\n$536870913\r\n", kSize},
      {"*1\r\n$2000000000\r\n", kSize},
      {"*1\r\n$4294967300\r\n", kSize},
      {"*1\r\n$9223372036854775807\r\n", kSize},
      {"*1\r\n$9223372036854775808\r\n", kSize},
      {"*1\r\n$18446744073709551614\r\n", kSize},
      {"*1\r\n$18446744073709551620\r\nPING\r\n", kSize},
      {"*1\r\nfoo\r\n", "Protocol error: expected '$', got 'f'"},
      {"*1\r\n*1\r\n", "Protocol error: expected '$', got '*'"},
      {"*1\r\n\r\n", "Protocol error: expected '$', got '\r'"},
      {"*1\r\n\0\r\n"s, "Protocol error: expected '$', got '\0'"s},
      {"*2\r\n$3\r\nGET\r\n$1\r\nkey\r\n", "Protocol error: expected CRLF after bulk"},
      {"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "Protocol error: expected '$', got 'f'"},
      {"*1\r\n$4\r\nPINGxx", "Protocol error: expected CRLF after bulk"},
      {"*1\r\n$4\r\nPING\n\r", "Protocol error: expected CRLF after bulk"},
      {"GET \"key\r\n", "Protocol error: unbalanced quotes in request"},
      {"GET 'a'b\r\n", "Protocol error: unbalanced quotes in request"},
  };
  for (const auto& [stream, error] : hostile) EXPECT_EQ(error_in(stream), error) << stream;
}

TEST(RequestParser, RefusesLinesThatDoNotEnd) {
  const Limits limits{.inline_bytes_max = 100};
  EXPECT_EQ(error_in(std::string(100, 'x'), limits), "");
  EXPECT_EQ(error_in(std::string(101, 'x'), limits), "Protocol error: too big inline request");
  EXPECT_EQ(error_in("*" + std::string(99, '1'), limits), "");
  EXPECT_EQ(error_in("*" + std::string(100, '1'), limits),
            "Protocol error: too big mbulk count string");
  EXPECT_EQ(error_in("*1\r\n$" + std::string(99, '1'), limits), "");
  EXPECT_EQ(error_in("*1\r\n$" + std::string(100, '1'), limits),
            "Protocol error: too big bulk count string");
}

TEST(RequestParser, TakesAnInlineRequestOfExactlyTheLimit) {
  const Limits limits{.inline_bytes_max = 100};
  EXPECT_THAT(requests_in(std::string(100, 'x') + "\n", limits), SizeIs(1));
  EXPECT_EQ(error_in(std::string(101, 'x') + "\n", limits),
            "Protocol error: too big inline request");
}

TEST(RequestParser, LimitsWordsBeforeAuthentication) {
  const Limits& limits = kUnauthenticatedLimits;
  EXPECT_THAT(requests_in("*10\r\n" + times(10, bulk(1)), limits), ElementsAre(SizeIs(10)));
  for (const char* count : {"*11\r\n", "*1000000000\r\n", "*2147483647\r\n"}) {
    EXPECT_EQ(error_in(count, limits), "Protocol error: unauthenticated multibulk length");
  }
  EXPECT_EQ(error_in("*2147483648\r\n", limits), "Protocol error: invalid multibulk length");
  EXPECT_THAT(requests_in(times(10, "x ") + "\r\n", limits), ElementsAre(SizeIs(10)));
  EXPECT_EQ(error_in(times(11, "x ") + "\r\n", limits),
            "Protocol error: unauthenticated multibulk length");
}

TEST(RequestParser, LimitsBytesBeforeAuthentication) {
  const Limits& limits = kUnauthenticatedLimits;
  const std::vector<std::size_t> no_cuts;
  const RequestOutcome largest =
      parse_requests("*10\r\n" + times(10, bulk(16384)), no_cuts, limits);
  EXPECT_EQ(largest.error, "");
  EXPECT_THAT(largest.requests, ElementsAre(SizeIs(10)));

  for (const char* size : {"$16385\r\n", "$20000\r\n", "$536870912\r\n"}) {
    EXPECT_EQ(error_in("*1\r\n"s + size, limits), "Protocol error: unauthenticated bulk length");
  }
  for (const char* size : {"$-5\r\n", "$536870913\r\n", "$9223372036854775808\r\n"}) {
    EXPECT_EQ(error_in("*1\r\n"s + size, limits), "Protocol error: invalid bulk length");
  }
  EXPECT_EQ(parse_requests(std::string(16385, 'x'), no_cuts, limits).error,
            "Protocol error: too big inline request");
}

TEST(RequestParser, LimitsWordsAndBytesAfterAuthentication) {
  const Limits limits{.words_max = 3, .word_bytes_max = 5};
  EXPECT_THAT(requests_in("*3\r\n" + times(3, bulk(5)), limits), SizeIs(1));
  EXPECT_EQ(error_in("*4\r\n", limits), "Protocol error: invalid multibulk length");
  EXPECT_EQ(error_in("*1\r\n$6\r\n", limits), "Protocol error: invalid bulk length");
}

TEST(RequestParser, LimitsAWholeRequest) {
  const std::string request = "*2\r\n" + bulk(20) + bulk(20);
  EXPECT_THAT(requests_in(request, {.request_bytes_max = request.size()}), SizeIs(1));
  EXPECT_EQ(error_in(request, {.request_bytes_max = request.size() - 1}),
            "Protocol error: request too large");
  EXPECT_THAT(requests_in(times(20, request), {.request_bytes_max = request.size()}), SizeIs(20));
}

TEST(RequestParser, RefusesATooLargeRequestBeforeItsBytesCome) {
  RequestParser parser(Limits{.request_bytes_max = 1000});
  EXPECT_EQ(parser.parse("*2\r\n$1000\r\n"), Status::error);
}

TEST(RequestParser, SaysHowManyBytesItWaitsFor) {
  RequestParser parser;
  EXPECT_EQ(parser.parse(""), Status::need_more);
  EXPECT_EQ(parser.bytes_wanted(), 1u);
  EXPECT_EQ(parser.parse("*2\r\n$3\r"), Status::need_more);
  EXPECT_EQ(parser.bytes_wanted(), 8u);
  EXPECT_EQ(parser.parse("*2\r\n$3\r\nG"), Status::need_more);
  EXPECT_EQ(parser.bytes_wanted(), 13u);
  EXPECT_EQ(parser.parse("*2\r\n$3\r\nGET\r\n$100000\r\n"), Status::need_more);
  EXPECT_EQ(parser.bytes_wanted(), 22u + 100002u);
}

TEST(RequestParser, KnowsWhetherARequestWasBegun) {
  RequestParser parser;
  EXPECT_FALSE(parser.in_request());
  EXPECT_EQ(parser.parse(""), Status::need_more);
  EXPECT_FALSE(parser.in_request());
  for (const char* begun : {"P", "PI", "PING"}) {
    EXPECT_EQ(parser.parse(begun), Status::need_more);
    EXPECT_TRUE(parser.in_request());
  }
  EXPECT_EQ(parser.parse("PING\r\n"), Status::request);
  EXPECT_FALSE(parser.in_request());
  EXPECT_EQ(parser.parse("*1\r\n$4\r\n"), Status::need_more);
  EXPECT_TRUE(parser.in_request());
}

TEST(RequestParser, StaysInErrorUntilItIsReset) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("*x\r\n"), Status::error);
  EXPECT_EQ(parser.parse("PING\r\n"), Status::error);
  EXPECT_EQ(parser.error(), "Protocol error: invalid multibulk length");
  parser.reset();
  EXPECT_EQ(parser.parse("PING\r\n"), Status::request);
  EXPECT_THAT(parser.words(), ElementsAre("PING"));
}

TEST(RequestParser, ForgetsABegunRequestWhenReset) {
  for (const char* begun : {"*2\r\n$3\r\nGET\r\n$5\r\nab", "*2\r\n$3", "GET"}) {
    RequestParser parser;
    EXPECT_EQ(parser.parse(begun), Status::need_more);
    parser.reset();
    EXPECT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Status::request) << begun;
    EXPECT_THAT(parser.words(), ElementsAre("PING"));
    EXPECT_EQ(parser.consumed(), 14u);
  }
}

TEST(RequestParser, TakesNewLimitsFromTheNextRequestOn) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("*1\r\n"), Status::need_more);
  parser.set_limits(Limits{.word_bytes_max = 3});
  EXPECT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Status::request);
  EXPECT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Status::error);
}

TEST(RequestParser, FindsTheSameAfterRequestsOfEveryKind) {
  // State left behind by one request must not reach the next.
  const std::string kinds[] = {"*0\r\n",
                               "\r\n",
                               "GET 'k'\n",
                               "*1\r\n$4\r\nPING\r\n",
                               "*-1\r\n",
                               "PING\n",
                               "*2\r\n$0\r\n\r\n$1\r\nx\r\n"};
  for (const std::string& a : kinds) {
    for (const std::string& b : kinds) EXPECT_THAT(requests_in(a + b + a), SizeIs(3)) << a << b;
  }
}

TEST(RequestParser, CountsWhatManyWordsTakeAndGivesItBackAfterThem) {
  constexpr std::size_t kWords = 200'000;
  const std::string many = "*200000\r\n" + times(kWords, "$0\r\n\r\n");
  const std::string_view half = std::string_view(many).substr(0, many.size() / 2);
  RequestParser parser;
  EXPECT_LT(parser.memory_bytes(), 1024u);
  EXPECT_EQ(parser.parse(half), Status::need_more);
  EXPECT_GE(parser.memory_bytes(), kWords / 2 * 2 * sizeof(std::size_t));
  parser.trim();  // not yet: the rest of them may come
  EXPECT_EQ(parser.parse(many), Status::request);
  EXPECT_THAT(parser.words(), SizeIs(kWords));
  EXPECT_GE(parser.memory_bytes(), kWords * sizeof(std::string_view));
  parser.trim();
  EXPECT_LT(parser.memory_bytes(), 1024u);
  EXPECT_EQ(parser.parse("PING\r\n"), Status::request);
  EXPECT_THAT(parser.words(), ElementsAre("PING"));
}

TEST(RequestParser, KeepsTheRoomOfAnOrdinaryRequest) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Status::request);
  const std::size_t warm = parser.memory_bytes();
  parser.trim();
  EXPECT_EQ(parser.memory_bytes(), warm);
}

TEST(RequestParser, FindsARequestOfManyWords) {
  const std::string many = "*5000\r\n" + times(5000, bulk(1));
  RequestParser parser;
  EXPECT_EQ(parser.parse(std::string_view(many).substr(0, many.size() / 2)), Status::need_more);
  EXPECT_EQ(parser.parse(many), Status::request);
  EXPECT_THAT(parser.words(), SizeIs(5000));
  EXPECT_EQ(parser.parse(many), Status::request);
  EXPECT_THAT(parser.words(), SizeIs(5000));
}

}  // namespace
}  // namespace sojourn::protocol
