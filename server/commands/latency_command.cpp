#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/help.h"
#include "server/commands/registry.h"
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

void latest(Call& call) {
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

void history(Call& call) {
  const auto samples = call.services.latency->history(call.words()[2]);
  call.reply.array(samples.size());
  for (const LatencyMonitor::Sample& sample : samples) {
    call.reply.array(2);
    call.reply.integer(sample.at_s);
    call.reply.integer(sample.ms);
  }
}

void reset(Call& call) {
  call.reply.unsigned_integer(call.services.latency->reset(call.words().subspan(2)));
}

void doctor(Call& call) {
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

// How many took at most so many microseconds, up to the power of two that the last one is below.
void reply_counts(Call& call, const LatencyCounts& counts) {
  struct Step {
    std::uint64_t us;
    std::uint64_t calls;  // all that took at most so long
  };
  std::vector<Step> steps;
  std::uint64_t calls = 0;
  for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
    calls += counts[bucket];
    const std::uint64_t us = LatencyBuckets::highest_in(bucket);
    const bool before_power_of_two = std::has_single_bit(us + 1);
    const std::uint64_t told = steps.empty() ? 0 : steps.back().calls;
    if (before_power_of_two && calls > told) steps.push_back({us, calls});
  }
  call.reply.map(2);
  call.reply.bulk("calls");
  call.reply.unsigned_integer(calls);
  call.reply.bulk("histogram_usec");
  call.reply.map(steps.size());
  for (const Step& step : steps) {
    call.reply.unsigned_integer(step.us);
    call.reply.unsigned_integer(step.calls);
  }
}

// A container stands for all of its subcommands.
bool is_asked_for(const Command& row, std::span<const std::string_view> names,
                  const Registry& registry) {
  return names.empty() || std::any_of(names.begin(), names.end(), [&](std::string_view name) {
           const Command* const named = registry.find(name);
           return equal_any_case(name, row.full_name) ||
                  (named != nullptr && (named == &row || named == row.container));
         });
}

void histogram(Call& call) {
  struct Row {
    std::string_view name;
    LatencyCounts counts;
  };
  std::vector<Row> rows;
  for (const Command& row : call.services.registry.rows()) {
    if (!is_asked_for(row, call.words().subspan(2), call.services.registry)) continue;
    const LatencyCounts counts = call.services.metrics.latencies(Registry::index_of(row));
    if (total(counts) > 0) rows.push_back({row.full_name, counts});
  }
  call.reply.map(rows.size());
  for (const Row& row : rows) {
    call.reply.bulk(row.name);
    reply_counts(call, row.counts);
  }
}

constexpr Flags kInfo = kLoading | kStale;
constexpr Flags kOperator = kAdmin | kNoScript | kLoading | kStale;

// clang-format off
constexpr Command kLatencyCommands[] = {
    {.name = "doctor",
     .arity = exactly(2),
     .flags = kOperator | kTouchesRandomKeys,
     .spread = {"all_nodes", "special"},
     .group = Group::server,
     .run = doctor,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Says in words what took long."},
    {.name = "help",
     .arity = exactly(2),
     .flags = kInfo,
     .group = Group::server,
     .run = help,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Lists the subcommands of LATENCY."},
    {.name = "histogram",
     .arity = at_least(2),
     .flags = kOperator | kTouchesRandomKeys,
     .spread = {"all_nodes", "special"},
     .group = Group::server,
     .run = histogram,
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands asked for",
     .syntax = "[command [command ...]]",
     .summary = "Returns how many calls of each command took at most how long."},
    {.name = "history",
     .arity = exactly(3),
     .flags = kOperator | kTouchesRandomKeys,
     .spread = {"all_nodes", "special"},
     .group = Group::server,
     .run = history,
     .since = "2.8.13",
     .complexity = "O(1)",
     .syntax = "event",
     .summary = "Returns when events of a kind took long, and how long."},
    {.name = "latest",
     .arity = exactly(2),
     .flags = kOperator | kTouchesRandomKeys,
     .spread = {"all_nodes", "special"},
     .group = Group::server,
     .run = latest,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Returns when each kind of event took long last."},
    {.name = "reset",
     .arity = at_least(2),
     .flags = kOperator,
     .spread = {"all_nodes", "all_succeeded"},
     .group = Group::server,
     .run = reset,
     .since = "2.8.13",
     .complexity = "O(1)",
     .syntax = "[event [event ...]]",
     .summary = "Forgets what took long, of some kinds of event or of all."},
};
constexpr Command kLatencyFamily[] = {
    {.name = "latency",
     .arity = at_least(2),
     .group = Group::server,
     .since = "2.8.13",
     .summary = "Contains the commands on what took long.",
     .subcommands = kLatencyCommands},
};
// clang-format on
static_assert(well_formed(kLatencyFamily));

}  // namespace

std::span<const Command> latency_commands() { return kLatencyFamily; }

}  // namespace sojourn::server
