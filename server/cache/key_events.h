#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/cache/journal.h"

namespace sojourn::server {

// The classes of keyspace events, as notify-keyspace-events names them.
enum class KeyEventClass : std::uint16_t {
  generic = 1u << 0,     // g: commands on keys of any type
  string = 1u << 1,      // $
  list = 1u << 2,        // l
  set = 1u << 3,         // s
  hash = 1u << 4,        // h
  sorted_set = 1u << 5,  // z
  expired = 1u << 6,     // x
  evicted = 1u << 7,     // e
  stream = 1u << 8,      // t
  module = 1u << 9,      // d
  fresh = 1u << 10,      // n: a key that was not there
  miss = 1u << 11,       // m: looked for, and not there
};

// Which events are wanted, and in which of the two forms they are told.
struct WantedKeyEvents {
  std::uint16_t classes = 0;
  bool by_key = false;    // K: __keyspace@0__:s:1 tells "del"
  bool by_event = false;  // E: __keyevent@0__:del tells "s:1"

  // Of a value of notify-keyspace-events; what it does not know it leaves out.
  static WantedKeyEvents parse(std::string_view value);
  // The same, but nothing if it would be told in no form.
  std::uint16_t told() const { return by_key || by_event ? classes : 0; }
};

// What became of a key, in Redis's words.
struct KeyEvent {
  std::string_view name;  // a literal: "set", "expired"
  std::string key;
  std::uint16_t database = 0;
};

// The way of events from where keys change to whoever tells others.
//
// Threading: any thread. Events of one key are told in the order of its changes: they are queued
// while its shard is locked, and told, by one thread at a time, when it no longer is.
class KeyEvents {
 public:
  // `after`: the place in the journal at which the change is written; 0 if nobody need wait.
  using Tell = std::function<void(const KeyEvent&, const WantedKeyEvents&, JournalPosition after)>;

  // Before the first change.
  void tell_to(Tell tell) { tell_ = std::move(tell); }
  // From now on.
  void want(const WantedKeyEvents& wanted);
  // Of which classes; 0 nearly always.
  std::uint16_t wanted() const { return wanted_.load(std::memory_order_relaxed); }

  // The caller holds the lock of the keys' shards, and calls tell() when it has given it up.
  void queue(std::vector<KeyEvent> events, JournalPosition after);
  // When it returns, what was queued before it has been told.
  void tell();

 private:
  struct Batch {
    std::vector<KeyEvent> events;
    JournalPosition after;
  };

  std::atomic<std::uint16_t> wanted_{0};
  std::mutex telling_;  // held from taking the queue to having told of it
  std::mutex mutex_;    // guards what follows
  std::vector<Batch> queue_;
  WantedKeyEvents forms_;
  Tell tell_;
};

}  // namespace sojourn::server
