#include "server/cache/packed_hash.h"

#include <algorithm>
#include <cstring>

#include "server/base/check.h"
#include "server/cache/packed_bytes.h"

namespace sojourn::server::packed_hash {

Reader::Reader(std::string_view packed) : packed_(packed), position_(kCountBytes) {
  if (is_timed(packed)) [[unlikely]] {
    timed_left_ = load_timed(packed);
    position_ = kTimedHeadBytes;
  }
}

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

bool Reader::take_deadline() {
  if (timed_left_ == 0) [[likely]] {
    deadline_ = kNever;
    return true;
  }
  if (position_ > packed_.size() || packed_.size() - position_ < kDeadlineBytes) return false;
  --timed_left_;
  deadline_ = load_deadline(packed_.substr(position_));
  position_ += kDeadlineBytes;
  return true;
}

bool Reader::next() {
  begin_ = position_;
  return take_deadline() && take(name_) && take(value_);
}

std::optional<Reader> Reader::of_piece(std::string_view piece) {
  Reader reader;
  reader.packed_ = piece;
  if (!reader.next() || reader.end() != piece.size()) return std::nullopt;
  return reader;
}

bool well_formed(std::string_view packed) {
  Reader reader(packed);
  std::size_t fields = 0;
  std::size_t timed = 0;
  Time last = Time::min();
  while (reader.next()) {
    // Deadlines first, the nearest before all; each is one, and no field without stands among them.
    if (reader.deadline() < last) return false;
    last = reader.deadline();
    timed += reader.deadline() != kNever;
    ++fields;
  }
  return packed.size() >= kCountBytes && fields > 0 && fields == load_count(packed) &&
         timed == load_timed(packed) && reader.begin() == packed.size();
}

std::size_t size(std::string_view packed) { return load_count(packed); }

std::optional<std::string_view> get(std::string_view packed, std::string_view field) {
  Reader reader(packed);
  while (reader.next()) {
    if (reader.name() == field) return reader.value();
  }
  return std::nullopt;
}

std::optional<Place> find(std::string_view packed, std::string_view field) {
  Reader reader(packed);
  for (std::size_t number = 1; reader.next(); ++number) {
    if (reader.name() == field) return Place{number, reader.piece(), reader.value()};
  }
  return std::nullopt;
}

std::string_view piece(std::string_view packed, std::size_t number) {
  Reader reader(packed);
  for (; number > 0; --number) CHECK(reader.next());
  return reader.piece();
}

std::optional<Patched> patched(std::string_view packed, std::string_view piece) {
  const auto changed = Reader::of_piece(piece);
  if (!changed || is_timed(packed)) return std::nullopt;
  const auto place = find(packed, changed->name());
  if (!place) return std::nullopt;
  std::string out(packed);
  out.replace(static_cast<std::size_t>(place->piece.data() - packed.data()), place->piece.size(),
              piece);
  return Patched{std::move(out), place->number};
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
  add_to_counts(packed, 1, 0);
}

void append(std::string& packed, std::string_view field, std::string_view value) {
  packed.resize(std::max(packed.size(), kCountBytes));
  append_piece(packed, field);
  append_piece(packed, value);
  add_to_counts(packed, 1, 0);
}

std::pair<std::string, bool> without(std::string_view packed, std::string_view field) {
  Reader reader(packed);
  while (reader.next()) {
    if (reader.name() != field) continue;
    std::string out(packed.substr(0, reader.begin()));
    out.append(packed.substr(reader.end()));
    add_to_counts(out, -1, reader.deadline() != kNever ? -1 : 0);
    return {std::move(out), true};
  }
  return {std::string(packed), false};
}

}  // namespace sojourn::server::packed_hash
