#include "server/commands/info.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "server/base/numbers.h"
#include "server/commands/info_writer.h"
#include "server/commands/process_figures.h"
#include "server/commands/registry.h"

namespace sojourn::server {

void InfoWriter::bytes(std::string_view name, std::uint64_t value) {
  field(name, value);
  field(std::string(name).append("_human"), human_bytes(value));
}

namespace {

// What the sections are made from.
struct Source {
  const Services& services;
  const Settings& settings;
  const Journal& journal;
  const Keyspace::Totals& totals;  // empty unless a section asked for needs them
  Time now;

  std::uint64_t sum(std::atomic<std::uint64_t> WorkerMetrics::*counter) const {
    return services.metrics.sum(counter);
  }
};

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::int64_t difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b);
}

void server(InfoWriter& out, const Source& source) {
  const ServerInfo& info = source.services.info;
  const auto uptime =
      std::max<std::int64_t>(0, unix_ms(source.now) - unix_ms(info.started_at)) / 1000;
  out.field("redis_version", kRedisVersion);
  out.field("redis_git_sha1", "00000000");
  out.field("redis_git_dirty", 0);
  out.field("redis_build_id", "0");
  out.field("redis_mode", "standalone");
  out.field("os", system_name());
  out.field("arch_bits", 8 * sizeof(void*));
  out.field("monotonic_clock", "POSIX clock_gettime");
  out.field("multiplexing_api", "epoll");
  out.field("atomicvar_api", "c11-builtin");
  out.field("gcc_version", fmt::format("{}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__));
  out.field("process_id", getpid());
  out.field("process_supervised", "no");
  out.field("run_id", info.run_id);
  out.field("tcp_port", info.tcp_port != 0 ? info.tcp_port : source.settings.port);
  out.field("server_time_usec", unix_ms(source.now) * 1000);
  out.field("uptime_in_seconds", uptime);
  out.field("uptime_in_days", uptime / (24 * 60 * 60));
  out.field("hz", 10);
  out.field("configured_hz", 10);
  out.field("lru_clock", unix_ms(source.now) / 1000 & 0xffffff);
  out.text("executable", info.executable);
  out.text("config_file", info.config_file);
  out.flag("io_threads_active", info.workers > 1);
}

void clients(InfoWriter& out, const Source& source) {
  out.field("connected_clients", source.services.connections.count());
  out.field("cluster_connections", 0);
  out.field("maxclients", source.settings.maxclients);
  const Metrics& metrics = source.services.metrics;
  out.field("client_recent_max_input_buffer", metrics.max(&WorkerMetrics::largest_input_buffer));
  out.field("client_recent_max_output_buffer", metrics.max(&WorkerMetrics::largest_output_buffer));
  out.field("blocked_clients", source.services.blocked->count());
  out.field("tracking_clients", source.services.keyspace.tracking().connections());
  out.field("clients_in_timeout_table", source.services.blocked->count_with_timeout());
  out.field("total_blocking_keys", 0);
  out.field("total_blocking_keys_on_nokey", 0);
}

void memory(InfoWriter& out, const Source& source) {
  const Gauges& gauges = *source.services.gauges;
  const std::uint64_t used = gauges.told_memory();
  const std::uint64_t peak = gauges.told_memory_peak();
  const auto [rss, heap] = resident_memory();
  const std::uint64_t dataset = std::min(used, source.totals.entry_bytes);
  const std::uint64_t buffers = source.sum(&WorkerMetrics::input_buffer_bytes) +
                                source.sum(&WorkerMetrics::output_buffer_bytes);
  out.bytes("used_memory", used);
  out.bytes("used_memory_rss", rss);
  out.bytes("used_memory_peak", peak);
  out.field("used_memory_peak_perc", fmt::format("{:.2f}%", 100 * share(used, peak)));
  out.field("used_memory_overhead", used - dataset);
  out.field("used_memory_startup", gauges.told_memory_at_start());
  out.field("used_memory_dataset", dataset);
  out.field("used_memory_dataset_perc", fmt::format("{:.2f}%", 100 * share(dataset, used)));
  // Asking the allocator itself would hold its locks while it walks all that is free.
  out.field("allocator_allocated", used);
  out.field("allocator_active", heap);
  out.field("allocator_resident", heap);
  out.bytes("total_system_memory", system_memory_bytes());
  const Scripts::Figures scripts = source.services.scripts->figures();
  out.field("used_memory_vm_eval", scripts.machine_bytes);
  out.bytes("used_memory_lua", scripts.machine_bytes);
  out.field("used_memory_scripts_eval", scripts.script_bytes);
  out.field("number_of_cached_scripts", scripts.scripts);
  out.field("number_of_functions", 0);
  out.field("number_of_libraries", 0);
  out.field("used_memory_vm_functions", 0);
  out.bytes("used_memory_vm_total", scripts.machine_bytes);
  out.field("used_memory_functions", 0);
  out.bytes("used_memory_scripts", scripts.script_bytes);
  out.bytes("maxmemory", source.settings.maxmemory);
  out.field("maxmemory_policy", source.settings.maxmemory_policy);
  out.field("values_away", source.totals.away);
  out.ratio("allocator_frag_ratio", share(heap, used));
  out.field("allocator_frag_bytes", difference(heap, used));
  out.ratio("allocator_rss_ratio", 1);
  out.field("allocator_rss_bytes", 0);
  out.ratio("rss_overhead_ratio", share(rss, heap));
  out.field("rss_overhead_bytes", difference(rss, heap));
  out.ratio("mem_fragmentation_ratio", share(rss, used));
  out.field("mem_fragmentation_bytes", difference(rss, used));
  out.field("mem_not_counted_for_evict", 0);
  out.field("mem_replication_backlog", 0);
  out.field("mem_total_replication_buffers", 0);
  out.field("mem_clients_slaves", 0);
  out.field("mem_clients_normal", buffers);
  out.field("mem_cluster_links", 0);
  out.field("mem_aof_buffer", source.journal.pending_bytes());
  out.field("mem_allocator", "libc");
  out.field("active_defrag_running", 0);
  out.field("lazyfree_pending_objects", 0);
  out.field("lazyfreed_objects", 0);
}

void persistence(InfoWriter& out, const Source& source) {
  const Journal& journal = source.journal;
  const bool good = journal.state() == StorageState::ok;
  const std::uint64_t appended = journal.appended(), synced = journal.synced();
  out.field("loading", 0);
  out.field("async_loading", 0);
  out.field("current_cow_peak", 0);
  out.field("current_cow_size", 0);
  out.field("current_cow_size_age", 0);
  out.ratio("current_fork_perc", 0);
  out.field("current_save_keys_processed", 0);
  out.field("current_save_keys_total", 0);
  out.field("rdb_changes_since_last_save", appended > synced ? appended - synced : 0);
  out.field("rdb_bgsave_in_progress", 0);
  out.field("rdb_last_save_time", unix_ms(journal.last_sync()) / 1000);
  out.field("rdb_last_bgsave_status", good ? "ok" : "err");
  out.field("rdb_last_bgsave_time_sec", -1);
  out.field("rdb_current_bgsave_time_sec", -1);
  out.field("rdb_saves", 0);
  out.field("rdb_last_cow_size", 0);
  out.field("rdb_last_load_keys_expired", 0);
  out.field("rdb_last_load_keys_loaded", source.services.keyspace.loaded());
  out.flag("aof_enabled", journal.enabled());
  out.field("aof_rewrite_in_progress", 0);
  out.field("aof_rewrite_scheduled", 0);
  out.field("aof_last_rewrite_time_sec", -1);
  out.field("aof_current_rewrite_time_sec", -1);
  out.field("aof_last_bgrewrite_status", "ok");
  out.field("aof_rewrites", 0);
  out.field("aof_rewrites_consecutive_failures", 0);
  out.field("aof_last_write_status", good ? "ok" : "err");
  out.field("aof_last_cow_size", 0);
  out.field("module_fork_in_progress", 0);
  out.field("module_fork_last_cow_size", 0);
  if (journal.enabled()) out.field("aof_buffer_length", journal.pending_bytes());
}

void stats(InfoWriter& out, const Source& source) {
  const Gauges& gauges = *source.services.gauges;
  out.field("total_connections_received", source.sum(&WorkerMetrics::connections_received));
  out.field("total_commands_processed", source.sum(&WorkerMetrics::commands));
  out.field("instantaneous_ops_per_sec", gauges.commands_per_second());
  out.field("total_net_input_bytes", source.sum(&WorkerMetrics::net_input_bytes));
  out.field("total_net_output_bytes", source.sum(&WorkerMetrics::net_output_bytes));
  out.field("total_net_repl_input_bytes", 0);
  out.field("total_net_repl_output_bytes", 0);
  out.ratio("instantaneous_input_kbps", share(gauges.input_bytes_per_second(), 1024));
  out.ratio("instantaneous_output_kbps", share(gauges.output_bytes_per_second(), 1024));
  out.ratio("instantaneous_input_repl_kbps", 0);
  out.ratio("instantaneous_output_repl_kbps", 0);
  out.field("rejected_connections", source.sum(&WorkerMetrics::connections_rejected));
  out.field("sync_full", 0);
  out.field("sync_partial_ok", 0);
  out.field("sync_partial_err", 0);
  out.field("expired_keys", source.totals.expired);
  out.field("expired_subkeys", source.totals.expired_fields);
  out.ratio("expired_stale_perc", 0);
  out.field("expired_time_cap_reached_count", 0);
  out.field("expire_cycle_cpu_milliseconds", 0);
  out.field("evicted_keys", 0);
  out.field("evicted_clients", 0);
  out.field("total_eviction_exceeded_time", 0);
  out.field("current_eviction_exceeded_time", 0);
  out.field("values_spilled", source.services.keyspace.spilled());
  out.field("values_read_back", source.services.keyspace.brought_back());
  out.field("keyspace_hits", source.totals.hits);
  out.field("keyspace_misses", source.totals.misses);
  out.field("pubsub_channels", source.services.channels->count(TopicKind::channel));
  out.field("pubsub_patterns", source.services.channels->count(TopicKind::pattern));
  out.field("pubsubshard_channels", source.services.channels->count(TopicKind::shard_channel));
  out.field("latest_fork_usec", 0);
  out.field("total_forks", 0);
  out.field("migrate_cached_sockets", 0);
  out.field("slave_expires_tracked_keys", 0);
  out.field("active_defrag_hits", 0);
  out.field("active_defrag_misses", 0);
  out.field("active_defrag_key_hits", 0);
  out.field("active_defrag_key_misses", 0);
  out.field("total_active_defrag_time", 0);
  out.field("current_active_defrag_time", 0);
  const Tracking& tracking = source.services.keyspace.tracking();
  out.field("tracking_total_keys", tracking.readers().keys());
  out.field("tracking_total_items", tracking.readers().items());
  out.field("tracking_total_prefixes", tracking.prefixes().count());
  out.field("unexpected_error_replies", 0);
  out.field("total_error_replies", source.sum(&WorkerMetrics::error_replies));
  out.field("dump_payload_sanitizations", 0);
  out.field("total_reads_processed", source.sum(&WorkerMetrics::reads));
  out.field("total_writes_processed", source.sum(&WorkerMetrics::writes));
  out.field("io_threaded_reads_processed", 0);
  out.field("io_threaded_writes_processed", 0);
  out.field("reply_buffer_shrinks", 0);
  out.field("reply_buffer_expands", 0);
  out.field("client_query_buffer_limit_disconnections",
            source.sum(&WorkerMetrics::query_limit_disconnections));
  out.field("client_output_buffer_limit_disconnections",
            source.sum(&WorkerMetrics::output_limit_disconnections));
  const AclLog& refused = *source.services.acl_log;
  out.field("acl_access_denied_auth", refused.count(AclLog::Reason::authentication));
  out.field("acl_access_denied_cmd", refused.count(AclLog::Reason::command));
  out.field("acl_access_denied_key", refused.count(AclLog::Reason::key));
  out.field("acl_access_denied_channel", refused.count(AclLog::Reason::channel));
}

void replication(InfoWriter& out, const Source& source) {
  out.field("role", "master");
  out.field("connected_slaves", 0);
  out.field("master_failover_state", "no-failover");
  out.field("master_replid", source.services.info.run_id);
  out.field("master_replid2", std::string(40, '0'));
  out.field("master_repl_offset", 0);
  out.field("second_repl_offset", -1);
  out.field("repl_backlog_active", 0);
  out.field("repl_backlog_size", 0);
  out.field("repl_backlog_first_byte_offset", 0);
  out.field("repl_backlog_histlen", 0);
}

void cpu_time(InfoWriter& out, std::string_view suffix, int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto field = [&](std::string_view name, const timeval& time) {
    out.field(fmt::format("{}{}", name, suffix),
              fmt::format("{}.{:06}", time.tv_sec, time.tv_usec));
  };
  field("used_cpu_sys", usage.ru_stime);
  field("used_cpu_user", usage.ru_utime);
}

void cpu(InfoWriter& out, const Source&) {
  cpu_time(out, "", RUSAGE_SELF);
  cpu_time(out, "_children", RUSAGE_CHILDREN);
  // Which serves requests in Redis: here, the worker that answers.
  cpu_time(out, "_main_thread", RUSAGE_THREAD);
}

void modules(InfoWriter&, const Source&) {}

void commandstats(InfoWriter& out, const Source& source) {
  for (const Command& row : source.services.registry.rows()) {
    const auto figures = source.services.metrics.command(Registry::index_of(row));
    if (figures.calls == 0 && figures.rejected == 0) continue;
    out.field(
        fmt::format("cmdstat_{}", row.full_name),
        fmt::format("calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
                    figures.calls, figures.microseconds, share(figures.microseconds, figures.calls),
                    figures.rejected, figures.failed));
  }
}

void errorstats(InfoWriter& out, const Source& source) {
  for (const auto& [code, count] : source.services.metrics.errors()) {
    out.field(fmt::format("errorstat_{}", code), fmt::format("count={}", count));
  }
}

void latencystats(InfoWriter& out, const Source& source) {
  if (!source.settings.latency_tracking) return;
  for (const Command& row : source.services.registry.rows()) {
    const LatencyCounts counts = source.services.metrics.latencies(Registry::index_of(row));
    if (total(counts) == 0) continue;
    std::string figures;
    for (const std::string& percent : source.settings.latency_percentiles) {
      const auto number = static_cast<double>(parse_real(percent).value_or(0));
      figures += fmt::format("{}p{}={}.000", figures.empty() ? "" : ",", percent,
                             percentile(counts, number));
    }
    out.field(fmt::format("latency_percentiles_usec_{}", row.full_name), figures);
  }
}

void cluster(InfoWriter& out, const Source&) { out.field("cluster_enabled", 0); }

void keyspace(InfoWriter& out, const Source& source) {
  for (std::size_t i = 0; i < source.totals.databases.size(); ++i) {
    const auto& [keys, with_deadline] = source.totals.databases[i];
    if (keys == 0) continue;
    out.field(fmt::format("db{}", i),
              fmt::format("keys={},expires={},avg_ttl=0", keys, with_deadline));
  }
}

std::string_view state_name(StorageState state) {
  switch (state) {
    case StorageState::ok:
      return "ok";
    case StorageState::read_only:
      return "read-only";
    case StorageState::failed:
      return "failed";
  }
  return "";
}

void sojourn(InfoWriter& out, const Source& source) {
  const Journal& journal = source.journal;
  const Keyspace& keys = source.services.keyspace;
  out.field("sojourn_version", kVersion);
  out.field("workers", source.services.info.workers);
  out.field("storage_state", state_name(journal.state()));
  out.text("storage_failure", journal.failure());
  out.flag("warming", !keys.warm());
  out.field("warming_loaded", keys.loaded());
  out.field("cold_reads", keys.cold_reads());
  out.field("journal_appended", journal.appended());
  out.field("journal_written", journal.written());
  out.field("journal_synced", journal.synced());
  out.field("journal_pending_bytes", journal.pending_bytes());
  out.field("turns", source.sum(&WorkerMetrics::turns));
  out.field("longest_turn_usec", source.services.metrics.max(&WorkerMetrics::longest_turn_us));
  out.field("longest_turn_cpu_usec",
            source.services.metrics.max(&WorkerMetrics::longest_turn_cpu_us));
  out.field("unauthenticated_disconnections",
            source.sum(&WorkerMetrics::unauthenticated_disconnections));
  if (source.services.store == nullptr) return;
  source.services.store->describe(
      [&](std::string_view name, std::string_view value) { out.text(name, value); });
}

struct Section {
  std::string_view name;
  std::string_view title;
  bool in_default;
  bool needs_totals;  // and gauges that are fresh: dear
  void (*write)(InfoWriter&, const Source&);
};

constexpr Section kSections[] = {
    {"server", "Server", true, false, server},
    {"clients", "Clients", true, false, clients},
    {"memory", "Memory", true, true, memory},
    {"persistence", "Persistence", true, false, persistence},
    {"stats", "Stats", true, true, stats},
    {"replication", "Replication", true, false, replication},
    {"cpu", "CPU", true, false, cpu},
    {"modules", "Modules", true, false, modules},
    {"commandstats", "Commandstats", false, false, commandstats},
    {"errorstats", "Errorstats", true, false, errorstats},
    {"latencystats", "Latencystats", false, false, latencystats},
    {"cluster", "Cluster", true, false, cluster},
    {"keyspace", "Keyspace", true, true, keyspace},
    {"sojourn", "Sojourn", true, false, sojourn},
};

bool wanted(const Section& section, std::span<const std::string_view> names) {
  if (names.empty()) return section.in_default;
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    if (equal_any_case(name, "all") || equal_any_case(name, "everything")) return true;
    if (equal_any_case(name, "default")) return section.in_default;
    return equal_any_case(name, section.name);
  });
}

}  // namespace

std::string info_text(const Services& services, std::span<const std::string_view> names, Time now,
                      const Transaction* within) {
  const auto settings = services.config.current();
  Keyspace::Totals totals;
  if (std::any_of(std::begin(kSections), std::end(kSections), [&](const Section& section) {
        return section.needs_totals && wanted(section, names);
      })) {
    totals = services.gauges->refresh(services, now, within);
  }
  const Source source{services, *settings, services.keyspace.journal(), totals, now};
  std::string text;
  InfoWriter out(text);
  for (const Section& section : kSections) {
    if (!wanted(section, names)) continue;
    out.section(section.title);
    section.write(out, source);
  }
  return text;
}

}  // namespace sojourn::server
