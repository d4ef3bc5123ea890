#include "server/store/rocks_crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace rocksdb::crc32c {

std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size) {
  constexpr std::size_t kPieceMax = 1u << 30;  // the library counts in int
  std::uint32_t state = ~crc;
  while (size > 0) {
    const std::size_t piece = std::min(size, kPieceMax);
    // It only reads, but does not say so.
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(data));
    state = crc32_iscsi(bytes, static_cast<int>(piece), state);
    data += piece;
    size -= piece;
  }
  return ~state;
}

}  // namespace rocksdb::crc32c
