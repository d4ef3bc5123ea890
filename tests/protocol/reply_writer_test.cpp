#include "protocol/reply_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

#include "protocol/large_memory.h"

namespace sojourn::protocol {
namespace {

using namespace std::string_literals;
using Limit = std::numeric_limits<double>;

template <typename Write>
std::string in(Version version, Write write) {
  std::string out;
  ReplyWriter writer(out, version);
  write(writer);
  return out;
}

template <typename Write>
std::string resp2(Write write) {
  return in(Version::resp2, write);
}

template <typename Write>
std::string resp3(Write write) {
  return in(Version::resp3, write);
}

std::string real(double value) {
  const std::string out = resp3([&](ReplyWriter& w) { w.real(value); });
  EXPECT_TRUE(out.starts_with(",") && out.ends_with("\r\n")) << out;
  return out.substr(1, out.size() - 3);
}

TEST(ReplyWriter, WritesTheTypesThatBothVersionsHave) {
  const auto all = [](ReplyWriter& w) {
    w.ok();
    w.error("ERR syntax error");
    w.integer(42);
    w.integer(0);
    w.integer(-1);
    w.bulk("a\r\n\0"s);
    w.bulk("");
    w.bulk_integer(-12);
    w.array(2);
    w.raw("+x\r\n");
  };
  const std::string bytes =
      "+OK\r\n-ERR syntax error\r\n:42\r\n:0\r\n:-1\r\n$4\r\na\r\n\0\r\n$0\r\n\r\n$3\r\n-12\r\n"
      "*2\r\n+x\r\n"s;
  EXPECT_EQ(resp2(all), bytes);
  EXPECT_EQ(resp3(all), bytes);
}

TEST(ReplyWriter, WritesEveryIntegerToItsLastDigit) {
  const auto ends = [](ReplyWriter& w) {
    w.integer(std::numeric_limits<std::int64_t>::max());
    w.integer(std::numeric_limits<std::int64_t>::min());
    w.unsigned_integer(std::numeric_limits<std::uint64_t>::max());
    w.bulk_integer(std::numeric_limits<std::int64_t>::min());
  };
  EXPECT_EQ(resp2(ends),
            ":9223372036854775807\r\n:-9223372036854775808\r\n:18446744073709551615\r\n"
            "$20\r\n-9223372036854775808\r\n");
}

TEST(ReplyWriter, WritesWhatResp2LacksAsRedisDoes) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.null(); }), "$-1\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.null_array(); }), "*-1\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.map(3); }), "*6\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.set(3); }), "*3\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.push(3); }), "*3\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.real(1.5); }), "$3\r\n1.5\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.boolean(true); }), ":1\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.boolean(false); }), ":0\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.big_number("123"); }), "$3\r\n123\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.verbatim("txt", "a\nb"); }), "$3\r\na\nb\r\n");
}

TEST(ReplyWriter, WritesTheTypesOfResp3) {
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.null(); }), "_\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.null_array(); }), "_\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.map(3); }), "%3\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.set(12); }), "~12\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.push(3); }), ">3\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.real(1.5); }), ",1.5\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.boolean(true); }), "#t\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.boolean(false); }), "#f\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.big_number("-123"); }), "(-123\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.verbatim("txt", "a\nb"); }), "=7\r\ntxt:a\nb\r\n");
}

TEST(ReplyWriter, LetsNoTextForgeAReply) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.simple("a\r\n+OK\r\n"); }), "+a  +OK  \r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.error("ERR '\n:1\r'"); }), "-ERR ' :1 '\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.big_number("1\r\n:2"); }), "(1  :2\r\n");
}

TEST(ReplyWriter, LeavesEarlierRepliesAlone) {
  std::string out = "$2\r\n\r\n\r\n";
  ReplyWriter(out).error("ERR a\nb");
  EXPECT_EQ(out, "$2\r\n\r\n\r\n-ERR a b\r\n");
}

TEST(ReplyWriter, PrintsRealsAsRedisDoes) {
  const struct {
    double value;
    const char* text;
  } table[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-100, "-100"},
      {1.5, "1.5"},
      {-0.5, "-0.5"},
      {0.1, "0.1"},
      {3.141592653589793, "3.141592653589793"},
      {0.0001, "0.0001"},
      {0.000001, "0.000001"},
      {0.0000001, "1e-7"},
      {0.00000015, "1.5e-7"},
      {0.00123456789, "0.00123456789"},
      {1234567.891, "1234567.891"},
      {4503599627370495, "4503599627370495"},
      {1e17, "100000000000000000"},
      {-4611686018427387904.0, "-4611686018427387904"},
      {4611686018427388928.0, "4611686018427389000"},
      {1e20, "1e+20"},
      {1.25e30, "1.25e+30"},
      {-1e-300, "-1e-300"},
      {Limit::max(), "1.7976931348623157e+308"},
      {Limit::denorm_min(), "5e-324"},
      {Limit::infinity(), "inf"},
      {-Limit::infinity(), "-inf"},
      {Limit::quiet_NaN(), "nan"},
      {-Limit::quiet_NaN(), "nan"},
  };
  for (const auto& [value, text] : table) EXPECT_EQ(real(value), text);
}

TEST(ReplyWriter, PrintsEveryRealSoThatItReadsBack) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    static_assert(sizeof(value) == sizeof(bits));
    std::memcpy(&value, &bits, sizeof(value));
    // Everyday magnitudes too, which random bits seldom have.
    if (i % 2 == 0) value = std::fmod(value, 1e9) / 1000;
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(std::strtod(real(value).c_str(), nullptr), value) << real(value);
  }
}

TEST(ReplyWriter, TakesSpareMemoryForALargeReply) {
  const std::string value(2 * kLargeBytes, 'v');
  const std::string reply = "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  std::string out = "+OK\r\n";
  std::string spare;
  spare.reserve(2 * value.size());
  const char* const memory = spare.data();
  ReplyWriter(out, Version::resp2, &spare).bulk(value);
  EXPECT_EQ(out.data(), memory);
  EXPECT_TRUE(out == "+OK\r\n" + reply);
  EXPECT_EQ(spare, "");
  EXPECT_LT(spare.capacity(), 100u);
}

// A peer is charged for what its buffer can hold.
TEST(ReplyWriter, TakesNoMoreThanFourTimesWhatItNeeds) {
  std::string spare;
  spare.reserve(5 * kLargeBytes);
  const std::size_t kept = spare.capacity();
  for (const std::size_t bytes : {kLargeBytes, 2 * kLargeBytes}) {
    std::string out;
    ReplyWriter(out, Version::resp2, &spare).bulk(std::string(bytes, 'v'));
    EXPECT_EQ(out.capacity() == kept, bytes > kLargeBytes) << bytes;
  }
}

TEST(ReplyWriter, LeavesSpareMemoryThatIsTooSmallOrMoreThanAReplyNeeds) {
  std::string spare;
  spare.reserve(2 * kLargeBytes);
  const char* const memory = spare.data();
  for (const std::size_t bytes : {std::size_t{3}, kLargeBytes / 2, 2 * kLargeBytes}) {
    std::string out;
    ReplyWriter(out, Version::resp2, &spare).bulk(std::string(bytes, 'v'));
    EXPECT_GT(out.size(), bytes);
    EXPECT_NE(out.data(), memory) << bytes;
  }
  EXPECT_EQ(spare.data(), memory);
}

}  // namespace
}  // namespace sojourn::protocol
