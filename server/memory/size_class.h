#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sojourn::server::size_class {

// The sizes blocks come in: steps of 8 bytes up to 512, above that 64 steps a doubling, so that
// rounding up costs under 8 bytes of a small block and under 1.6 % of a larger one.
inline constexpr std::size_t kLargest = 32 * 1024;
inline constexpr std::size_t kCount = 64 + 6 * 64;

// `bytes` in [1, kLargest].
constexpr std::size_t index_of(std::size_t bytes) {
  const std::size_t last = bytes - 1;
  if (last < 512) return last / 8;
  const int shift = std::bit_width(last) - 7;
  return 64 * static_cast<std::size_t>(shift - 3) + (last >> shift);
}

constexpr std::size_t bytes_of(std::size_t index) {
  if (index < 64) return (index + 1) * 8;
  return (index % 64 + 65) << (index / 64 + 2);
}

static_assert(index_of(512) == 63 && index_of(513) == 64 && index_of(1024) == 127);
static_assert(index_of(kLargest) == kCount - 1 && bytes_of(kCount - 1) == kLargest);

}  // namespace sojourn::server::size_class
