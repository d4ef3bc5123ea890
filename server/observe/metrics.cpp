#include "server/observe/metrics.h"

#include <algorithm>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// What a reset begins anew. The others say what is held or open now, or are a maximum.
constexpr Metrics::Counter kCounts[] = {
    &WorkerMetrics::connections_received,
    &WorkerMetrics::connections_rejected,
    &WorkerMetrics::commands,
    &WorkerMetrics::net_input_bytes,
    &WorkerMetrics::net_output_bytes,
    &WorkerMetrics::reads,
    &WorkerMetrics::writes,
    &WorkerMetrics::error_replies,
    &WorkerMetrics::output_limit_disconnections,
    &WorkerMetrics::query_limit_disconnections,
    &WorkerMetrics::unauthenticated_disconnections,
    &WorkerMetrics::turns,
};

using PerCommand = WorkerMetrics::PerCommand;
constexpr std::atomic<std::uint64_t> PerCommand::*kCommandCounts[] = {
    &PerCommand::calls, &PerCommand::microseconds, &PerCommand::rejected, &PerCommand::failed};

std::uint64_t read(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

void copy(const std::atomic<std::uint64_t>& from, std::atomic<std::uint64_t>& to) {
  to.store(read(from), std::memory_order_relaxed);
}

void copy_latencies(const PerCommand& from, PerCommand& to) {
  const PerCommand::Latencies* const counts = from.latencies.load(std::memory_order_acquire);
  if (counts == nullptr) return;
  for (std::size_t i = 0; i < counts->size(); ++i) copy((*counts)[i], to.made_latencies()[i]);
}

}  // namespace

WorkerMetrics& Metrics::add_worker() {
  const std::lock_guard lock(mutex_);
  return workers_.emplace_back(std::make_unique<Worker>())->counts;
}

std::uint64_t Metrics::sum(Counter counter) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) {
    sum += read(worker->counts.*counter) - read(worker->at_reset.*counter);
  }
  return sum;
}

std::uint64_t Metrics::max(Counter counter) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t max = 0;
  for (const auto& worker : workers_) max = std::max(max, read(worker->counts.*counter));
  return max;
}

Metrics::CommandFigures Metrics::command(std::size_t index) const {
  CHECK(index < WorkerMetrics::kCommandsMax);
  const std::lock_guard lock(mutex_);
  CommandFigures figures;
  for (const auto& worker : workers_) {
    const PerCommand& now = worker->counts.per_command[index];
    const PerCommand& then = worker->at_reset.per_command[index];
    figures.calls += read(now.calls) - read(then.calls);
    figures.microseconds += read(now.microseconds) - read(then.microseconds);
    figures.rejected += read(now.rejected) - read(then.rejected);
    figures.failed += read(now.failed) - read(then.failed);
  }
  return figures;
}

LatencyCounts Metrics::latencies(std::size_t index) const {
  CHECK(index < WorkerMetrics::kCommandsMax);
  const std::lock_guard lock(mutex_);
  LatencyCounts counts{};
  for (const auto& worker : workers_) {
    const auto* now = worker->counts.per_command[index].latencies.load(std::memory_order_acquire);
    const auto* then =
        worker->at_reset.per_command[index].latencies.load(std::memory_order_relaxed);
    if (now == nullptr) continue;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] += read((*now)[i]) - (then != nullptr ? read((*then)[i]) : 0);
    }
  }
  return counts;
}

void Metrics::count_error(std::string_view code) {
  const std::lock_guard lock(mutex_);
  const auto named = [&](std::string_view name) {
    return std::find_if(errors_.begin(), errors_.end(),
                        [&](const auto& error) { return error.first == name; });
  };
  auto found = named(code);
  if (found == errors_.end() && errors_.size() >= kErrorCodesMax) found = named(code = "OTHER");
  if (found == errors_.end()) {
    errors_.emplace_back(code, 1);
  } else {
    ++found->second;
  }
}

std::vector<std::pair<std::string, std::uint64_t>> Metrics::errors() const {
  const std::lock_guard lock(mutex_);
  return errors_;
}

void Metrics::reset() {
  const std::lock_guard lock(mutex_);
  errors_.clear();
  for (const auto& worker : workers_) {
    for (const Counter counter : kCounts) copy(worker->counts.*counter, worker->at_reset.*counter);
    for (std::size_t i = 0; i < WorkerMetrics::kCommandsMax; ++i) {
      for (const auto counter : kCommandCounts) {
        copy(worker->counts.per_command[i].*counter, worker->at_reset.per_command[i].*counter);
      }
      copy_latencies(worker->counts.per_command[i], worker->at_reset.per_command[i]);
    }
    // The worker only ever stores a longer turn of its own here, so this store is not undone.
    worker->counts.longest_turn_us.store(0, std::memory_order_relaxed);
    worker->counts.longest_turn_cpu_us.store(0, std::memory_order_relaxed);
  }
}

}  // namespace sojourn::server
