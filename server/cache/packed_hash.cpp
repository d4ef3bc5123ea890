#include "server/cache/packed_hash.h"

#include <algorithm>
#include <cstring>

namespace sojourn::server::packed_hash {
namespace {

constexpr std::size_t kCountBytes = 4;

std::uint32_t load_count(std::string_view packed) {
  std::uint32_t count = 0;
  if (packed.size() >= kCountBytes) std::memcpy(&count, packed.data(), kCountBytes);
  return count;
}

void store_count(std::string& packed, std::uint32_t count) {
  std::memcpy(packed.data(), &count, kCountBytes);
}

void append_piece(std::string& out, std::string_view piece) {
  std::uint32_t size = static_cast<std::uint32_t>(piece.size());
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
  out.append(piece);
}

}  // namespace

Reader::Reader(std::string_view packed) : packed_(packed), position_(kCountBytes) {}

bool Reader::take(std::string_view& piece) {
  std::uint64_t size = 0;
  for (int shift = 0;; shift += 7) {
    if (shift > 28 || position_ >= packed_.size()) return false;
    const auto byte = static_cast<unsigned char>(packed_[position_++]);
    size |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  if (size > packed_.size() - position_) return false;
  piece = packed_.substr(position_, size);
  position_ += size;
  return true;
}

bool Reader::next() {
  begin_ = position_;
  return take(name_) && take(value_);
}

bool well_formed(std::string_view packed) {
  Reader reader(packed);
  std::size_t fields = 0;
  while (reader.next()) ++fields;
  return packed.size() >= kCountBytes && fields > 0 && fields == load_count(packed) &&
         reader.begin() == packed.size();
}

std::size_t size(std::string_view packed) { return load_count(packed); }

std::optional<std::string_view> get(std::string_view packed, std::string_view field) {
  Reader reader(packed);
  while (reader.next()) {
    if (reader.name() == field) return reader.value();
  }
  return std::nullopt;
}

std::pair<std::string, bool> with(std::string_view packed, std::string_view field,
                                  std::string_view value) {
  std::string out;
  out.reserve(packed.size() + kCountBytes + field.size() + value.size() + 10);
  Reader reader(packed);
  while (reader.next()) {
    if (reader.name() != field) continue;
    out.append(packed.substr(0, reader.begin()));
    append_piece(out, field);
    append_piece(out, value);
    out.append(packed.substr(reader.end()));
    return {std::move(out), true};
  }
  out.append(packed);
  append(out, field, value);
  return {std::move(out), false};
}

void insert(std::string& packed, std::size_t at, std::string_view field, std::string_view value) {
  packed.resize(std::max(packed.size(), kCountBytes));
  std::string pieces;
  append_piece(pieces, field);
  append_piece(pieces, value);
  packed.insert(at, pieces);
  store_count(packed, load_count(packed) + 1);
}

void append(std::string& packed, std::string_view field, std::string_view value) {
  packed.resize(std::max(packed.size(), kCountBytes));
  append_piece(packed, field);
  append_piece(packed, value);
  store_count(packed, load_count(packed) + 1);
}

std::pair<std::string, bool> without(std::string_view packed, std::string_view field) {
  Reader reader(packed);
  while (reader.next()) {
    if (reader.name() != field) continue;
    std::string out(packed.substr(0, reader.begin()));
    out.append(packed.substr(reader.end()));
    store_count(out, load_count(out) - 1);
    return {std::move(out), true};
  }
  return {std::string(packed), false};
}

}  // namespace sojourn::server::packed_hash
