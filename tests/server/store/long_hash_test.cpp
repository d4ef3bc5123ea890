#include "server/store/long_hash.h"

#define XXH_INLINE_ALL  // as record.cpp has it
#include <gtest/gtest.h>
#include <xxhash.h>

#include <random>
#include <string>

namespace sojourn::server {
namespace {

// What is on disk was summed up with the one or the other.
TEST(LongHash, IsThatOfShortOnes) {
  std::mt19937 random(1);
  std::string bytes(300'000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    EXPECT_EQ(long_hash({bytes.data(), size}), XXH3_64bits(bytes.data(), size)) << size;
  }
}

}  // namespace
}  // namespace sojourn::server
