#include "server/cache/packed_deadlines.h"

#include "server/cache/packed_bytes.h"
#include "server/cache/packed_hash.h"

namespace sojourn::server::packed_deadlines {

using namespace packed_hash;

namespace {

std::string field_bytes(std::string_view field, std::string_view value, Time deadline) {
  std::string bytes;
  if (deadline != kNever) append_deadline(bytes, deadline);
  append_piece(bytes, field);
  append_piece(bytes, value);
  return bytes;
}

// Where a field that is new, or gets another deadline, goes: before those with the same one.
std::size_t place_for(std::string_view packed, Time deadline) {
  if (deadline == kNever) return packed.size();
  Reader reader(packed);
  while (reader.next() && reader.deadline() < deadline) {
  }
  return reader.begin();
}

}  // namespace

bool timed(std::string_view packed) { return is_timed(packed); }

std::string timed_form(std::string_view packed) {
  std::string out(packed);
  if (is_timed(packed)) return out;
  out.insert(kCountBytes, std::string(kTimedHeadBytes - kCountBytes, '\0'));
  store_number(out, 0, load_number(out, 0) | kTimedBit);
  return out;
}

Time nearest(std::string_view packed) {
  Reader reader(packed);
  return reader.next() ? reader.deadline() : kNever;
}

std::pair<std::string, bool> with(std::string_view packed, std::string_view field,
                                  std::string_view value, Time deadline) {
  const std::string bytes = field_bytes(field, value, deadline);
  Reader reader(packed);
  bool there = false;
  while (!there && reader.next()) there = reader.name() == field;
  if (there && reader.deadline() == deadline) {
    std::string out(packed.substr(0, reader.begin()));
    out.append(bytes).append(packed.substr(reader.end()));
    return {std::move(out), true};
  }
  std::string out = there ? without(packed, field).first : std::string(packed);
  out.insert(place_for(out, deadline), bytes);
  add_to_counts(out, 1, deadline != kNever ? 1 : 0);
  return {std::move(out), there};
}

std::pair<std::string, std::size_t> without_due(std::string_view packed, Time now) {
  Reader reader(packed);
  int due = 0;
  while (reader.next() && reader.deadline() <= now) ++due;
  std::string out(packed.substr(0, kTimedHeadBytes));
  out.append(packed.substr(reader.begin()));
  add_to_counts(out, -due, -due);
  return {std::move(out), static_cast<std::size_t>(due)};
}

bool all_due(std::string_view packed, Time now) {
  if (load_timed(packed) < load_count(packed)) return false;
  Reader reader(packed);
  while (reader.next()) {
    if (reader.deadline() > now) return false;
  }
  return true;
}

}  // namespace sojourn::server::packed_deadlines
