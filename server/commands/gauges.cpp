#include "server/commands/gauges.h"

#include <algorithm>

#include "server/commands/services.h"

namespace sojourn::server {

void Gauges::Rate::read(std::uint64_t total_now, std::int64_t elapsed_ms) {
  // A total is below the one before after CONFIG RESETSTAT.
  const std::uint64_t by = total_now > total ? total_now - total : 0;
  per_second.store(by * 1000 / static_cast<std::uint64_t>(elapsed_ms), std::memory_order_relaxed);
  total = total_now;
}

Keyspace::Totals Gauges::refresh(const Services& services, Time now, const Transaction* within) {
  Keyspace::Totals totals = services.keyspace.totals(within);
  note(services, now, totals);
  return totals;
}

void Gauges::refresh_at_once(const Services& services, Time now) {
  if (const auto totals = services.keyspace.totals_at_once()) note(services, now, *totals);
}

// Half of it at least: what others take for a moment does not drive all values out.
void Gauges::share_memory(const Services& services) const {
  const auto settings = services.config.current();
  const std::uint64_t most = settings->maxmemory_policy == kSpill ? settings->maxmemory : 0;
  const std::uint64_t beside = beside_keyspace_.load(std::memory_order_relaxed);
  services.keyspace.set_memory_limit(most - std::min(beside, most / 2));
}

void Gauges::note(const Services& services, Time now, const Keyspace::Totals& totals) {
  if (refreshing_.test_and_set(std::memory_order_acquire)) return;
  const std::int64_t now_ms = unix_ms(now);
  const bool bounded = services.config.current()->maxmemory != 0;
  const Millis interval = bounded ? kMemoryInterval : kRateInterval;
  memory_due_ms_.store(now_ms + interval.count(), std::memory_order_relaxed);

  const Metrics& metrics = services.metrics;
  const std::uint64_t used = totals.entry_bytes + services.keyspace.journal().pending_bytes() +
                             metrics.sum(&WorkerMetrics::input_buffer_bytes) +
                             metrics.sum(&WorkerMetrics::output_buffer_bytes) +
                             services.scripts->figures().machine_bytes;
  used_memory_.store(used, std::memory_order_relaxed);
  beside_keyspace_.store(used - totals.entry_bytes, std::memory_order_relaxed);
  share_memory(services);
  const std::uint64_t told = used + metrics.sum(&WorkerMetrics::spare_buffer_bytes) +
                             (services.store != nullptr ? services.store->memory_bytes() : 0);
  told_memory_.store(told, std::memory_order_relaxed);
  peak_.store(std::max(told, told_memory_peak()), std::memory_order_relaxed);
  if (told_memory_at_start() == 0) start_.store(told, std::memory_order_relaxed);

  const std::int64_t elapsed_ms = now_ms - rates_read_ms_;
  if (elapsed_ms >= kRateInterval.count()) {
    commands_.read(metrics.sum(&WorkerMetrics::commands), elapsed_ms);
    input_.read(metrics.sum(&WorkerMetrics::net_input_bytes), elapsed_ms);
    output_.read(metrics.sum(&WorkerMetrics::net_output_bytes), elapsed_ms);
    rates_read_ms_ = now_ms;
  }
  refreshing_.clear(std::memory_order_release);
}

}  // namespace sojourn::server
