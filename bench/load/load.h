#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "bench/load/histogram.h"
#include "bench/load/options.h"

namespace sojourn::load {

using Clock = std::chrono::steady_clock;

// What a run, or one thread's share of it, gave.
struct Result {
  Histogram latencies;
  std::uint64_t missing = 0;
  std::uint64_t errors = 0;
  std::uint64_t wrong = 0;
  std::string first_complaint;  // a reply that was an error or wrong
  Clock::time_point began{};
  Clock::time_point ended{};

  void merge(const Result& other);
};

// One thread's share of the connections and requests.
struct Share {
  std::size_t connections;
  std::uint64_t requests;
  std::uint64_t first_filled;
  std::uint64_t seed;
};

// A closed loop over one thread's connections: each sends `in_flight` requests at once and the next
// ones when the last of their replies is there. A request's latency runs from the moment its burst
// is handed to the kernel until its reply has been read.
class Load {
 public:
  // Connects. Throws std::runtime_error with a line for people, as run() does when a connection is
  // lost or nothing comes for half a minute.
  Load(const Options& options, const Share& share);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Result run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sojourn::load
