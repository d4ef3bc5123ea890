#include "server/base/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sojourn::server {
namespace {

TEST(ParseInteger, TakesEveryNumberOf64BitsInItsOneSpelling) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-1"), -1);
  EXPECT_EQ(parse_integer("1234567890"), 1234567890);
  EXPECT_EQ(parse_integer("4294967296"), 4294967296);
  EXPECT_EQ(parse_integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
}

TEST(ParseInteger, RefusesEverythingElse) {
  for (const std::string_view text : {"",
                                      "-",
                                      "+1",
                                      "-0",
                                      "00",
                                      "01",
                                      "-01",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x10",
                                      "abc",
                                      "1a",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551614",
                                      "1234567890123456789012345678901234567890",
                                      "nan",
                                      "inf"}) {
    EXPECT_FALSE(parse_integer(text)) << '"' << text << '"';
  }
  EXPECT_FALSE(parse_integer(std::string_view("1\0", 2)));
}

TEST(ParseReal, TakesWhatRedisTakes) {
  EXPECT_EQ(parse_real("0"), 0.0L);
  EXPECT_EQ(parse_real("3.0e3"), 3000.0L);
  EXPECT_EQ(parse_real("-5.5"), -5.5L);
  EXPECT_EQ(parse_real("+1"), 1.0L);
  EXPECT_EQ(parse_real(".5"), 0.5L);
  EXPECT_EQ(parse_real("5."), 5.0L);
  EXPECT_EQ(parse_real("0x10"), 16.0L);
  EXPECT_TRUE(std::isinf(parse_real("inf").value()));
  EXPECT_TRUE(std::isinf(parse_real("-Infinity").value()));
  EXPECT_GT(parse_real("1e4000"), 1.0L);
}

TEST(ParseReal, RefusesEverythingElse) {
  for (const std::string_view text : {"", " 1", "1 ", "\t1", "abc", "1a", "1e5000", "-1e5000",
                                      "1e-5000", "nan", "-nan", "--1", "1,5"}) {
    EXPECT_FALSE(parse_real(text)) << '"' << text << '"';
  }
  EXPECT_FALSE(parse_real(std::string_view("1\0", 2)));
  EXPECT_FALSE(parse_real(std::string(6000, '1')));
}

TEST(FormatReal, PrintsAsIncrbyfloatDoes) {
  EXPECT_EQ(format_real(3000.0L), "3000");
  EXPECT_EQ(format_real(10.6L), "10.6");
  EXPECT_EQ(format_real(0.1L + 0.2L), "0.3");
  EXPECT_EQ(format_real(-0.0L), "0");
  EXPECT_EQ(format_real(-1e-30L), "0");
  EXPECT_EQ(format_real(1e17L), "100000000000000000");
  EXPECT_EQ(format_real(-1.5L), "-1.5");
  EXPECT_EQ(format_real(std::numeric_limits<long double>::max()).size(), 4933u);
}

TEST(AnyCase, ComparesAndLowersAsciiOnly) {
  EXPECT_TRUE(equal_any_case("MaxMemory", "maxmemory"));
  EXPECT_FALSE(equal_any_case("max", "maxmemory"));
  EXPECT_FALSE(equal_any_case("[", "{"));
  EXPECT_EQ(lower_case("GeT \xc3\x84"), "get \xc3\x84");
}

}  // namespace
}  // namespace sojourn::server
