#include "server/store/record.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <bit>
#include <cstring>
#include <type_traits>

#include "server/base/check.h"
#include "server/store/long_hash.h"

namespace sojourn::server {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are little-endian on disk");

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kFieldDeadlineBytes = 16;  // deadline, checksum
constexpr std::size_t kTouchHeadBytes = 16;      // version, deadline
constexpr std::size_t kOwnerBytesMax = 255;

// What stands in a head beside the fields every record has.
constexpr std::uint8_t kHasDeadline = 1;
constexpr std::uint8_t kHasAbsoluteDeadline = 2;
constexpr std::uint8_t kHasOwner = 4;
constexpr std::uint8_t kHasCollection = 8;
constexpr std::uint8_t kKnownFlags =
    kHasDeadline | kHasAbsoluteDeadline | kHasOwner | kHasCollection;

// The row's kind goes into its checksum, so that no row is ever taken for one of another kind.
enum class RowKind : std::uint64_t { record = 1, touch = 2, field = 3, field_deadline = 4 };

std::uint64_t hash(std::string_view bytes) {
  constexpr std::size_t kShortMax = 240;  // XXH3 has a way of its own for these, best inlined
  if (bytes.size() > kShortMax) return long_hash(bytes);
  return XXH3_64bits(bytes.data(), bytes.size());
}

// Key prefixes are 4 bytes (database) or 8 (collection).
std::uint64_t checksum(RowKind kind, std::string_view key_prefix, std::string_view key,
                       std::string_view head, std::string_view value) {
  std::uint64_t parts[5] = {static_cast<std::uint64_t>(kind), 0, hash(key), hash(head),
                            hash(value)};
  CHECK(key_prefix.size() <= sizeof parts[1]);
  std::memcpy(&parts[1], key_prefix.data(), key_prefix.size());
  return XXH3_64bits(parts, sizeof parts);
}

class Writer {
 public:
  explicit Writer(char* to) : begin_(to), at_(to) {}
  void byte(std::uint8_t value) { *at_++ = static_cast<char>(value); }
  template <class T>
  void number(T value) {
    static_assert(sizeof(T) == 8);
    std::memcpy(at_, &value, 8);
    at_ += 8;
  }
  void time(Time value) { number(unix_ms(value)); }
  void bytes(std::string_view value) {
    std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

// Reads what is there; past the end it gives zeros and remembers that it was short.
class Reader {
 public:
  explicit Reader(std::string_view from) : rest_(from) {}
  std::uint8_t byte() {
    const std::string_view one = bytes(1);
    return one.empty() ? 0 : static_cast<std::uint8_t>(one[0]);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    const std::string_view eight = bytes(8);
    if (!eight.empty()) std::memcpy(&value, eight.data(), 8);
    return value;
  }
  Time time() { return from_unix_ms(static_cast<std::int64_t>(number())); }
  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) {
      short_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool fell_short() const { return short_; }

 private:
  std::string_view rest_;
  bool short_ = false;
};

Error damaged(std::string detail) { return {Errc::damaged, std::move(detail)}; }

std::uint64_t stored_checksum(std::string_view row) {
  return Reader(row.substr(row.size() - kChecksumBytes)).number();
}

std::optional<RecordType> record_type(std::uint8_t number) {
  switch (number) {
    case 1:
      return RecordType::string;
    case 2:
      return RecordType::hash;
    case 3:
      return RecordType::large_hash;
    case 4:
      return RecordType::set;
    case 5:
      return RecordType::large_set;
    case 6:
      return RecordType::sorted_set;
    case 7:
      return RecordType::large_sorted_set;
    case 8:
      return RecordType::timed_hash;
    case 9:
      return RecordType::large_timed_hash;
    default:
      return std::nullopt;
  }
}

template <class Array>
std::string_view view(const Array& array) {
  return {array.data(), array.size()};
}

}  // namespace

RecordEnvelope::RecordEnvelope(std::string_view row_key_prefix, std::string_view row_key,
                               const Record& record) {
  CHECK(row_key_prefix.size() == sizeof(DatabaseId));
  CHECK(record.owner.size() <= kOwnerBytesMax);
  std::uint8_t flags = 0;
  if (record.deadline != kNever) flags |= kHasDeadline;
  if (record.absolute_deadline != kNever) flags |= kHasAbsoluteDeadline;
  if (!record.owner.empty()) flags |= kHasOwner;
  if (record.collection != 0) flags |= kHasCollection;

  Writer head(head_.data());
  head.byte(kFormat);
  head.byte(static_cast<std::uint8_t>(record.type));
  head.byte(flags);
  head.number(record.version);
  head.time(record.created);
  if (flags & kHasDeadline) head.time(record.deadline);
  if (flags & kHasAbsoluteDeadline) head.time(record.absolute_deadline);
  if (flags & kHasCollection) head.number(record.collection);
  if (flags & kHasOwner) {
    head.byte(static_cast<std::uint8_t>(record.owner.size()));
    head.bytes(record.owner);
  }
  head_size_ = head.size();
  Writer(tail_.data())
      .number(checksum(RowKind::record, row_key_prefix, row_key, this->head(), record.value));
}

Result<Record> decode_record(std::string_view row_key, std::string_view row) {
  const auto key = split_row_key(row_key);
  if (!key) {
    return damaged(fmt::format("a record's row key has {} bytes, too few for a database number",
                               row_key.size()));
  }
  if (row.empty()) return damaged("a record is empty");
  Reader reader(row);
  // Before the checksum: another format may keep its checksum elsewhere.
  if (const std::uint8_t format = reader.byte(); format != kFormat) {
    return damaged(
        fmt::format("a record has format {}, this server knows format {}", format, kFormat));
  }
  const std::uint8_t type_number = reader.byte();
  const std::uint8_t flags = reader.byte();
  Record record;
  record.version = reader.number();
  record.created = reader.time();
  if (flags & kHasDeadline) record.deadline = reader.time();
  if (flags & kHasAbsoluteDeadline) record.absolute_deadline = reader.time();
  if (flags & kHasCollection) record.collection = reader.number();
  if (flags & kHasOwner) record.owner = reader.bytes(reader.byte());
  if (reader.fell_short() || reader.rest().size() < kChecksumBytes) {
    return damaged(
        fmt::format("a record of {} bytes is too short for what its head names", row.size()));
  }
  record.value = reader.rest().substr(0, reader.rest().size() - kChecksumBytes);
  const std::string_view head = row.substr(0, row.size() - reader.rest().size());
  if (checksum(RowKind::record, row_key.substr(0, sizeof(DatabaseId)), key->key, head,
               record.value) != stored_checksum(row)) {
    return damaged(fmt::format("a record of {} bytes does not match its checksum", row.size()));
  }
  const auto type = record_type(type_number);
  if (!type) return damaged(fmt::format("a record has the unknown type {}", type_number));
  if ((flags & ~kKnownFlags) != 0) {
    return damaged(fmt::format("a record has the unknown flags {:#x}", flags));
  }
  record.type = *type;
  return record;
}

TouchEnvelope::TouchEnvelope(std::string_view row_key_prefix, std::string_view row_key,
                             const Touch& touch) {
  CHECK(row_key_prefix.size() == sizeof(DatabaseId));
  Writer head(head_.data());
  head.number(touch.version);
  head.time(touch.deadline);
  Writer(tail_.data())
      .number(checksum(RowKind::touch, row_key_prefix, row_key, this->head(), touch.field));
}

Result<Touch> decode_touch(std::string_view row_key, std::string_view row) {
  const auto key = split_row_key(row_key);
  if (!key) {
    return damaged(fmt::format("a touch's row key has {} bytes, too few for a database number",
                               row_key.size()));
  }
  if (row.size() < kTouchHeadBytes + kChecksumBytes) {
    return damaged(fmt::format("a touch has {} bytes, too few for what each has", row.size()));
  }
  Reader reader(row);
  Touch touch;
  touch.version = reader.number();
  touch.deadline = reader.time();
  touch.field = reader.rest().substr(0, reader.rest().size() - kChecksumBytes);
  if (checksum(RowKind::touch, row_key.substr(0, sizeof(DatabaseId)), key->key,
               row.substr(0, kTouchHeadBytes), touch.field) != stored_checksum(row)) {
    return damaged("a touch does not match its checksum");
  }
  return touch;
}

std::array<char, 8> field_tail(std::string_view row_key_prefix, std::string_view row_key,
                               std::string_view value) {
  CHECK(row_key_prefix.size() == sizeof(std::uint64_t));
  std::array<char, 8> tail;
  Writer(tail.data()).number(checksum(RowKind::field, row_key_prefix, row_key, {}, value));
  return tail;
}

Result<std::string_view> decode_field(std::string_view row_key, std::string_view row) {
  constexpr std::size_t prefix = sizeof(std::uint64_t);
  if (row_key.size() < prefix) {
    return damaged(fmt::format("a field's row key has {} bytes, too few for a collection number",
                               row_key.size()));
  }
  if (row.size() < kChecksumBytes) {
    return damaged(fmt::format("a field has {} bytes, too few for a checksum", row.size()));
  }
  const std::string_view value = row.substr(0, row.size() - kChecksumBytes);
  if (checksum(RowKind::field, row_key.substr(0, prefix), row_key.substr(prefix), {}, value) !=
      stored_checksum(row)) {
    return damaged(fmt::format("a field of {} bytes does not match its checksum", row.size()));
  }
  return value;
}

std::array<char, 16> encode_field_deadline(std::string_view row_key_prefix,
                                           std::string_view row_key, Time deadline) {
  CHECK(row_key_prefix.size() == sizeof(std::uint64_t));
  std::array<char, kFieldDeadlineBytes> row;
  Writer writer(row.data());
  writer.time(deadline);
  writer.number(
      checksum(RowKind::field_deadline, row_key_prefix, row_key, {}, {row.data(), writer.size()}));
  return row;
}

Result<Time> decode_field_deadline(std::string_view row_key, std::string_view row) {
  constexpr std::size_t prefix = sizeof(std::uint64_t);
  if (row_key.size() < prefix || row.size() != kFieldDeadlineBytes) {
    return damaged(fmt::format("a field's deadline has {} bytes under a row key of {}", row.size(),
                               row_key.size()));
  }
  Reader reader(row);
  const Time deadline = reader.time();
  if (checksum(RowKind::field_deadline, row_key.substr(0, prefix), row_key.substr(prefix), {},
               row.substr(0, row.size() - kChecksumBytes)) != stored_checksum(row)) {
    return damaged("a field's deadline does not match its checksum");
  }
  return deadline;
}

namespace {

template <class Array, class Number>
Array big_endian(Number number) {
  Array bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(number >> (8 * (bytes.size() - 1 - i)));
  }
  return bytes;
}

}  // namespace

std::array<char, 4> database_prefix(DatabaseId id) { return big_endian<std::array<char, 4>>(id); }

std::array<char, 8> collection_prefix(std::uint64_t collection) {
  return big_endian<std::array<char, 8>>(collection);
}

std::optional<RowKey> split_row_key(std::string_view row_key) {
  if (row_key.size() < sizeof(DatabaseId)) return std::nullopt;
  DatabaseId database = 0;
  for (std::size_t i = 0; i < sizeof(DatabaseId); ++i) {
    database = database << 8 | static_cast<unsigned char>(row_key[i]);
  }
  return RowKey{database, row_key.substr(sizeof(DatabaseId))};
}

}  // namespace sojourn::server
