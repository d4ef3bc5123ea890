#include "server/config/values.h"

#include <gtest/gtest.h>

namespace sojourn::server {
namespace {

// The value as CONFIG GET would show it, or what is wrong with the word.
std::string shown(const Kind& kind, std::string word) {
  const auto value = parse_value(kind, {std::move(word)});
  return value ? print_value(kind, *value) : value.error().detail;
}

TEST(Memory, KnowsRedissUnits) {
  constexpr Kind kMemory{.type = Kind::Type::memory};
  EXPECT_EQ(shown(kMemory, "100"), "100");
  EXPECT_EQ(shown(kMemory, "1b"), "1");
  EXPECT_EQ(shown(kMemory, "1k"), "1000");
  EXPECT_EQ(shown(kMemory, "1KB"), "1024");
  EXPECT_EQ(shown(kMemory, "1m"), "1000000");
  EXPECT_EQ(shown(kMemory, "1Mb"), "1048576");
  EXPECT_EQ(shown(kMemory, "2g"), "2000000000");
  EXPECT_EQ(shown(kMemory, "2gb"), "2147483648");
}

TEST(Memory, RefusesWhatIsNoSize) {
  constexpr Kind kMemory{.type = Kind::Type::memory};
  for (const char* word :
       {"", "mb", "-1", "1.5gb", "1tb", "1 mb", "0x10", "9223372036854775808", "9999999999gb"}) {
    EXPECT_EQ(shown(kMemory, word), "argument must be a memory value") << word;
  }
}

TEST(MemoryOrPercent, TakesBoth) {
  constexpr Kind kKind{.type = Kind::Type::memory_or_percent};
  EXPECT_EQ(shown(kKind, "50%"), "50%");
  EXPECT_EQ(shown(kKind, "1kb"), "1024");
  EXPECT_EQ(shown(kKind, "101%"), "percentage argument must be less or equal to 100");
  EXPECT_EQ(shown(kKind, "x%"), "argument must be a memory or percent value");
}

TEST(Number, HasBounds) {
  constexpr Kind kPort{.type = Kind::Type::number, .min = 0, .max = 65535};
  EXPECT_EQ(shown(kPort, "65535"), "65535");
  EXPECT_EQ(shown(kPort, "65536"), "argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(shown(kPort, "-1"), "argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(shown(kPort, "0x10"), "argument couldn't be parsed into an integer");
  EXPECT_EQ(shown(kPort, ""), "argument couldn't be parsed into an integer");
}

TEST(Octal, IsReadAndShownToTheBaseOfEight) {
  constexpr Kind kMode{.type = Kind::Type::octal, .max = 0777};
  EXPECT_EQ(shown(kMode, "700"), "700");
  EXPECT_EQ(shown(kMode, "999"), "argument couldn't be parsed as an octal number");
  EXPECT_EQ(shown(kMode, "1777"), "argument must be between 0 and 777 inclusive");
}

TEST(YesNo, TakesAnyCase) {
  constexpr Kind kYesNo{.type = Kind::Type::yes_no};
  EXPECT_EQ(shown(kYesNo, "Yes"), "yes");
  EXPECT_EQ(shown(kYesNo, "NO"), "no");
  EXPECT_EQ(shown(kYesNo, "1"), "argument must be 'yes' or 'no'");
}

TEST(Choice, NamesWhatMayBeGiven) {
  static constexpr std::array<std::string_view, 2> kNames{"always", "no"};
  constexpr Kind kChoice{.type = Kind::Type::choice, .choices = kNames};
  EXPECT_EQ(shown(kChoice, "ALWAYS"), "always");
  EXPECT_EQ(shown(kChoice, "x"), "argument(s) must be one of the following: always, no");
}

TEST(Words, AreCounted) {
  constexpr Kind kText{.type = Kind::Type::text};
  constexpr Kind kWords{.type = Kind::Type::words};
  EXPECT_EQ(parse_value(kText, {}).error().detail, "wrong number of arguments");
  EXPECT_EQ(parse_value(kText, {"a", "b"}).error().detail, "wrong number of arguments");
  EXPECT_EQ(parse_value(kWords, {}).error().detail, "wrong number of arguments");
  EXPECT_EQ(print_value(kWords, *parse_value(kWords, {"a", "b"})), "a b");
  EXPECT_EQ(print_value(kWords, *parse_value(kWords, {""})), "");
}

TEST(Text, HoldsNoNulByte) {
  EXPECT_EQ(shown({.type = Kind::Type::text}, std::string("/etc\0/x", 7)),
            "argument must not hold a NUL byte");
}

}  // namespace
}  // namespace sojourn::server
