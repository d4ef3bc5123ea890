#include "server/cache/reserved_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sojourn::server {
namespace {

void put_big_endian(std::uint64_t number, char* to) {
  for (int i = 7; i >= 0; --i, number >>= 8) to[i] = static_cast<char>(number);
}

std::uint64_t get_big_endian(const char* from) {
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(from[i]);
  return number;
}

// The row of a reserved number: the number, then all its bits turned over, so that damage is seen.
std::array<char, 16> encode_reserved(std::uint64_t number) {
  std::array<char, 16> row;
  put_big_endian(number, row.data());
  put_big_endian(~number, row.data() + 8);
  return row;
}

// The first number that nobody has reserved yet: `otherwise` if the store holds no such row.
Result<std::uint64_t> read_reserved(Store& store, std::string_view name, std::uint64_t otherwise) {
  const auto found = store.read(Column::meta, name);
  if (!found) return found.error();
  if (!*found) return otherwise;
  const std::string& row = **found;
  if (row.size() != 16 || get_big_endian(row.data()) != ~get_big_endian(row.data() + 8)) {
    return Error{Errc::damaged, fmt::format("the reserved number {} is damaged", name)};
  }
  return std::max(get_big_endian(row.data()), otherwise);
}

}  // namespace

Result<void> ReservedNumbers::restore(Store& store) {
  const auto reserved = read_reserved(store, row_, reserved_);
  if (!reserved) return reserved.error();
  next_ = reserved_ = *reserved;
  return {};
}

void ReservedNumbers::reserve(Batch& batch, std::uint64_t step) {
  const std::uint64_t end = next_.load(std::memory_order_relaxed) + step;
  const auto row = encode_reserved(end);
  batch.put(Column::meta, {row_}, {{row.data(), row.size()}});
  reserved_ = end;
}

}  // namespace sojourn::server
