#include "server/observe/latency_monitor.h"

#include <algorithm>

namespace sojourn::server {

void LatencyMonitor::add(std::string_view event, Time at, std::chrono::microseconds took) {
  const Sample sample{.at_s = unix_ms(at) / 1000, .ms = took.count() / 1000};
  const std::lock_guard lock(mutex_);
  auto found = series_.find(event);
  if (found == series_.end()) found = series_.emplace(event, Series{}).first;
  auto& [max_ms, samples] = found->second;
  max_ms = std::max(max_ms, sample.ms);
  if (!samples.empty() && samples.back().at_s == sample.at_s) {
    samples.back().ms = std::max(samples.back().ms, sample.ms);
    return;
  }
  samples.push_back(sample);
  if (samples.size() > kSamplesMax) samples.pop_front();
}

std::vector<LatencyMonitor::Event> LatencyMonitor::events() const {
  const std::lock_guard lock(mutex_);
  std::vector<Event> events;
  for (const auto& [name, series] : series_) {
    events.push_back({.name = name,
                      .latest = series.samples.back(),
                      .max_ms = series.max_ms,
                      .samples = {series.samples.begin(), series.samples.end()}});
  }
  return events;
}

std::vector<LatencyMonitor::Sample> LatencyMonitor::history(std::string_view event) const {
  const std::lock_guard lock(mutex_);
  const auto found = series_.find(event);
  if (found == series_.end()) return {};
  return {found->second.samples.begin(), found->second.samples.end()};
}

std::size_t LatencyMonitor::reset(std::span<const std::string_view> names) {
  const std::lock_guard lock(mutex_);
  const std::size_t before = series_.size();
  if (names.empty()) series_.clear();
  for (const std::string_view name : names) {
    if (const auto found = series_.find(name); found != series_.end()) series_.erase(found);
  }
  return before - series_.size();
}

}  // namespace sojourn::server
