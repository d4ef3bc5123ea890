#include <fmt/format.h>

#include <numeric>
#include <string>

#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

std::string report(const LatencyMonitor::Event& event) {
  const auto sum = std::accumulate(
      event.samples.begin(), event.samples.end(), std::int64_t{0},
      [](std::int64_t sum, const LatencyMonitor::Sample& sample) { return sum + sample.ms; });
  const auto count = static_cast<std::int64_t>(event.samples.size());
  return fmt::format(
      "{}: in {} different seconds of the last {}, {} ms each on average, {} at most.\n",
      event.name, count, event.latest.at_s - event.samples.front().at_s + 1, sum / count,
      event.max_ms);
}

}  // namespace

void latency_latest(Call& call) {
  const auto events = call.services.latency->events();
  call.reply.array(events.size());
  for (const LatencyMonitor::Event& event : events) {
    call.reply.array(4);
    call.reply.bulk(event.name);
    call.reply.integer(event.latest.at_s);
    call.reply.integer(event.latest.ms);
    call.reply.integer(event.max_ms);
  }
}

void latency_history(Call& call) {
  const auto samples = call.services.latency->history(call.words()[2]);
  call.reply.array(samples.size());
  for (const LatencyMonitor::Sample& sample : samples) {
    call.reply.array(2);
    call.reply.integer(sample.at_s);
    call.reply.integer(sample.ms);
  }
}

void latency_reset(Call& call) {
  call.reply.unsigned_integer(call.services.latency->reset(call.words().subspan(2)));
}

void latency_doctor(Call& call) {
  const Millis threshold = call.services.config.current()->latency_monitor_threshold;
  std::string text;
  if (threshold.count() == 0) {
    text =
        "Nothing is watched: CONFIG SET latency-monitor-threshold says from how many milliseconds "
        "on.\n";
  }
  for (const LatencyMonitor::Event& event : call.services.latency->events()) text += report(event);
  if (text.empty()) text = fmt::format("Nothing took {} ms or longer.\n", threshold.count());
  text += fmt::format("Longest turn of a worker: {} us, of which it worked {}.\n",
                      call.services.metrics.max(&WorkerMetrics::longest_turn_us),
                      call.services.metrics.max(&WorkerMetrics::longest_turn_cpu_us));
  call.reply.verbatim("txt", text);
}

}  // namespace sojourn::server
