#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/observe/latency.h"

namespace sojourn::server {

// What one worker counts: only its thread writes (plain relaxed stores, no shared cache line),
// anybody reads. Made by Metrics::add_worker.
struct alignas(64) WorkerMetrics {
  // Adds without a locked instruction: there is one writer.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> connections_received{0};
  std::atomic<std::uint64_t> connections_rejected{0};
  std::atomic<std::uint64_t> connections{0};  // open now
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> net_input_bytes{0};
  std::atomic<std::uint64_t> net_output_bytes{0};
  std::atomic<std::uint64_t> reads{0};                  // of sockets that had something
  std::atomic<std::uint64_t> writes{0};                 // to sockets
  std::atomic<std::uint64_t> input_buffer_bytes{0};     // held now
  std::atomic<std::uint64_t> output_buffer_bytes{0};    // held now
  std::atomic<std::uint64_t> spare_buffer_bytes{0};     // kept for large ones, in no connection
  std::atomic<std::uint64_t> largest_input_buffer{0};   // of one connection, a second ago at most
  std::atomic<std::uint64_t> largest_output_buffer{0};  // likewise
  std::atomic<std::uint64_t> error_replies{0};
  std::atomic<std::uint64_t> output_limit_disconnections{0};
  std::atomic<std::uint64_t> query_limit_disconnections{0};
  std::atomic<std::uint64_t> unauthenticated_disconnections{0};
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::uint64_t> longest_turn_us{0};  // by the wall clock; see TurnTimer
  std::atomic<std::uint64_t> longest_turn_cpu_us{0};
  // Indexed by Command's place in the registry; see CommandMetrics.
  struct PerCommand {
    PerCommand() = default;
    ~PerCommand() { delete latencies.load(std::memory_order_relaxed); }
    PerCommand(const PerCommand&) = delete;
    PerCommand& operator=(const PerCommand&) = delete;

    std::atomic<std::uint64_t> calls{0};
    std::atomic<std::uint64_t> microseconds{0};
    std::atomic<std::uint64_t> rejected{0};
    std::atomic<std::uint64_t> failed{0};
    // How long calls took, by LatencyBuckets. Made with the first one: most commands have none.
    using Latencies = std::array<std::atomic<std::uint64_t>, LatencyBuckets::kCount>;
    std::atomic<Latencies*> latencies{nullptr};

    void count_latency(std::uint64_t us) { add(made_latencies()[LatencyBuckets::of(us)]); }
    Latencies& made_latencies() {
      Latencies* made = latencies.load(std::memory_order_relaxed);
      if (made == nullptr) [[unlikely]] {
        made = new Latencies{};
        latencies.store(made, std::memory_order_release);
      }
      return *made;
    }
  };
  static constexpr std::size_t kCommandsMax = 512;
  std::array<PerCommand, kCommandsMax> per_command;
};

// The server's figures, summed over workers when somebody asks. Threading: any thread.
class Metrics {
 public:
  using Counter = std::atomic<std::uint64_t> WorkerMetrics::*;

  // Lives as long as this.
  WorkerMetrics& add_worker();
  // One counter over all workers, since the last reset.
  std::uint64_t sum(Counter counter) const;
  // The largest of the workers'; for what is no sum, like longest_turn_us.
  std::uint64_t max(Counter counter) const;
  struct CommandFigures {
    std::uint64_t calls = 0, microseconds = 0, rejected = 0, failed = 0;
  };
  CommandFigures command(std::size_t index) const;
  LatencyCounts latencies(std::size_t index) const;
  // Counts error replies by their first word (INFO errorstats). In order of appearance; past
  // kErrorCodesMax different ones the rest is counted together, as "OTHER".
  static constexpr std::size_t kErrorCodesMax = 128;
  void count_error(std::string_view code);
  std::vector<std::pair<std::string, std::uint64_t>> errors() const;
  // CONFIG RESETSTAT: counts begin anew; what is held or open now stays.
  void reset();

 private:
  // A worker's counters, and what they showed at the last reset: a store from here could be undone
  // by the worker's own load and store.
  struct Worker {
    WorkerMetrics counts;
    WorkerMetrics at_reset;
  };

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::pair<std::string, std::uint64_t>> errors_;
};

}  // namespace sojourn::server
