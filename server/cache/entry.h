#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/memory/slab_heap.h"

namespace sojourn::server {

class LargeHash;

enum class ValueType : std::uint8_t {
  string,
  hash,
  set,
  sorted_set,
  // Internal; no command ever sees these. While records are being loaded, what is known not to be
  // there (any more) stands in the table as `absent`, so that nothing old comes back from disk.
  absent,
  damaged,  // the record on disk cannot be read: never served, never taken for absent
};
static_assert(static_cast<int>(ValueType::absent) == 4, "see Entry::special()");

// How Redis would hold a string, which OBJECT ENCODING tells.
enum class StringForm : std::uint8_t {
  plain,  // by what it is: an integer, or bytes
  bytes,  // as bytes even if they spell an integer (INCRBYFLOAT)
  built,  // as bytes with room to grow (APPEND, SETRANGE)
};

// How Redis would hold a collection, which OBJECT ENCODING tells. It never goes back to an earlier
// form.
enum class FieldsForm : std::uint8_t {
  compact,   // "listpack"
  table,     // "hashtable", of a sorted set "skiplist"
  integers,  // "intset", of a set
  unread,    // not known: of a large one that is away since the start
};

// A key in RAM: the head of one block; the sizes of key and value, the key's bytes and the value's
// follow it. Made and freed by make() and free() only; changed only under its shard's lock.
//
// An entry in a table may be elsewhere as soon as its shard's lock is released: upkeep moves
// entries to give memory back (Shard::make_way). So whoever keeps a pointer or a view into one
// holds that lock, or has taken the entry out of the table (Transaction's released entries, expired
// ones), or has not put it in yet (what the loader and the cold readers make). Prefetching takes
// any address.
//
// A string's value is its bytes. A small hash's is its fields, packed (packed_hash.h); a large
// hash's is a pointer to a LargeHash, which the entry owns. A hash is timed when fields of it have,
// or had, deadlines: packed bytes then have the timed form. A set is a hash of its members, whose
// values are empty; a sorted set is one whose values are scores, and whose fields stand in order
// (scored_member.h).
//
// A value may be away: on disk only, and all else here, which is as it was (maxmemory-policy spill;
// see spilling.cpp). In its place stands the version with which it left, and of a large hash the
// number of its rows.
class Entry {
 public:
  static Entry* make(SlabHeap& heap, std::string_view key, std::size_t value_bytes);
  static void free(SlabHeap& heap, Entry* entry);

  std::string_view key() const {
    const Sizes sizes = this->sizes();
    return {data(), sizes.key};
  }
  ValueType type() const { return static_cast<ValueType>(type_); }
  bool present() const { return type() < ValueType::absent; }
  bool has_fields() const { return present() && type() != ValueType::string; }
  std::string_view string() const { return value(); }  // type() is string
  Time deadline() const { return deadline_ == kNoDeadline ? kNever : from_unix_ms(deadline_); }
  bool has_deadline() const { return deadline_ != kNoDeadline; }
  bool expired(Time now) const { return deadline_ <= unix_ms(now); }
  // Neither it nor the last of its fields has any time left.
  bool gone(Time now) const { return expired(now) || (timed_ && all_fields_due(now)); }
  std::uint64_t version() const { return version_; }
  // Since it was last used; OBJECT IDLETIME. Kept in seconds.
  std::chrono::seconds idle(Time now) const;
  Time created() const { return Time(std::chrono::seconds(created_s_)); }
  StringForm form() const { return static_cast<StringForm>(form_); }         // of a string
  FieldsForm fields_form() const { return static_cast<FieldsForm>(form_); }  // of a collection

  // Its value is on disk only: nothing may be asked of it but what stands above string().
  bool away() const { return away_; }

  // --- for the cache itself ---
  std::string_view value() const {
    CHECK(!away_);
    return held();
  }
  char* value_data() { return const_cast<char*>(value().data()); }
  // Of its block.
  std::size_t bytes() const {
    const Sizes sizes = this->sizes();
    return SlabHeap::rounded(head_bytes(long_sizes_) + sizes.key + sizes.value);
  }
  std::size_t value_bytes() const { return sizes().value; }

  void set_type(ValueType type) { type_ = static_cast<std::uint64_t>(type); }
  // One beyond the latest an entry can hold, in 280 thousand years, is kept as that one.
  static constexpr Time kLatestDeadline = Time(Millis((std::int64_t{1} << 53) - 2));
  void set_deadline(Time deadline) {
    deadline_ = deadline == kNever ? kNoDeadline : unix_ms(std::min(deadline, kLatestDeadline));
  }
  void set_version(std::uint64_t version) { version_ = version; }
  void set_created(Time time) { created_s_ = seconds(time); }
  void set_used(Time time) { used_s_ = seconds(time); }
  // In the future: the value is not to leave until then, or until it was used.
  std::uint32_t used_s() const { return used_s_; }
  static std::uint32_t seconds(Time time) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
  }
  void set_form(StringForm form) { form_ = static_cast<std::uint64_t>(form); }
  void set_form(FieldsForm form) { form_ = static_cast<std::uint64_t>(form); }

  bool timed() const { return timed_; }
  void set_timed(bool on) { timed_ = on; }
  // The nearest deadline of a field; kNever if none has one.
  Time field_deadline() const { return timed_ ? nearest_of_fields() : kNever; }
  // When somebody must look at it.
  Time due() const { return std::min(deadline(), field_deadline()); }
  // Not just a value to be found as long as its deadline has not passed: not present, timed, or
  // away.
  bool special() const {
    // The compiler does not see by itself that one comparison does it.
    unsigned char bits;
    std::memcpy(&bits, reinterpret_cast<const char*>(this) + kFlagsAt, 1);
    return (bits & kSpecialFlags) != 0;
  }

  // What stands for the entry once its value has left RAM, all of which has been written; it must
  // not be timed.
  static Entry* make_away(SlabHeap& heap, const Entry& entry);
  // Of a large one that was not read, with the version its record has now.
  static Entry* make_away(SlabHeap& heap, std::string_view key, ValueType type,
                          std::uint64_t version, std::uint64_t collection);
  static std::size_t bytes_away(const Entry& entry);  // of its block
  // The version it had when it left. No record that was written for the key since has a smaller
  // one, and the value's own has none that is greater.
  std::uint64_t left_at() const;

  // Of a large hash or set. Null for a small one, or when it is away.
  LargeHash* large_hash() const;
  // The number of its rows in Column::fields, be they away or not; 0 for a small one.
  std::uint64_t collection() const;
  void set_large_hash(LargeHash* hash);  // value_bytes() must be sizeof(hash)

  // Changed in the transaction that holds it, not in the journal yet.
  bool dirty() const { return dirty_; }
  void set_dirty(bool on) { dirty_ = on; }
  // How far behind its deadline the one on disk is, as a difference of ticks; a crash ends the
  // session so much early: up to a second.
  static constexpr std::int64_t kLagMax = 49;
  static std::int64_t tick_of(Time deadline) { return unix_ms(deadline) / kTickMs; }
  std::int64_t lag() const { return static_cast<std::int64_t>(lag_); }
  void set_lag(std::int64_t ticks) { lag_ = static_cast<std::uint64_t>(ticks); }
  // There may be a row in Column::touches for it.
  bool touch_row() const { return touch_row_; }
  void set_touch_row(bool on) { touch_row_ = on; }
  // The transaction that holds it will write such a row, unless it writes the record.
  bool touch_due() const { return touch_due_; }
  void set_touch_due(bool on) { touch_due_ = on; }
  // Which field of a small hash is newer than the record on disk, counted from 1 in their order;
  // it stands in the touch row. 0: none is.
  static constexpr std::size_t kChangedFieldMax = 31;
  std::size_t changed_field() const { return changed_field_; }
  void set_changed_field(std::size_t number) { changed_field_ = number; }
  // Takes over everything but key, value (and whether it is timed, or away) and type; and the form,
  // if that is known.
  void take_properties(const Entry& other);

 private:
  Entry() = default;

  static constexpr std::int64_t kNoDeadline = (std::int64_t{1} << 53) - 1;
  static constexpr std::int64_t kTickMs = 20;
  struct Sizes {
    std::uint32_t key;
    std::uint32_t value;
  };
  // Behind the members: one byte and two for the sizes of most entries, else four and four.
  static constexpr std::size_t kShortSizesBytes = 3;
  static bool fit_short(std::size_t key_bytes, std::size_t value_bytes) {
    return key_bytes <= 0xff && value_bytes <= 0xffff;
  }
  static std::size_t head_bytes(bool long_sizes) {
    return sizeof(Entry) + (long_sizes ? sizeof(Sizes) : kShortSizesBytes);
  }
  Sizes sizes() const {
    const auto* const at = reinterpret_cast<const unsigned char*>(this + 1);
    if (long_sizes_) [[unlikely]] {
      Sizes sizes;
      std::memcpy(&sizes, at, sizeof sizes);
      return sizes;
    }
    std::uint16_t value;
    std::memcpy(&value, at + 1, sizeof value);
    return {at[0], value};
  }
  void set_sizes(std::size_t key_bytes, std::size_t value_bytes);

  static std::size_t bytes_held_away(bool large);
  // The value, or what stands in its place.
  std::string_view held() const {
    const Sizes sizes = this->sizes();
    return {data() + sizes.key, sizes.value};
  }
  const char* data() const { return reinterpret_cast<const char*>(this) + head_bytes(long_sizes_); }
  Time nearest_of_fields() const;
  bool all_fields_due(Time now) const;

  // What stands behind the deadline is a byte, the last of its word: special() looks at the upper
  // bit of type_, at away_ and at timed_.
  static constexpr std::size_t kFlagsAt = 7;
  static constexpr unsigned char kSpecialFlags = 0b1100'0100;
  std::int64_t deadline_ : 54;
  std::uint64_t long_sizes_ : 1;
  std::uint64_t touch_due_ : 1;
  std::uint64_t type_ : 3;
  std::uint64_t form_ : 2;
  std::uint64_t large_ : 1;
  std::uint64_t away_ : 1;
  std::uint64_t timed_ : 1;
  std::uint64_t version_ : 51;  // a million changes a second for 71 years
  std::uint64_t dirty_ : 1;
  std::uint64_t touch_row_ : 1;
  std::uint64_t lag_ : 6;
  std::uint64_t changed_field_ : 5;
  std::uint32_t created_s_;
  std::uint32_t used_s_;
};
static_assert(sizeof(Entry) == 24);

}  // namespace sojourn::server
