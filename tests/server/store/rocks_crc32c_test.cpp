#include "server/store/rocks_crc32c.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <rocksdb/version.h>

#include <random>
#include <string>

namespace sojourn::server {
namespace {

using rocksdb::crc32c::Extend;

constexpr const char* kName = "_ZN7rocksdb6crc32c6ExtendEjPKcm";

std::uint32_t crc_of(const std::string& bytes) { return Extend(0, bytes.data(), bytes.size()); }

// That it is what the library calls, tests/system/restart_test.py looks for. RFC 3720, B.4.
TEST(RocksCrc32c, IsThatOfTheStandard) {
  std::string ascending;
  for (char i = 0; i < 32; ++i) ascending += i;
  EXPECT_EQ(crc_of(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc_of(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc_of(ascending), 0x46dd794eu);
  EXPECT_EQ(crc_of("123456789"), 0xe3069283u);
  EXPECT_EQ(crc_of(""), 0u);
}

TEST(RocksCrc32c, IsWhatTheLibraryWouldHaveComputed) {
  const std::string file =
      "librocksdb.so." + std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR);
  void* library = dlopen(file.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto theirs = reinterpret_cast<decltype(&Extend)>(dlsym(library, kName));
  ASSERT_NE(theirs, nullptr) << dlerror();
  ASSERT_NE(theirs, &Extend) << "there is nothing to compare with";

  std::mt19937 random(1);
  std::string bytes(100'000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (int i = 0; i < 2000; ++i) {
    const std::size_t from = random() % 100;
    const std::size_t size = random() % (i % 10 == 0 ? bytes.size() - from : 1000);
    const auto before = static_cast<std::uint32_t>(random());
    EXPECT_EQ(Extend(before, bytes.data() + from, size), theirs(before, bytes.data() + from, size))
        << size << " bytes from " << from;
  }
  dlclose(library);
}

}  // namespace
}  // namespace sojourn::server
