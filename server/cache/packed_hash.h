#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/base/clock.h"

namespace sojourn::server {

// A small hash or set in one piece of bytes, in order of insertion; the form it has in RAM and on
// disk: count (4 bytes, little-endian), then per field: name size, name, value size, value (sizes
// are LEB128 of up to five bytes). Reading never goes outside the bytes, whatever they hold.
//
// A hash of which fields have, or had, deadlines has a timed form: the count's highest bit is set,
// behind it stands the number of fields that have one (4 bytes), and each of those has its deadline
// (8 bytes, milliseconds since the Unix epoch) before its name. They stand first, the nearest
// deadline before all; changes of that form: packed_deadlines.h.
namespace packed_hash {

// Beyond either, a hash becomes a LargeHash.
inline constexpr std::size_t kBytesMax = 8 * 1024;
inline constexpr std::size_t kFieldsMax = 512;

// Walks the fields in order.
class Reader {
 public:
  explicit Reader(std::string_view packed);
  bool next();  // false at the end, or where the bytes make no sense
  std::string_view name() const { return name_; }
  std::string_view value() const { return value_; }
  Time deadline() const { return deadline_; }  // kNever for none
  // Where the current field begins and ends in the bytes.
  std::size_t begin() const { return begin_; }
  std::size_t end() const { return position_; }
  std::string_view piece() const { return packed_.substr(begin_, position_ - begin_); }

  // The one field that the bytes are, without a count before it; false if they are none.
  static std::optional<Reader> of_piece(std::string_view piece);

 private:
  Reader() = default;
  bool take(std::string_view& piece);
  bool take_deadline();

  std::string_view packed_;
  std::size_t begin_ = 0;
  std::size_t position_ = 0;
  std::size_t timed_left_ = 0;  // fields to come that have deadlines
  std::string_view name_;
  std::string_view value_;
  Time deadline_ = kNever;
};

// Whether the bytes are a packed hash, or a timed one, from first to last. For what comes from
// disk.
bool well_formed(std::string_view packed);
std::size_t size(std::string_view packed);
std::optional<std::string_view> get(std::string_view packed, std::string_view field);

// Where a field is. Not for the timed form, nor is what takes or gives pieces.
struct Place {
  std::size_t number;      // from 1, in their order
  std::string_view piece;  // name and value, each with its size
  std::string_view value;
};
std::optional<Place> find(std::string_view packed, std::string_view field);
// The piece of this number, which must be there.
std::string_view piece(std::string_view packed, std::size_t number);
// The bytes with this piece in place of that of the field it names, and the number of that; nullopt
// when there is none, or the piece is not a field.
struct Patched {
  std::string packed;
  std::size_t number;
};
std::optional<Patched> patched(std::string_view packed, std::string_view piece);

// The bytes with the field set, or removed; and whether it was there before. Setting is not for the
// timed form.
std::pair<std::string, bool> with(std::string_view packed, std::string_view field,
                                  std::string_view value);
std::pair<std::string, bool> without(std::string_view packed, std::string_view field);
// Adds a field that must not be there to bytes that begin empty, at their end or where another
// field begins.
void append(std::string& packed, std::string_view field, std::string_view value);
void insert(std::string& packed, std::size_t at, std::string_view field, std::string_view value);

}  // namespace packed_hash
}  // namespace sojourn::server
