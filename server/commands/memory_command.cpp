#include <fmt/format.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "server/commands/awaited_call.h"
#include "server/commands/process_figures.h"
#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void memory_usage(Call& call) {
  Args args = call.args();
  const Key key = args.key();
  if (args.left() >= 2 && args.option("SAMPLES")) {
    // What a key takes is known: nothing is sampled.
    if (args.integer() < 0) args.fail("ERR syntax error");
  }
  if (!args.done()) return call.refuse(args.error());
  const Entry* entry = call.tx().peek(key);
  if (entry == nullptr) return call.reply.null();
  call.reply.unsigned_integer(call.services.keyspace.entry_bytes_of(*entry));
}

void memory_stats(Call& call) {
  Services& services = call.services;
  const Keyspace::Totals totals = services.gauges->refresh(services, call.now, call.held());
  const std::uint64_t used = services.gauges->told_memory();
  const std::uint64_t peak = services.gauges->told_memory_peak();
  const std::uint64_t dataset = std::min(used, totals.entry_bytes);
  const auto [rss, heap] = resident_memory();
  const std::uint64_t keys = totals.keys();
  const std::vector<std::pair<std::string_view, std::uint64_t>> figures{
      {"peak.allocated", peak},
      {"total.allocated", used},
      {"startup.allocated", services.gauges->told_memory_at_start()},
      {"replication.backlog", 0},
      {"clients.slaves", 0},
      {"clients.normal", services.metrics.sum(&WorkerMetrics::input_buffer_bytes) +
                             services.metrics.sum(&WorkerMetrics::output_buffer_bytes)},
      {"cluster.links", 0},
      {"aof.buffer", services.keyspace.journal().pending_bytes()},
      {"lua.caches", 0},
      {"functions.caches", 0},
      {"overhead.total", used - dataset},
      {"keys.count", keys},
      {"keys.bytes-per-key", keys == 0 ? 0 : dataset / keys},
      {"dataset.bytes", dataset},
      {"allocator.allocated", used},
      {"allocator.active", heap},
      {"allocator.resident", heap},
  };
  call.reply.map(figures.size() + 4);
  for (const auto& [name, value] : figures) {
    call.reply.bulk(name);
    call.reply.unsigned_integer(value);
  }
  call.reply.bulk("dataset.percentage");
  call.reply.real(100 * share(dataset, used));
  call.reply.bulk("peak.percentage");
  call.reply.real(100 * share(used, peak));
  call.reply.bulk("fragmentation");
  call.reply.real(share(rss, used));
  call.reply.bulk("fragmentation.bytes");
  call.reply.integer(static_cast<std::int64_t>(rss) - static_cast<std::int64_t>(used));
}

void memory_doctor(Call& call) {
  Services& services = call.services;
  services.gauges->refresh(services, call.now, call.held());
  const std::uint64_t used = services.gauges->used_memory();
  const std::uint64_t most = services.config.current()->maxmemory;
  std::string advice;
  if (most != 0 && used > most / 10 * 9) {
    advice += fmt::format("Sojourn uses {} of the {} that maxmemory allows: beyond it, {}. ",
                          human_bytes(used), human_bytes(most),
                          services.keyspace.spills() ? "values that are not used are on disk only"
                                                     : "writes are refused");
  }
  if (!services.keyspace.warm()) {
    advice += "Sessions are still being loaded from disk: memory will grow until all are. ";
  }
  if (services.keyspace.journal().over_budget()) {
    advice +=
        "The disk does not keep up with the writes: they wait for it, and memory holds what "
        "is not written yet. ";
  }
  if (advice.empty()) advice = "Nothing to worry about was found in the server's memory. ";
  advice.pop_back();
  call.reply.verbatim("txt", advice);
}

void memory_malloc_stats(Call& call) {
  call.reply.bulk("Stats not supported for the current allocator");
}

void memory_purge(Call& call) {
  const bool purged = await(call, [&] {
    // Locks the allocator for as long as its free memory is large.
    return call.services.errands->send([]() -> std::string {
      malloc_trim(0);
      return "";
    });
  });
  if (purged) call.reply.ok();
}

}  // namespace sojourn::server
