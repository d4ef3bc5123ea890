#pragma once

#include <atomic>
#include <cstdint>

#include "server/base/clock.h"
#include "server/cache/keyspace.h"

namespace sojourn::server {

struct Services;

// Figures of the whole server that are read now and then and kept in between: too dear to sum for
// each request that asks, or meaningful over a span of time only.
// Threading: any thread; whoever finds a reading due takes it.
class Gauges {
 public:
  // What entries, tables, the journal, connections' buffers and Lua take, as maxmemory counts it.
  std::uint64_t used_memory() const { return used_memory_.load(std::memory_order_relaxed); }
  // Whether more may be put in, with this maxmemory. Where values may leave RAM it is what the
  // keyspace says just now, else what was read last.
  Keyspace::Room room(const Keyspace& keyspace, std::uint64_t most) const {
    const bool full = used_memory() > most;
    if (!keyspace.spills()) return full ? Keyspace::Room::none : Keyspace::Room::enough;
    const Keyspace::Room room = keyspace.room();
    // The rest may take more than the keyspace makes room for.
    const bool full_beside = full && beside_keyspace_.load(std::memory_order_relaxed) > most / 2;
    return full_beside ? Keyspace::Room::none : room;
  }
  // Tells the keyspace what of maxmemory is left to it by the rest. To be called when a setting
  // changed; each reading does it, too.
  void share_memory(const Services& services) const;
  // As INFO tells it: with the storage engine's own, which has a budget of its own and is no
  // matter of maxmemory.
  std::uint64_t told_memory() const { return told_memory_.load(std::memory_order_relaxed); }
  std::uint64_t told_memory_peak() const { return peak_.load(std::memory_order_relaxed); }
  std::uint64_t told_memory_at_start() const { return start_.load(std::memory_order_relaxed); }
  // Over the last whole second or more.
  std::uint64_t commands_per_second() const { return commands_.per_second.load(); }
  std::uint64_t input_bytes_per_second() const { return input_.per_second.load(); }
  std::uint64_t output_bytes_per_second() const { return output_.per_second.load(); }

  // Cheap unless a reading is due: every kMemoryInterval with maxmemory, else every kRateInterval.
  void refresh_if_due(const Services& services, Time now) {
    std::int64_t due_ms = memory_due_ms_.load(std::memory_order_relaxed);
    const std::int64_t now_ms = unix_ms(now);
    if (now_ms < due_ms) return;
    // One of those who find it due.
    if (memory_due_ms_.compare_exchange_strong(due_ms, now_ms + kMemoryInterval.count())) {
      refresh_at_once(services, now);
    }
  }
  // Reads all now, and returns the totals that were read for it. `within`: see Keyspace.
  Keyspace::Totals refresh(const Services& services, Time now, const Transaction* within = nullptr);
  // The peak begins anew (CONFIG RESETSTAT).
  void reset_peak() { peak_.store(told_memory(), std::memory_order_relaxed); }

  static constexpr Millis kMemoryInterval{100};
  static constexpr Millis kRateInterval{1000};

 private:
  // Not when somebody holds a part of the keyspace just now: then at the next time.
  void refresh_at_once(const Services& services, Time now);
  void note(const Services& services, Time now, const Keyspace::Totals& totals);

  struct Rate {
    std::atomic<std::uint64_t> per_second{0};
    std::uint64_t total = 0;  // at the last reading; only whoever holds refreshing_ touches it
    void read(std::uint64_t total_now, std::int64_t elapsed_ms);
  };

  std::atomic<std::int64_t> memory_due_ms_{0};
  std::atomic<std::uint64_t> used_memory_{0};
  std::atomic<std::uint64_t> beside_keyspace_{0};  // of used_memory_
  std::atomic<std::uint64_t> told_memory_{0};
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<std::uint64_t> start_{0};  // 0: not read yet
  Rate commands_, input_, output_;
  std::atomic_flag refreshing_ = ATOMIC_FLAG_INIT;
  std::int64_t rates_read_ms_ = 0;  // by whoever holds refreshing_
};

}  // namespace sojourn::server
