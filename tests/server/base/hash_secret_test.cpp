#include "server/base/hash_secret.h"

#include <gtest/gtest.h>

#include <string>

namespace sojourn::server {
namespace {

TEST(HashSecret, IsAnotherEachTime) {
  const HashSecret one = make_hash_secret(), other = make_hash_secret();
  for (const std::size_t bytes : {3u, 16u, 100u, 1000u}) {
    const std::string key(bytes, 'k');
    EXPECT_NE(hash_with(one, key), hash_with(other, key)) << bytes;
  }
}

TEST(HashSecret, IsOneForAllTablesOfTheProcess) {
  EXPECT_EQ(SecretHash()("session"), SecretHash()("session"));
  EXPECT_NE(SecretHash()("session"), SecretHash()("sessiom"));
}

}  // namespace
}  // namespace sojourn::server
