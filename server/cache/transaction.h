#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "server/base/clock.h"
#include "server/base/result.h"
#include "server/cache/entry.h"
#include "server/cache/journal.h"
#include "server/cache/key.h"
#include "server/cache/key_events.h"
#include "server/cache/packed_hash.h"
#include "server/cache/scored_member.h"
#include "server/cache/shard.h"
#include "server/tracking/tracking.h"

namespace sojourn::server {

class Keyspace;

// One command's hold on its keys, or that of several commands which are one (EXEC, a script): their
// shards are locked from begin to end. Changes are seen by nobody else before the end, and reach
// the journal there, as one unit.
//
// Only keys it was made with (in any database), or was told to hold() since, may be asked for:
// anything else is a bug and ends the process. Made with AllShards it holds every key there can be,
// and whole databases; everybody else waits meanwhile, so that is for what cannot be had otherwise.
//
// Locks: who was made with keys never waits for one while it holds another. Of those that do
// (Growing, AllShards) there is one at a time, which may so take shards in any order.
// Entries and views hold until the next change through the transaction; names, fields and values
// passed in must hold until next_command() or finish().
// Expired entries are never seen: find() and peek() remove them on the way; and of hashes the
// fields whose deadlines have passed: those of small ones are removed, those of large ones hidden
// until upkeep removes them. A hash of which no other fields are left is gone.
class Transaction {
 public:
  // `keyspace` must know all the keys: see Keyspace::resolve().
  Transaction(Keyspace& keyspace, std::span<const Key> keys, Time now);
  // The keyspace should be warm: a key that is on disk only would be taken for absent.
  struct AllShards {};
  Transaction(Keyspace& keyspace, AllShards, Time now);
  // Holds these keys to begin with, and more when it is told to: for scripts, which need not say
  // what they will use.
  struct Growing {};
  Transaction(Keyspace& keyspace, Growing, std::span<const Key> keys, Time now);
  // For upkeep: takes over the lock of a shard, which the caller has, and holds any key of it.
  struct LockedShard {
    std::uint16_t index;
  };
  Transaction(Keyspace& keyspace, LockedShard shard, Time now);
  ~Transaction() { finish(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // False when another one holds what this needs and has said that it will be long (it never says
  // so unless it is Growing). This one then holds nothing, and nothing may be asked of it.
  bool began() const { return began_; }
  Time now() const { return now_; }
  bool holds_all() const { return all_; }

  // --- of a Growing one ---
  bool grows() const { return growing_; }
  // The key must be known to the keyspace: see knows().
  void hold(const Key& key);
  bool holds(const Key& key) const;
  void hold_all();
  // Whether find() will tell the truth of a key that is held: false for one that is on disk only,
  // or whose record there is damaged.
  bool knows(const Key& key);
  // Reads a key that is held and not known, now: the one thing here that waits for a disk. For who
  // has changed something, and so can neither begin again nor let go. On failure it is not known.
  std::optional<Error> learn(const Key& key);
  // Whether the value of one of these keys, which are held, is away and needed: then nothing may be
  // asked of it, but Keyspace::bring_back(), when this has ended. learn() reads it here.
  bool lacks(std::span<const Key> keys, Need need);
  // Something was changed on purpose.
  bool wrote() const { return asked_for_; }
  // Others shall not wait for what this holds, and will hold: see began().
  void say_it_will_be_long();
  // Nothing of it shall reach the disk, and nobody shall see what it changed: the process is about
  // to end. It keeps what it holds for ever, and nobody waits for that. Nothing more may be asked
  // of it.
  void forget();
  bool forgotten() const { return forgotten_; }

  // What the key holds, or nullptr. find() counts in keyspace_hits or _misses and renews the access
  // time, or one of the two; peek() leaves no trace.
  struct Trace {
    bool counted = true;
    bool used = true;
    bool told = true;  // a miss that counts is an event
  };
  const Entry* find(const Key& key, Trace trace);
  const Entry* find(const Key& key) { return find(key, Trace{}); }
  const Entry* peek(const Key& key);

  // The key holds `value` and nothing else from now on, whatever it held, until `deadline`. A
  // deadline that has passed removes the key (as SET ... PXAT in the past does).
  void put_string(const Key& key, std::string_view value, Time deadline,
                  StringForm form = StringForm::plain);
  // False when there was nothing.
  bool erase(const Key& key);
  // The key must be there. kNever removes the deadline; one that has passed removes the key.
  void set_deadline(const Key& key, Time deadline);

  // `from` must be there; what `to` held is gone. Everything goes along: value, deadline, creation.
  // When both are the same key, nothing happens.
  void rename(const Key& from, const Key& to);
  void copy(const Key& from, const Key& to);

  // Makes the hash if the key is not there; the key must not hold another type. True when the field
  // is new. A deadline that the field had before is gone, or kept.
  enum class FieldDeadline : bool { dropped, kept };
  bool put_field(const Key& key, std::string_view field, std::string_view value,
                 FieldDeadline old_one = FieldDeadline::dropped);
  // Removes the key with its last field. False when the field was not there.
  bool erase_field(const Key& key, std::string_view field);
  // The field must be there. kNever takes its deadline off; one that has passed removes the field.
  void set_field_deadline(const Key& key, std::string_view field, Time deadline);
  // For upkeep: removes fields that are due, of a large hash up to `limit`, and returns how many
  // of a large one. Nobody's reply need wait for that.
  std::size_t expire_fields(const Key& key, std::size_t limit);

  // The same for sets, plain and sorted. Returns how many members are new, or were there.
  std::size_t add_members(const Key& key, std::span<const std::string_view> members);
  bool put_score(const Key& key, const ScoredMember& member);  // true when it is new
  std::size_t erase_members(const Key& key, std::span<const std::string_view> members);
  // The key holds the set of these members from now on, whatever it held, without a deadline. They
  // may be views into what this transaction's keys hold. One at least, none of them twice; those of
  // a sorted set in order.
  void put_set(const Key& key, std::span<const std::string_view> members);
  void put_sorted_set(const Key& key, std::span<const ScoredMember> members);

  // Whole databases, in order with the changes of keys; for who holds_all(). What was in a flushed
  // one is gone at once for everybody; memory and disk are given back in small steps afterwards.
  void flush(std::uint16_t database);
  void flush_all();
  void swap(std::uint16_t a, std::uint16_t b);

  // One of several commands is done: what was passed in need not hold any longer, and what the
  // command replaced is freed.
  void next_command();
  // What is remembered of the changes so far, to be written at the end: it grows with each of them.
  std::size_t changes_bytes() const {
    return changes_.size() * sizeof(Change) + (several_ != nullptr ? several_->bytes_total : 0);
  }
  // Values that were replaced and are not freed yet.
  std::size_t replaced() const { return released_.size(); }
  // What became of a key, for whoever wants to be told: told after the end, in this order. `name`
  // must be a literal. That a key is new or has expired, and that it was missed, is noted already.
  void note(KeyEventClass kind, std::string_view name, const Key& key) {
    if ((wanted_events_ & static_cast<std::uint16_t>(kind)) != 0) [[unlikely]]
      remember(name, key);
  }
  bool notes_any() const { return wanted_events_ != 0; }

  // The connection for which it is done; for those who do not want to be told of their own changes.
  void made_by(std::uint64_t connection) { by_ = connection; }
  // Before somebody is remembered for having read keys here: he has seen all changes so far.
  void take_readers();

  // Writes the changes to the journal and unlocks. Returns the place a reply must wait for; 0 when
  // nothing changed but what had expired anyway. Done by the destructor if not before.
  JournalPosition finish();

 private:
  struct Change {
    enum class Kind : std::uint8_t {
      record,  // what the key holds now is to be written, if it holds anything
      touch,   // the deadline moved, or Entry::changed_field() did: a row if it is touch_due()
      erased,  // the key's rows are to go
      field,   // of a large collection
      score,   // the same of a sorted set
      all_fields,
      field_erased,
      field_deadline,  // of a field of `hash`: the one it has at the end
      collection_erased,
    };
    Kind kind;
    bool touch_row = false;
    DatabaseId id = 0;  // whose key it is; 0: of the database that has the key's number now
    Key key;
    std::uint64_t collection = 0;
    const LargeHash* hash = nullptr;
    std::string_view field = {};
    std::string_view value = {};
    double score = 0;
  };

  // What only a transaction of several commands needs, or one that holds everything.
  struct Several {
    std::vector<std::unique_ptr<char[]>> bytes;  // what changes point to, one piece a command
    std::size_t bytes_total = 0;
    std::size_t owned = 0;        // of changes_, those whose bytes are ours
    std::size_t settled = 0;      // and those that know whose key theirs is
    std::ptrdiff_t released = 0;  // of released_, those that must stay
    std::vector<DatabaseId> flushed;
    bool remapped = false;
  };
  Several& several();
  void own_bytes();
  std::string_view owned(std::string_view text);  // holds until the end
  void before_remap();
  void touch_watched(std::uint16_t a, std::uint16_t b);
  void flush_one(std::uint16_t database);
  DatabaseId id_of(const Change& change) const;
  Shard& shard_of(const Key& key);
  Shard::Found look_up(const Key& key);  // without expired and absent entries
  Shard::Found look_closer(const Key& key, const Shard::Found& found);
  Shard::Found expire(const Key& key, const Shard::Found& found);
  Shard::Found expire_fields_of(const Key& key, const Shard::Found& found);
  void end_timed_hash(const Key& key, const Shard::Found& found);
  void remove(const Key& key, const Shard::Found& found);
  // Puts a new entry where the key's old one is, if it has one.
  void put_entry(const Key& key, Entry* entry);
  void file(const Key& key, Time due_at);
  void mark_dirty(const Key& key, Entry& entry);
  void write_later(const Key& key, Entry& entry);  // the same, but nobody asked for it
  struct Put {
    Entry& entry;  // that holds the field now
    bool added;    // it is new
  };
  // `found` is the key's look-up; where it was there, `found` holds afterwards, too.
  Put put(const Key& key, const Shard::Found& found, ValueType type, std::string_view field,
          std::string_view value, FieldDeadline old_one = FieldDeadline::dropped);
  void set_deadline_in_large(const Key& key, Entry& entry, std::string_view field, Time deadline);
  bool erase_from(const Key& key, std::string_view field);
  struct Member {
    std::string_view name;
    std::string_view value;
  };
  Entry* make_packed(const Key& key, ValueType type, std::string_view packed);
  Entry* make_large(const Key& key, ValueType type, LargeHash* fields);
  Entry* make_collection(const Key& key, ValueType type, std::span<const Member> members);
  // In place of the small collection that is there.
  Entry* put_changed(const Key& key, const Shard::Found& found, Entry* entry);
  Entry* replace_packed(const Key& key, const Shard::Found& found, Entry* entry);
  Entry& change_field(const Key& key, const Shard::Found& found, const packed_hash::Place& place,
                      std::string_view field, std::string_view value);
  void put_new(const Key& key, Entry* entry);
  Entry* grow_large(const Key& key, const Shard::Found& found);
  LargeHash* new_fields(ValueType type);
  void note_put(const Key& key, LargeHash& fields, ValueType type, std::string_view field,
                std::string_view value);
  void note_deadline(const Key& key, const LargeHash& fields, std::string_view field);
  void note_form(Entry& entry, std::string_view field, std::string_view value) const;
  FieldsForm form_of(ValueType type, std::span<const Member> members) const;
  void put_whole(const Key& key, ValueType type, std::span<const Member> members);
  void drop_collection(const Entry& entry);
  void add_shards(std::span<const Key> keys);
  bool lock_shards();
  bool holds(std::uint16_t shard) const {
    if (locked_.size() == 1) [[likely]]
      return locked_[0] == shard;
    return holds_among_several(shard);
  }
  bool holds_among_several(std::uint16_t shard) const;
  void leave_figures(std::uint16_t shard);
  void mark_long();
  void unlock();
  void tell_readers(bool all_changed);
  std::vector<TrackedName> changed_names(std::size_t from) const;
  void remember(std::string_view name, const Key& key);
  void write(Journal::Unit& unit);
  void write_rows(Journal::Unit& unit, const Change& change);
  void write_record(Journal::Unit& unit, const Change& change);
  void write_touch(Journal::Unit& unit, const Change& change);

  Keyspace& keyspace_;
  const Time now_;
  const std::uint16_t wanted_events_;
  const bool growing_ = false;  // or made with AllShards: the one that waits while it holds
  bool began_ = true;
  bool all_ = false;
  bool long_ = false;
  boost::container::small_vector<std::uint16_t, 4> locked_;  // shards, ascending; none if all_
  boost::container::small_vector<Change, 2> changes_;
  // Freed at the end, without a lock held; until then changes_ may point into them.
  boost::container::small_vector<Entry*, 2> released_;
  std::unique_ptr<Several> several_;
  std::unique_ptr<std::vector<KeyEvent>> events_;
  std::uint64_t by_ = 0;
  struct Readers {
    std::size_t of = 0;  // so many changes
    std::vector<Tracking::Taken> taken;
  };
  std::unique_ptr<Readers> readers_;  // where take_readers() was needed
  bool asked_for_ = false;            // some change is more than the removal of something expired
  bool finished_ = false;
  bool forgotten_ = false;
};

}  // namespace sojourn::server
