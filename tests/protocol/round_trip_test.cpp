#include <gtest/gtest.h>

#include <random>

#include "protocol/request_writer.h"
#include "tests/protocol/pieces.h"
#include "tests/protocol/write_reply.h"

namespace sojourn::protocol {
namespace {

using Type = Reply::Type;

// Random replies and requests; a fixed seed makes a failure repeatable.
class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string bytes() {
    static constexpr std::string_view kLikely = "\r\n$*+-:0123456789abc\\\"'\0\xff ";
    std::string text(below(4) == 0 ? below(300) : below(8), '\0');
    for (char& c : text) c = kLikely[below(kLikely.size())];
    return text;
  }

  std::string line() {
    std::string text = bytes();
    std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
    return text;
  }

  std::int64_t integer() {
    return static_cast<std::int64_t>(random_()) >> static_cast<int>(below(64));
  }

  double real() { return static_cast<double>(integer()) / static_cast<double>(1 + below(1000)); }

  Reply reply(std::size_t depth = 0) {
    static constexpr Type kLeaves[] = {Type::null,    Type::simple,     Type::error,
                                       Type::integer, Type::bulk,       Type::real,
                                       Type::boolean, Type::big_number, Type::verbatim};
    static constexpr Type kAggregates[] = {Type::array, Type::map, Type::set, Type::push};
    if (depth < 4 && below(3) == 0) {
      // A push stands alone, never within another reply.
      return aggregate(kAggregates[below(depth == 0 ? 4 : 3)], depth);
    }
    return leaf(kLeaves[below(std::size(kLeaves))]);
  }

  std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = below(20); at < size; at += below(20)) cuts.push_back(at);
    return cuts;
  }

 private:
  Reply leaf(Type type) {
    Reply reply{.type = type};
    if (type == Type::simple || type == Type::error) reply.text = line();
    if (type == Type::bulk || type == Type::verbatim) reply.text = bytes();
    if (type == Type::big_number) reply.text = std::to_string(integer());
    if (type == Type::integer) reply.integer = integer();
    if (type == Type::boolean) reply.integer = static_cast<std::int64_t>(below(2));
    if (type == Type::real) reply.real = real();
    return reply;
  }

  Reply aggregate(Type type, std::size_t depth) {
    Reply reply{.type = type};
    const std::size_t count = below(5) * (type == Type::map ? 2 : 1);
    for (std::size_t i = 0; i < count; ++i) reply.elements.push_back(this->reply(depth + 1));
    return reply;
  }

  std::mt19937_64 random_;
};

// What a RESP2 client sees of a reply.
Reply as_resp2(Reply reply) {
  switch (reply.type) {
    case Type::map:
    case Type::set:
    case Type::push:
      reply.type = Type::array;
      break;
    case Type::boolean:
      reply.type = Type::integer;
      break;
    case Type::big_number:
    case Type::verbatim:
      reply.type = Type::bulk;
      break;
    case Type::real: {
      std::string printed;
      ReplyWriter(printed, Version::resp3).real(reply.real);
      return {.type = Type::bulk, .text = printed.substr(1, printed.size() - 3)};
    }
    default:
      break;
  }
  for (Reply& element : reply.elements) element = as_resp2(std::move(element));
  return reply;
}

TEST(RoundTrip, Resp3RepliesReadBackAsTheyWereWritten) {
  Maker maker(1);
  for (int round = 0; round < 500; ++round) {
    std::string stream;
    ReplyWriter writer(stream, Version::resp3);
    ReplyOutcome expected;
    for (std::size_t i = maker.below(5); i > 0; --i) {
      expected.replies.push_back(maker.reply());
      write_reply(writer, expected.replies.back());
    }
    ASSERT_EQ(parse_replies(stream, {}), expected) << stream;
    ASSERT_EQ(parse_replies(stream, maker.cuts(stream.size())), expected) << stream;
  }
}

TEST(RoundTrip, Resp2RepliesReadBackInTheTypesThatResp2Has) {
  Maker maker(2);
  for (int round = 0; round < 500; ++round) {
    const Reply reply = maker.reply();
    std::string stream;
    ReplyWriter writer(stream, Version::resp2);
    write_reply(writer, reply);
    const ReplyOutcome expected{.replies = {as_resp2(reply)}};
    ASSERT_EQ(parse_replies(stream, {}), expected) << stream;
    ASSERT_EQ(parse_replies(stream, maker.cuts(stream.size())), expected) << stream;
  }
}

TEST(RoundTrip, RequestsReadBackAsTheyWereWritten) {
  Maker maker(3);
  for (int round = 0; round < 500; ++round) {
    std::string stream;
    RequestOutcome expected;
    for (std::size_t i = maker.below(5); i > 0; --i) {
      std::vector<std::string> words;
      for (std::size_t n = maker.below(30); n > 0; --n) words.push_back(maker.bytes());
      const std::vector<std::string_view> views(words.begin(), words.end());
      write_request(stream, views);
      expected.requests.push_back(std::move(words));
    }
    ASSERT_EQ(parse_requests(stream, {}), expected) << stream;
    ASSERT_EQ(parse_requests(stream, maker.cuts(stream.size())), expected) << stream;
  }
}

}  // namespace
}  // namespace sojourn::protocol
