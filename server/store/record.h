#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/clock.h"
#include "server/base/result.h"

namespace sojourn::server {

// What a key holds, as it stands on disk. The format is described in server/README.md.
enum class RecordType : std::uint8_t {
  string = 1,
  hash = 2,        // a small hash: value is the packed fields (server/cache/packed_hash.h)
  large_hash = 3,  // a large hash: its fields are rows of Column::fields under `collection`
  set = 4,         // as a hash whose values are empty: its members are the fields
  large_set = 5,
  sorted_set = 6,  // as a hash whose values are scores; a small one in their order
  large_sorted_set = 7,
  timed_hash = 8,        // a small hash of which fields have, or had, deadlines
  large_timed_hash = 9,  // a large one: the deadlines are rows of Column::fields, too
};

// A row of Column::records. Views: into the row when decoded, the caller's when encoded.
struct Record {
  RecordType type = RecordType::string;
  Time deadline = kNever;           // idle deadline: the session ends then
  Time created = Time{};            // when the key came to be
  Time absolute_deadline = kNever;  // no touch moves the deadline beyond it
  std::uint64_t version = 0;
  std::string_view owner;        // the user whose session it is; may be empty; up to 255 bytes
  std::uint64_t collection = 0;  // of a large collection: its number, never used again; else 0
  std::string_view value;
};

// The bytes around a record's value: row = head + value + tail. The tail is an XXH3 checksum over
// the row's key, head and value, so that a row that is damaged or stands under another key is
// noticed.
class RecordEnvelope {
 public:
  // `row_key` in two pieces (database prefix, key), as passed to Batch::put.
  RecordEnvelope(std::string_view row_key_prefix, std::string_view row_key, const Record& record);
  std::string_view head() const { return {head_.data(), head_size_}; }
  std::string_view tail() const { return {tail_.data(), tail_.size()}; }

 private:
  std::array<char, 384> head_;
  std::size_t head_size_ = 0;
  std::array<char, 8> tail_;
};

// Fails with Errc::damaged, saying what does not fit. Never reads outside `row`, whatever it holds.
Result<Record> decode_record(std::string_view row_key, std::string_view row);

// A row of Column::touches: what it says holds from `version` on, that is if it is greater than the
// record's version. `field` is the one field of a small hash that has changed since the record was
// written, packed as it is in the record; empty when none has.
struct Touch {
  std::uint64_t version = 0;
  Time deadline = kNever;
  std::string_view field = {};
};
// The bytes around a touch's field: row = head (version, deadline) + field + tail (checksum).
class TouchEnvelope {
 public:
  TouchEnvelope(std::string_view row_key_prefix, std::string_view row_key, const Touch& touch);
  std::string_view head() const { return {head_.data(), head_.size()}; }
  std::string_view tail() const { return {tail_.data(), tail_.size()}; }

 private:
  std::array<char, 16> head_;
  std::array<char, 8> tail_;
};
Result<Touch> decode_touch(std::string_view row_key, std::string_view row);

// A row of Column::fields: value + checksum (8 bytes).
std::array<char, 8> field_tail(std::string_view row_key_prefix, std::string_view row_key,
                               std::string_view value);
Result<std::string_view> decode_field(std::string_view row_key, std::string_view row);

// Until when a field of a large_timed_hash lives, if not for ever: a row of Column::fields beside
// the field's own, so that moving a deadline does not write the value again. Its row key is that of
// the field but for the collection, which is deadlines_of() that of the field. Deadline + checksum.
std::array<char, 16> encode_field_deadline(std::string_view row_key_prefix,
                                           std::string_view row_key, Time deadline);
Result<Time> decode_field_deadline(std::string_view row_key, std::string_view row);

// Row keys. A database's number on disk is given out once and never again: FLUSHDB gives a
// database a new one. Big-endian, so that a database's (collection's) rows stand together.
using DatabaseId = std::uint32_t;
std::array<char, 4> database_prefix(DatabaseId id);
std::array<char, 8> collection_prefix(std::uint64_t collection);
// Collections are numbered from 1 on: none ever gets to these.
inline constexpr std::uint64_t kDeadlineRows = std::uint64_t{1} << 63;
constexpr std::uint64_t deadlines_of(std::uint64_t collection) {
  return collection | kDeadlineRows;
}

struct RowKey {
  DatabaseId database;
  std::string_view key;
};
// nullopt when it is too short to be one.
std::optional<RowKey> split_row_key(std::string_view row_key);

}  // namespace sojourn::server
