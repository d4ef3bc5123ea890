// Rows that a damaged or hostile disk could hand us: whatever they are, the decoders read nothing
// outside of them and believe nothing that does not match its checksum.
//
// Input: one byte, the row key's length; the row key; the row.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "server/cache/packed_hash.h"
#include "server/store/record.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace sojourn::server;

std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string whole;
  for (const std::string_view piece : pieces) whole += piece;
  return whole;
}

template <class Array>
std::string_view view(const Array& array) {
  return {array.data(), array.size()};
}

bool same(const Record& a, const Record& b) {
  return a.type == b.type && a.deadline == b.deadline && a.created == b.created &&
         a.absolute_deadline == b.absolute_deadline && a.version == b.version &&
         a.owner == b.owner && a.collection == b.collection && a.value == b.value;
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// What can be decoded from the bytes as they are.
void decode_as_it_is(std::string_view row_key, std::string_view row) {
  if (const auto record = decode_record(row_key, row)) {
    EXPECT(within(record->value, row) && within(record->owner, row));
  } else {
    EXPECT(record.error().code == Errc::damaged && !record.error().detail.empty());
  }
  if (const auto field = decode_field(row_key, row)) EXPECT(within(*field, row));
  if (const auto touch = decode_touch(row_key, row)) EXPECT(within(touch->field, row));
  (void)decode_field_deadline(row_key, row);
  const auto split = split_row_key(row_key);
  EXPECT(split.has_value() == (row_key.size() >= 4));
  if (split) EXPECT(joined({view(database_prefix(split->database)), split->key}) == row_key);
}

class Bytes {
 public:
  explicit Bytes(std::string_view from) : rest_(from) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    const std::string_view taken = bytes(8);
    std::memcpy(&value, taken.data(), taken.size());
    return value;
  }
  std::string_view bytes(std::size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

void turn_a_bit(std::string& row, std::uint64_t choice) {
  const std::size_t bit = static_cast<std::size_t>(choice) % (8 * row.size());
  row[bit / 8] = static_cast<char>(row[bit / 8] ^ (1 << (bit % 8)));
}

// A record made of the bytes must come back as it was, and not at all when one bit of it has
// turned.
void round_trip(std::string_view row_key, std::string_view bytes) {
  if (row_key.size() < 4 || bytes.empty()) return;
  Bytes from(bytes);
  const auto choice = from.number();
  Record record;
  record.type = static_cast<RecordType>(1 + choice % 9);
  record.version = from.number();
  if (choice & 8) record.deadline = from_unix_ms(static_cast<std::int64_t>(from.number()));
  if (choice & 16)
    record.absolute_deadline = from_unix_ms(static_cast<std::int64_t>(from.number()));
  if (choice & 32) record.collection = from.number();
  if (choice & 64) record.owner = from.bytes(choice >> 56);
  record.created = from_unix_ms(static_cast<std::int64_t>(from.number()));
  record.value = from.rest();

  const RecordEnvelope envelope(row_key.substr(0, 4), row_key.substr(4), record);
  std::string row = joined({envelope.head(), record.value, envelope.tail()});
  const auto decoded = decode_record(row_key, row);
  EXPECT(decoded && same(*decoded, record));
  turn_a_bit(row, choice);
  EXPECT(!decode_record(row_key, row));

  const Touch touch{record.version, record.deadline, record.value};
  const TouchEnvelope around(row_key.substr(0, 4), row_key.substr(4), touch);
  std::string touch_row = joined({around.head(), touch.field, around.tail()});
  const auto touched = decode_touch(row_key, touch_row);
  EXPECT(touched && touched->version == touch.version && touched->deadline == touch.deadline &&
         touched->field == touch.field);
  turn_a_bit(touch_row, choice);
  EXPECT(!decode_touch(row_key, touch_row));
}

// A changed field comes into a packed hash, or it does not belong there; nothing is read outside.
void patch(const std::string& packed, const std::string& piece) {
  const auto patched = packed_hash::patched(packed, piece);
  if (!patched) return;
  EXPECT(packed_hash::piece(patched->packed, patched->number) == piece);
  EXPECT(packed_hash::well_formed(patched->packed) == packed_hash::well_formed(packed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view rest = input.substr(1);
  const std::size_t key_bytes = std::min<std::size_t>(data[0], rest.size());
  // Copies of exactly their size, so that the sanitizer sees a step outside.
  const std::string row_key(rest.substr(0, key_bytes));
  const std::string row(rest.substr(key_bytes));
  decode_as_it_is(row_key, row);
  round_trip(row_key, row);
  patch(row, row_key);
  return 0;
}
