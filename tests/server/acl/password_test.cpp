#include "server/acl/password.h"

#include <gtest/gtest.h>

#include <set>

namespace sojourn::server {
namespace {

TEST(Passwords, AreKeptAsTheirSha256) {
  EXPECT_EQ(hash_password("secret"),
            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
  EXPECT_EQ(hash_password(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_NE(hash_password(std::string_view("a\0b", 3)), hash_password("a"));
}

TEST(Passwords, AHashHasSixtyFourDigitsInLowerCase) {
  EXPECT_TRUE(is_password_hash(hash_password("x")));
  EXPECT_FALSE(is_password_hash(""));
  EXPECT_FALSE(is_password_hash(std::string(63, 'a')));
  EXPECT_FALSE(is_password_hash(std::string(65, 'a')));
  EXPECT_FALSE(is_password_hash(std::string(64, 'A')));
  EXPECT_FALSE(is_password_hash(std::string(64, 'g')));
}

TEST(Passwords, AreEqualOnlyIfAllOfThemIs) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  for (const char* other : {"", "ab", "abcd", "abd", "xbc", "ABC"}) {
    EXPECT_FALSE(equal_in_constant_time("abc", other)) << other;
  }
}

TEST(RandomDigits, AreAsManyAsAskedForAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string digits = random_digits(64);
    EXPECT_EQ(digits.size(), 64u);
    EXPECT_TRUE(is_password_hash(digits));
    EXPECT_TRUE(seen.insert(digits).second);
  }
  EXPECT_EQ(random_digits(1).size(), 1u);
  EXPECT_EQ(random_digits(1023).size(), 1023u);
}

}  // namespace
}  // namespace sojourn::server
