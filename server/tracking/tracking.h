#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "server/tracking/invalidation.h"
#include "server/tracking/prefixes.h"
#include "server/tracking/reader.h"
#include "server/tracking/readers.h"

namespace sojourn::server {

// Which connections keep copies of keys' values, and the way to tell them that these are old
// (CLIENT TRACKING).
//
// Nobody misses an invalidation, and none overtakes the reply whose copy it ends, whichever workers
// are involved:
// - Who reads a key is remembered under its shard's lock, in the hold in which it is read. So a
//   change of the key comes before the reading, which then sees it, or after the remembering.
// - Who changes a key takes all who are remembered out of the table after the change, and before
//   his own reply can leave. Who was remembered is taken once, maybe by somebody who changed the
//   key earlier: then too he is told after he has read.
// - What he is told goes into the mailbox of his worker. That worker runs the request to its end,
//   its reply in the connection's output, before it looks into its mailbox; and so the invalidation
//   stands behind the reply.
// A reader may be told of a change that he has seen: he then reads once more than he need.
//
// Threading: any thread. To ask any() costs one load of what seldom changes.
class Tracking {
 public:
  // Puts what a worker's connections are told into its mailbox; quick.
  using Tell = std::function<void(std::size_t worker, Invalidation)>;
  // Before the first connection tracks anything. `workers`: those that have connections.
  void tell_through(Tell tell, std::function<std::size_t()> workers);

  // --- connections ---
  void begin(Reader reader);
  void end(Reader reader);
  // A connection that tracked is gone, maybe the last: what nobody is left to be told of need not
  // be kept. Who begins just now has read nothing yet, or is told to read it once more.
  void forget_if_last();
  Prefixes& prefixes() { return prefixes_; }
  const Prefixes& prefixes() const { return prefixes_; }
  const Readers& readers() const { return readers_; }
  std::size_t connections() const { return count_.load(std::memory_order_relaxed); }

  // --- keys ---
  // Somebody may have to be told of changes. To be asked under, or after, the lock of the shard.
  bool any() const { return connections() != 0; }
  // Under its shard's lock.
  void remember(const TrackedName& key, Reader reader);
  // Those who are remembered for keys that have changed, and are not any more; under their shards'
  // locks or after. They must be told.
  struct Taken {
    std::string key;
    std::vector<Reader> readers;
  };
  std::vector<Taken> take(std::span<const TrackedName> keys);

  // --- the rest with no shard's lock held ---
  void tell_readers(std::span<const Taken> taken, std::uint64_t by);
  void tell_subscribers(std::span<const TrackedName> keys, std::uint64_t by);
  void changed(std::span<const TrackedName> keys, std::uint64_t by) {
    tell_readers(take(keys), by);
    tell_subscribers(keys, by);
  }
  // Of what is remembered, keys beyond `most` are given up, and their readers told; 0 is no limit.
  void trim(std::size_t most);
  void all_changed();  // as they do when databases are flushed or change places

 private:
  static std::shared_ptr<const std::string> encode(std::span<const std::string_view> keys);
  void tell(Invalidation::To to, std::span<const std::string_view> keys, std::uint64_t by,
            std::span<const Reader> readers);

  Tell tell_;
  std::function<std::size_t()> workers_;
  Readers readers_;
  Prefixes prefixes_;
  std::atomic<std::uint64_t> given_up_{0};

  alignas(64) std::atomic<std::size_t> count_{0};
  alignas(64) mutable std::shared_mutex mutex_;
  std::unordered_set<std::uint64_t> tracking_;  // guarded by mutex_
};

}  // namespace sojourn::server
