#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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

// A loop over one thread's connections, each of which sends `in_flight` requests at once and no
// more before the last of their replies is there.
//
// Closed, without a rate: the next ones follow then. A request's latency runs from the moment its
// burst is handed to the kernel until its reply has been read.
//
// Open, with a rate: the bursts of all connections are due one after the other, evenly spread,
// whatever the server does; one whose connection still waits for replies is sent late. A request's
// latency runs from the moment its burst was due, so a pause delays all that should have been
// sent meanwhile.
class Load {
 public:
  // What came between two moments.
  using TellSlice =
      std::function<void(Clock::time_point from, Clock::time_point until, const Histogram&)>;

  // Connects. Throws std::runtime_error with a line for people, as run() does when a connection is
  // lost or nothing comes for half a minute.
  Load(const Options& options, const Share& share, TellSlice tell_slice = {});
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Result run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sojourn::load
