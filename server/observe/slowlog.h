#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/clock.h"

namespace sojourn::server {

// A request's words as the slow log shows them. The first `keep` (a command's name, its subcommand)
// stay; of the others, keys and values, only the length is told: a session id is a secret. With
// log-redact no, keep is the number of words. Cut as Redis cuts: 32 words, 128 bytes a word.
std::vector<std::string> redact(std::span<const std::string_view> words, std::size_t keep);

// The last commands that took long. Threading: any thread.
class SlowLog {
 public:
  struct Entry {
    std::uint64_t id;
    Time at;
    std::chrono::microseconds took;
    std::vector<std::string> words;  // what redact() gave
    std::string peer;
    std::string connection_name;
  };

  // Gives the entry its id: they rise by one, also over a reset. The oldest beyond `entries_max`
  // go.
  void add(Entry entry, std::size_t entries_max);
  std::vector<Entry> latest(std::size_t count) const;  // newest first
  std::size_t size() const;
  void reset();

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // newest first
  std::uint64_t next_id_ = 0;
};

}  // namespace sojourn::server
