#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/clock.h"

namespace sojourn::server {

// What was refused to whom, and why: the last of it, and how often in all. Threading: any thread.
class AclLog {
 public:
  enum class Reason : std::uint8_t { command, key, channel, authentication };
  enum class Context : std::uint8_t { toplevel, multi, lua };
  static constexpr std::size_t kReasons = 4;

  struct Entry {
    Reason reason{};
    Context context{};
    std::string object = {};  // the command, the key, the channel, or how it was tried to log in
    std::size_t object_hash = 0;  // of what it is, where that is not shown
    std::string user = {};
    std::string connection = {};  // as CLIENT INFO shows it
    Time updated{};
    // Filled in by add().
    Time created{};
    std::uint64_t count = 1;
    std::uint64_t id = 0;
  };

  // One that is like another of the last minute counts as the same. The oldest beyond
  // `entries_max` go. Of texts that somebody sent, what is longer than anybody reads is cut.
  void add(Entry entry, std::size_t entries_max);
  std::vector<Entry> latest(std::size_t count) const;  // newest first
  void clear();

  // Since the start or reset_counts(); what clear() forgets is counted still.
  std::uint64_t count(Reason reason) const {
    return counts_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // newest first
  std::uint64_t next_id_ = 0;
  std::atomic<std::uint64_t> counts_[kReasons]{};
};

// As ACL LOG tells it.
std::string_view name_of(AclLog::Reason reason);
std::string_view name_of(AclLog::Context context);

}  // namespace sojourn::server
