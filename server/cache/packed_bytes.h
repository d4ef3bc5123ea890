#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "server/base/clock.h"

// What the bytes of a packed hash are made of; for packed_hash.cpp and packed_deadlines.cpp.
namespace sojourn::server::packed_hash {

inline constexpr std::size_t kCountBytes = 4;
inline constexpr std::size_t kTimedHeadBytes = 8;  // both counts
inline constexpr std::size_t kDeadlineBytes = 8;
inline constexpr std::uint32_t kTimedBit = 1u << 31;

inline std::uint32_t load_number(std::string_view packed, std::size_t at) {
  std::uint32_t number = 0;
  if (packed.size() >= at + sizeof number) std::memcpy(&number, packed.data() + at, sizeof number);
  return number;
}
inline std::uint32_t load_count(std::string_view packed) {
  return load_number(packed, 0) & ~kTimedBit;
}
inline bool is_timed(std::string_view packed) { return (load_number(packed, 0) & kTimedBit) != 0; }
// How many fields have deadlines.
inline std::uint32_t load_timed(std::string_view packed) {
  return is_timed(packed) ? load_number(packed, kCountBytes) : 0;
}
inline void store_number(std::string& packed, std::size_t at, std::uint32_t number) {
  std::memcpy(packed.data() + at, &number, sizeof number);
}
// `timed` is 0 but for the timed form.
inline void add_to_counts(std::string& packed, int fields, int timed) {
  store_number(packed, 0, load_number(packed, 0) + static_cast<std::uint32_t>(fields));
  if (timed == 0) return;
  store_number(packed, kCountBytes,
               load_number(packed, kCountBytes) + static_cast<std::uint32_t>(timed));
}

inline Time load_deadline(std::string_view bytes) {
  std::int64_t ms = 0;
  std::memcpy(&ms, bytes.data(), sizeof ms);
  return from_unix_ms(ms);
}
inline void append_deadline(std::string& out, Time deadline) {
  const std::int64_t ms = unix_ms(deadline);
  out.append(reinterpret_cast<const char*>(&ms), sizeof ms);
}
inline void append_piece(std::string& out, std::string_view piece) {
  auto size = static_cast<std::uint32_t>(piece.size());
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
  out.append(piece);
}

}  // namespace sojourn::server::packed_hash
