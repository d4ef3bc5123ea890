#include <fmt/format.h>

#include <algorithm>

#include "server/base/numbers.h"
#include "server/config/fields.h"

// The directives of Redis 7.2 that have no meaning here, with Redis's defaults and why. Their
// values are checked as Redis checks them and kept for CONFIG GET; those whose neglect would break
// a promise are refused.
namespace sojourn::server {
namespace {

using namespace std::string_view_literals;

// Why a directive does nothing; the log says it once, with the names of those that were given.
constexpr auto kNoSnapshots =
    "there are no RDB snapshots: every change is written through to disk"sv;
constexpr auto kNoAof = "there is no append-only file to load or rewrite: RocksDB keeps the data"sv;
constexpr auto kNoReplication = "there is no replication yet"sv;
constexpr auto kNoCluster = "there is no cluster mode yet"sv;
constexpr auto kNoModules = "there are no modules"sv;
constexpr auto kEffectsOnly = "what scripts change is kept, never the scripts"sv;
constexpr auto kNoEviction = "no session is evicted or given up for memory"sv;
constexpr auto kOneEncoding = "each type has one encoding in memory"sv;
constexpr auto kNoDefrag = "memory needs no defragmentation thread"sv;
constexpr auto kSmallSteps = "expiry, growth and freeing are always done in small steps"sv;
constexpr auto kServiceManager = "this is left to the service manager"sv;
constexpr auto kOwnLog = "the log goes to logfile or standard output only"sv;
constexpr auto kStopsSafely = "every stop writes what is left, and is quick"sv;

constexpr std::array kSupervised{"upstart"sv, "systemd"sv, "auto"sv, "no"sv};
constexpr std::array kFacilities{"user"sv,   "local0"sv, "local1"sv, "local2"sv, "local3"sv,
                                 "local4"sv, "local5"sv, "local6"sv, "local7"sv};
constexpr std::array kDisklessLoads{"disabled"sv, "on-empty-db"sv, "swapdb"sv};
constexpr std::array kOomScores{"no"sv, "yes"sv, "relative"sv, "absolute"sv};
constexpr std::array kSanitizing{"no"sv, "yes"sv, "clients"sv};
constexpr std::array kProtections{"no"sv, "yes"sv, "local"sv};
constexpr std::array kEndpoints{"ip"sv, "hostname"sv, "unknown-endpoint"sv};
constexpr std::array kPropagation{"ignore"sv, "panic"sv, "panic-on-replicas"sv};
constexpr std::array kShutdowns{"default"sv, "save"sv, "nosave"sv, "now"sv, "force"sv};

consteval Directive kept(std::string_view name, Kind kind, std::string_view standard,
                         std::string_view why, std::uint16_t flags = 0,
                         std::string_view old_name = {}) {
  return {.name = name,
          .kind = kind,
          .summary = why,
          .flags = flags,
          .old_name = old_name,
          .standard = standard};
}

consteval Directive refused(std::string_view name, Kind kind, std::string_view standard,
                            std::string_view why, std::uint16_t flags = 0,
                            std::string_view old_name = {}) {
  Directive directive = kept(name, kind, standard, why, flags, old_name);
  directive.refused = true;
  return directive;
}

std::string check_save(ConfigWords& words) {
  if (words.size() % 2 != 0) return "Invalid save parameters";
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto number = parse_integer(words[i]);
    const std::int64_t min = i % 2 == 0 ? 1 : 0;
    if (!number || *number < min || *number > kIntMax) return "Invalid save parameters";
  }
  return {};
}

std::string check_oom_scores(ConfigWords& words) {
  if (words.size() != 3) return "wrong number of arguments";
  for (const std::string& word : words) {
    const auto score = parse_integer(word);
    if (!score || *score < -2000 || *score > 2000) {
      return "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    }
  }
  return {};
}

std::string check_shutdown(ConfigWords& words) {
  for (std::string& word : words) {
    word = lower_case(word);
    if (std::find(kShutdowns.begin(), kShutdowns.end(), word) == kShutdowns.end()) {
      return "argument(s) must be one of the following: default, save, nosave, now, force";
    }
  }
  return {};
}

std::string check_master(ConfigWords& words) {
  if (words.empty()) return {};
  if (words.size() != 2) return "wrong number of arguments";
  if (equal_any_case(words[0], "no") && equal_any_case(words[1], "one")) {
    words.clear();
    return {};
  }
  const auto port = parse_integer(words[1]);
  return port && *port >= 0 && *port <= 65535 ? "" : "Invalid master port";
}

constexpr Kind kInt = number(0, kIntMax);
constexpr Kind kLong = number(0, kLongMax);
constexpr Kind kPort = number(0, 65535);

constexpr Directive kDirectives[] = {
    // Snapshots and the append-only file
    kept("save", words(check_save), "3600 1 300 100 60 10000", kNoSnapshots, kAdds),
    kept("stop-writes-on-bgsave-error", yes_no(), "yes", kNoSnapshots),
    kept("rdbcompression", yes_no(), "yes", kNoSnapshots),
    kept("rdbchecksum", yes_no(), "yes", kNoSnapshots, kImmutable),
    kept("sanitize-dump-payload", choice(kSanitizing), "no", kNoSnapshots),
    kept("dbfilename", text(), "dump.rdb", kNoSnapshots, kProtected),
    kept("rdb-del-sync-files", yes_no(), "no", kNoSnapshots),
    kept("rdb-save-incremental-fsync", yes_no(), "yes", kNoSnapshots),
    kept("appendfilename", text(), "appendonly.aof", kNoAof, kImmutable),
    kept("appenddirname", text(), "appendonlydir", kNoAof, kImmutable),
    kept("no-appendfsync-on-rewrite", yes_no(), "no", kNoAof),
    kept("auto-aof-rewrite-percentage", kInt, "100", kNoAof),
    kept("auto-aof-rewrite-min-size", memory(), "67108864", kNoAof),
    kept("aof-load-truncated", yes_no(), "yes", kNoAof),
    kept("aof-use-rdb-preamble", yes_no(), "yes", kNoAof),
    kept("aof-timestamp-enabled", yes_no(), "no", kNoAof),
    kept("aof-rewrite-incremental-fsync", yes_no(), "yes", kNoAof),
    kept("aof-disable-auto-gc", yes_no(), "no", kNoAof),

    // Replication
    refused("replicaof", words(check_master), "",
            "replication is not supported yet, and this server would be a master of its own",
            kImmutable, "slaveof"),
    refused("min-replicas-to-write", kInt, "0",
            "replication is not supported yet, and writes would be accepted without any replica", 0,
            "min-slaves-to-write"),
    kept("min-replicas-max-lag", kInt, "10", kNoReplication, 0, "min-slaves-max-lag"),
    kept("masterauth", text(), "", kNoReplication, kSecret),
    kept("masteruser", text(), "", kNoReplication, kSecret),
    kept("replica-serve-stale-data", yes_no(), "yes", kNoReplication, 0, "slave-serve-stale-data"),
    kept("replica-read-only", yes_no(), "yes", kNoReplication, 0, "slave-read-only"),
    kept("replica-priority", kInt, "100", kNoReplication, 0, "slave-priority"),
    kept("replica-announced", yes_no(), "yes", kNoReplication),
    kept("replica-announce-ip", text(), "", kNoReplication, 0, "slave-announce-ip"),
    kept("replica-announce-port", kPort, "0", kNoReplication, 0, "slave-announce-port"),
    kept("replica-ignore-maxmemory", yes_no(), "yes", kNoReplication, 0, "slave-ignore-maxmemory"),
    kept("replica-ignore-disk-write-errors", yes_no(), "no", kNoReplication),
    kept("replica-lazy-flush", yes_no(), "no", kNoReplication, 0, "slave-lazy-flush"),
    kept("repl-diskless-sync", yes_no(), "yes", kNoReplication),
    kept("repl-diskless-sync-delay", kInt, "5", kNoReplication),
    kept("repl-diskless-sync-max-replicas", kInt, "0", kNoReplication),
    kept("repl-diskless-load", choice(kDisklessLoads), "disabled", kNoReplication),
    kept("repl-ping-replica-period", number(1, kIntMax), "10", kNoReplication, 0,
         "repl-ping-slave-period"),
    kept("repl-timeout", number(1, kIntMax), "60", kNoReplication),
    kept("repl-disable-tcp-nodelay", yes_no(), "no", kNoReplication),
    kept("repl-backlog-size", memory(1), "1048576", kNoReplication),
    kept("repl-backlog-ttl", kLong, "3600", kNoReplication),
    kept("propagation-error-behavior", choice(kPropagation), "ignore", kNoReplication),

    // Cluster
    refused("cluster-enabled", yes_no(), "no",
            "cluster mode is not supported yet, and this node would serve every slot", kImmutable),
    kept("cluster-config-file", text(), "nodes.conf", kNoCluster, kImmutable),
    kept("cluster-node-timeout", kLong, "15000", kNoCluster),
    kept("cluster-port", kPort, "0", kNoCluster, kImmutable),
    kept("cluster-replica-validity-factor", kInt, "10", kNoCluster, 0,
         "cluster-slave-validity-factor"),
    kept("cluster-migration-barrier", kInt, "1", kNoCluster),
    kept("cluster-allow-replica-migration", yes_no(), "yes", kNoCluster),
    kept("cluster-require-full-coverage", yes_no(), "yes", kNoCluster),
    kept("cluster-replica-no-failover", yes_no(), "no", kNoCluster, 0, "cluster-slave-no-failover"),
    kept("cluster-allow-reads-when-down", yes_no(), "no", kNoCluster),
    kept("cluster-allow-pubsubshard-when-down", yes_no(), "yes", kNoCluster),
    kept("cluster-link-sendbuf-limit", memory(), "0", kNoCluster),
    kept("cluster-announce-hostname", text(), "", kNoCluster),
    kept("cluster-announce-human-nodename", text(), "", kNoCluster),
    kept("cluster-preferred-endpoint-type", choice(kEndpoints), "ip", kNoCluster),
    kept("cluster-announce-ip", text(), "", kNoCluster),
    kept("cluster-announce-port", kPort, "0", kNoCluster),
    kept("cluster-announce-tls-port", kPort, "0", kNoCluster),
    kept("cluster-announce-bus-port", kPort, "0", kNoCluster),

    // TLS
    kept("tls-replication", yes_no(), "no", kNoReplication),
    kept("tls-client-cert-file", text(), "", kNoReplication),
    kept("tls-client-key-file", text(), "", kNoReplication),
    kept("tls-client-key-file-pass", text(), "", kNoReplication, kSecret),
    kept("tls-cluster", yes_no(), "no", kNoCluster),

    // Modules
    refused("loadmodule", words(), "", "modules are not supported", kFileOnly),
    kept("enable-module-command", choice(kProtections), "no", kNoModules, kImmutable),

    // Memory
    kept("maxmemory-samples", number(1, kIntMax), "5", kNoEviction),
    kept("maxmemory-eviction-tenacity", number(0, 100), "10", kNoEviction),
    kept("maxmemory-clients", {.type = Kind::Type::memory_or_percent}, "0",
         "connection-buffers-budget bounds what connections hold"),
    kept("lfu-log-factor", kInt, "10", kNoEviction),
    kept("lfu-decay-time", kInt, "1", kNoEviction),
    kept("list-max-listpack-size", number(-kIntMax - 1, kIntMax), "-2", kOneEncoding, 0,
         "list-max-ziplist-size"),
    kept("list-compress-depth", kInt, "0", kOneEncoding),
    kept("list-max-ziplist-entries", text(), "", kOneEncoding, kFileOnly),
    kept("list-max-ziplist-value", text(), "", kOneEncoding, kFileOnly),
    kept("hll-sparse-max-bytes", memory(), "3000", kOneEncoding),
    kept("stream-node-max-bytes", memory(), "4096", kOneEncoding),
    kept("stream-node-max-entries", kLong, "100", kOneEncoding),
    kept("activedefrag", yes_no(), "no", kNoDefrag),
    kept("active-defrag-ignore-bytes", memory(1), "104857600", kNoDefrag),
    kept("active-defrag-threshold-lower", number(0, 1000), "10", kNoDefrag),
    kept("active-defrag-threshold-upper", number(0, 1000), "100", kNoDefrag),
    kept("active-defrag-cycle-min", number(1, 99), "1", kNoDefrag),
    kept("active-defrag-cycle-max", number(1, 99), "25", kNoDefrag),
    kept("active-defrag-max-scan-fields", number(1, kLongMax), "1000", kNoDefrag),
    kept("jemalloc-bg-thread", yes_no(), "yes", kNoDefrag),

    // Pace
    kept("hz", kInt, "10", kSmallSteps),
    kept("dynamic-hz", yes_no(), "yes", kSmallSteps),
    kept("active-expire-effort", number(1, 10), "1", kSmallSteps),
    kept("activerehashing", yes_no(), "yes", kSmallSteps),
    kept("lazyfree-lazy-eviction", yes_no(), "no", kSmallSteps),
    kept("lazyfree-lazy-expire", yes_no(), "no", kSmallSteps),
    kept("lazyfree-lazy-server-del", yes_no(), "no", kSmallSteps),
    kept("lazyfree-lazy-user-del", yes_no(), "no", kSmallSteps),
    kept("lazyfree-lazy-user-flush", yes_no(), "no", kSmallSteps),
    kept("io-threads-do-reads", yes_no(), "no", "every worker reads and writes its own connections",
         kImmutable),

    // Scripts, monitoring
    kept("lua-replicate-commands", yes_no(), "yes", kEffectsOnly, kFileOnly),

    // Process
    kept("supervised", choice(kSupervised), "no", kServiceManager, kImmutable),
    kept("set-proc-title", yes_no(), "yes", kServiceManager, kImmutable),
    kept("proc-title-template", text(), "{title} {listen-addr} {server-mode}", kServiceManager),
    kept("oom-score-adj", choice(kOomScores), "no", kServiceManager),
    kept("oom-score-adj-values", words(check_oom_scores), "0 200 800", kServiceManager),
    kept("disable-thp", yes_no(), "yes", kServiceManager, kImmutable),
    kept("server_cpulist", text(), "", kServiceManager, kImmutable, "server-cpulist"),
    kept("bio_cpulist", text(), "", kServiceManager, kImmutable, "bio-cpulist"),
    kept("aof_rewrite_cpulist", text(), "", kServiceManager, kImmutable, "aof-rewrite-cpulist"),
    kept("bgsave_cpulist", text(), "", kServiceManager, kImmutable, "bgsave-cpulist"),
    kept("bind-source-addr", text(), "", kNoReplication),
    kept("socket-mark-id", number(0, std::int64_t{UINT32_MAX}), "0", kServiceManager),
    kept("locale-collate", text(), "", "texts are compared byte by byte"),
    kept("ignore-warnings", text(), "", kServiceManager),
    kept("syslog-enabled", yes_no(), "no", kOwnLog, kImmutable),
    kept("syslog-ident", text(), "redis", kOwnLog, kImmutable),
    kept("syslog-facility", choice(kFacilities), "local0", kOwnLog, kImmutable),
    kept("always-show-logo", yes_no(), "no", kOwnLog, kImmutable),
    kept("crash-log-enabled", yes_no(), "yes", kOwnLog),
    kept("crash-memcheck-enabled", yes_no(), "yes", kOwnLog),
    kept("shutdown-timeout", kInt, "10", kStopsSafely),
    kept("shutdown-on-sigterm", words(check_shutdown), "default", kStopsSafely),
    kept("shutdown-on-sigint", words(check_shutdown), "default", kStopsSafely),
};

}  // namespace

std::span<const Directive> kept_directives() { return kDirectives; }

}  // namespace sojourn::server
