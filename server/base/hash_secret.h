#pragma once

#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sojourn::server {

// Random bytes for XXH3_64bits_withSecret: keys cannot be chosen to collide (a seed alone is not
// enough: one published pair of keys collides under one seed in 1,400).
using HashSecret = std::array<unsigned char, 192>;
HashSecret make_hash_secret();
inline std::uint64_t hash_with(const HashSecret& secret, std::string_view key) {
  return XXH3_64bits_withSecret(key.data(), key.size(), secret.data(), secret.size());
}

// For the standard library's tables of what clients have chosen: std::hash is the same in every
// process, so a client could make each look-up cost as much as there are members. One secret for
// the whole process. Any thread.
struct SecretHash {
  std::size_t operator()(std::string_view text) const;
};

}  // namespace sojourn::server
