#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "server/cache/key.h"

namespace sojourn::server {

class Keyspace;
class Transaction;

// The keys that connections watch (WATCH). Whether a key changed its version tells; here stands
// what versions cannot tell: that a key which was not there has come and gone since, and that
// databases have changed places, maybe twice.
//
// Threading: any thread. A key is added, and said to be gone, under its shard's lock.
class Watches {
 public:
  struct Watch {
    std::string name;
    std::uint64_t hash = 0;
    std::uint16_t database = 0;
    std::atomic<bool> touched{false};
  };

  void add(Watch& watch);
  void remove(Watch& watch);
  // Whether any key with such a hash may be watched: one look at memory that seldom changes.
  bool any(std::uint64_t hash) const {
    return stripe_of(hash).count.load(std::memory_order_relaxed) != 0;
  }
  // A key was taken out of its database. Cheap while none like it is watched.
  void gone(std::uint16_t database, std::uint64_t hash) {
    if (any(hash)) [[unlikely]]
      touch(database, hash);
  }
  // Touches those that fit.
  void touch_if(const std::function<bool(const Watch&)>& fits);

 private:
  // The keys of one shard are in one stripe.
  static constexpr int kStripeBits = 6;
  struct alignas(64) Stripe {
    std::mutex mutex;
    std::unordered_multimap<std::uint64_t, Watch*> watches;  // by hash
    std::atomic<std::size_t> count{0};
  };

  Stripe& stripe_of(std::uint64_t hash) { return stripes_[hash >> (64 - kStripeBits)]; }
  const Stripe& stripe_of(std::uint64_t hash) const { return stripes_[hash >> (64 - kStripeBits)]; }
  void touch(std::uint16_t database, std::uint64_t hash);

  std::array<Stripe, std::size_t{1} << kStripeBits> stripes_;
};

// One key that one connection watches, from the state in which it was when this was made.
class WatchedKey {
 public:
  // `within` holds the key.
  WatchedKey(const Keyspace& keyspace, Transaction& within, const Key& key);
  ~WatchedKey();
  WatchedKey(const WatchedKey&) = delete;
  WatchedKey& operator=(const WatchedKey&) = delete;

  Key key() const { return {watch_.name, watch_.hash, watch_.database}; }
  // True also when it has expired, but not when it had been expired before.
  bool changed(Transaction& within) const;

 private:
  // Two owners: the keyspace, and each key that is watched, since either may go first.
  const std::shared_ptr<Watches> watches_;
  Watches::Watch watch_;
  std::uint64_t version_;  // 0: it was not there
};

}  // namespace sojourn::server
