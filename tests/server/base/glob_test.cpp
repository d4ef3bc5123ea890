#include "server/base/glob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace sojourn::server {
namespace {

struct Case {
  std::string_view pattern;
  std::string_view text;
  bool fits;
};

// Each was put to redis-server 7.0 with KEYS, but for the empty text.
TEST(Glob, UnderstandsWhatRedisUnderstands) {
  constexpr Case kCases[] = {
      {"", "", true},
      {"*", "", true},
      {"**", "", true},
      {"", "a", false},
      {"a", "a", true},
      {"a", "A", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"a?c", "abc", true},
      {"*", "abc", true},
      {"a*", "a", true},
      {"*c", "abc", true},
      {"a*c", "abbc", true},
      {"a*b*c", "aXbYc", true},
      {"a*b*c", "acb", false},
      {"*ab", "aab", true},
      {"*a*b", "aXbX", false},
      {"[abc]", "b", true},
      {"[abc]", "d", false},
      {"[^abc]", "d", true},
      {"[^abc]", "a", false},
      {"[a-c]x", "bx", true},
      {"[c-a]x", "bx", true},
      {"[a-c]", "d", false},
      {"[]", "a", false},
      {"[", "a", false},
      {"[", "[", false},
      {"[^", "a", true},
      {"[ab", "b", true},
      {"[a-", "-", true},
      {"[a-]", "[", false},
      {"[a-]", "^", true},
      {"[\\]]", "]", true},
      {"[\\a-c]", "-", true},
      {"[\\a-c]", "b", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\", "\\", true},
      {"a\\", "a\\", true},
      {"\\a", "a", true},
      {"\\[a]", "[a]", true},
      {"h[^e]llo", "hallo", true},
      {"h[^e]llo", "hello", false},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(glob_match(c.pattern, c.text), c.fits) << c.pattern << " on " << c.text;
  }
}

TEST(Glob, IgnoresCaseWhenAsked) {
  EXPECT_TRUE(glob_match("MAX*", "maxmemory", true));
  EXPECT_FALSE(glob_match("MAX*", "maxmemory", false));
  EXPECT_TRUE(glob_match("[A-C]", "b", true));
  EXPECT_TRUE(glob_match("[B]", "b", true));
}

TEST(Glob, TakesBytesThatAreNoText) {
  EXPECT_TRUE(glob_match(std::string_view("a\0?", 3), std::string_view("a\0b", 3)));
  EXPECT_TRUE(glob_match("[\x80-\xff]", "\xc3"));
  EXPECT_FALSE(glob_match("[\x80-\xff]", "a"));
}

// CVE-2022-36021 and CVE-2024-31228: these took Redis minutes, or its stack.
TEST(Glob, HostilePatternsTakeNoLongerThanPatternTimesText) {
  const std::string many_a(1000, 'a');
  std::string stars;
  for (int i = 0; i < 100; ++i) stars += "a*";
  const std::string megabyte_of_stars(1 << 20, '*');
  const std::string open_brackets(100'000, '[');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(stars + "b", many_a));
  EXPECT_TRUE(glob_match(megabyte_of_stars, many_a));
  EXPECT_FALSE(glob_match(megabyte_of_stars + "b", many_a));
  EXPECT_FALSE(glob_match(open_brackets, many_a));
  // Exponential work would not end today; this allows for slow machines and sanitizers.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace sojourn::server
