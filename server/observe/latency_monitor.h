#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/clock.h"

namespace sojourn::server {

// What took latency-monitor-threshold or longer, by the kind of event, for the LATENCY commands.
// As Redis keeps it: of each second the worst, of each event the last kSamplesMax such seconds.
// Threading: any thread. What is asked of each request is only whether it was slow; that is for the
// caller.
class LatencyMonitor {
 public:
  static constexpr std::size_t kSamplesMax = 160;
  struct Sample {
    std::int64_t at_s;  // Unix time
    std::int64_t ms;
  };
  struct Event {
    std::string name;
    Sample latest;
    std::int64_t max_ms;          // since the last reset
    std::vector<Sample> samples;  // oldest first
  };

  void add(std::string_view event, Time at, std::chrono::microseconds took);
  std::vector<Event> events() const;  // by name
  std::vector<Sample> history(std::string_view event) const;
  // Forgets these events, or all if none is named; returns how many there were.
  std::size_t reset(std::span<const std::string_view> names);

 private:
  struct Series {
    std::int64_t max_ms = 0;
    std::deque<Sample> samples;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Series, std::less<>> series_;
};

}  // namespace sojourn::server
