#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/base/clock.h"
#include "server/base/log.h"

namespace sojourn::server {

// One class of client-output-buffer-limit: past the hard limit at once, or past the soft one for
// that long, the connection is closed.
struct OutputLimit {
  std::size_t hard_bytes = 0;  // 0: none
  std::size_t soft_bytes = 0;
  std::chrono::seconds soft_time{0};
};

enum class Fsync : std::uint8_t { always, everysec, no };
enum class ProtectedCommands : std::uint8_t { no, local, yes };  // enable-debug-command
enum class TlsAuthClients : std::uint8_t { no, yes, optional };

// The maxmemory-policy that is ours: values leave RAM, which are on disk.
inline constexpr std::string_view kSpill = "spill";

// Every setting in its own type; the defaults are the server's. One row of directives.cpp each.
struct Settings {
  // Where a file that a setting names is: as in Redis, a relative name starts at `dir`. Of an empty
  // name, empty.
  std::string path_of(const std::string& name) const;
  // Values are to leave RAM, but there is no disk they could be read from.
  bool spills_nowhere() const {
    return maxmemory != 0 && maxmemory_policy == kSpill && !appendonly;
  }

  // network
  std::vector<std::string> bind{"127.0.0.1", "-::1"};  // a leading '-': may be absent
  std::uint16_t port = 6379;                           // 0: no TCP
  std::string unixsocket;
  std::uint32_t unixsocketperm = 0;  // 0: as the umask has it
  int tcp_backlog = 511;
  std::chrono::seconds timeout{0};  // idle connections; 0: never
  std::chrono::seconds tcp_keepalive{300};
  std::uint32_t maxclients = 10000;
  bool protected_mode = true;
  std::string requirepass;
  std::vector<std::vector<std::string>> user_lines;  // of each its words, from the name on
  std::string aclfile;
  std::uint64_t acllog_max_len = 128;
  bool acl_pubsub_all_channels = false;              // acl-pubsub-default
  std::chrono::seconds unauthenticated_timeout{10};  // ours
  // Bounded, unlike Redis's: a client that never reads must not take the server's memory, and no
  // session is near this size.
  OutputLimit output_limit{256u << 20, 64u << 20, std::chrono::seconds(60)};
  OutputLimit output_limit_replica{256u << 20, 64u << 20, std::chrono::seconds(60)};
  OutputLimit output_limit_pubsub{32u << 20, 8u << 20, std::chrono::seconds(60)};
  std::size_t client_query_buffer_limit = 1024u * 1024 * 1024;
  std::size_t proto_max_bulk_len = 512u * 1024 * 1024;
  std::size_t connection_buffers_budget = 1024u * 1024 * 1024;  // ours: all connections together
  std::uint32_t io_threads = 0;                                 // 0: one per core
  // TLS
  std::uint16_t tls_port = 0;  // 0: none
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_key_file_pass;
  std::string tls_ca_cert_file;
  std::string tls_ca_cert_dir;
  std::string tls_dh_params_file;
  TlsAuthClients tls_auth_clients = TlsAuthClients::yes;
  std::string tls_protocols;  // empty: TLS 1.2 and 1.3
  std::string tls_ciphers;    // up to TLS 1.2; empty: OpenSSL's
  std::string tls_ciphersuites;
  bool tls_prefer_server_ciphers = false;
  bool tls_session_caching = true;
  std::uint32_t tls_session_cache_size = 20480;
  std::chrono::seconds tls_session_cache_timeout{300};
  // process
  bool daemonize = false;
  std::string pidfile;
  std::string logfile;
  LogLevel loglevel = LogLevel::notice;
  std::string dir = "./data";
  std::uint16_t databases = 16;
  std::vector<std::pair<std::string, std::string>> rename_command;
  ProtectedCommands enable_debug_command = ProtectedCommands::no;
  ProtectedCommands enable_protected_configs = ProtectedCommands::no;
  bool accept_data_loss = false;  // ours
  // durability
  bool appendonly = true;
  Fsync appendfsync = Fsync::everysec;
  // memory
  std::uint64_t maxmemory = 0;                     // 0: no bound
  std::string maxmemory_policy{kSpill};            // Redis's all do as its noeviction does
  std::size_t journal_budget = 64u * 1024 * 1024;  // ours
  // what OBJECT ENCODING tells of a collection
  std::uint64_t hash_max_listpack_entries = 512;
  std::uint64_t hash_max_listpack_value = 64;
  std::uint64_t set_max_intset_entries = 512;
  std::uint64_t set_max_listpack_entries = 128;
  std::uint64_t set_max_listpack_value = 64;
  std::uint64_t zset_max_listpack_entries = 128;
  std::uint64_t zset_max_listpack_value = 64;
  // scripts
  std::chrono::milliseconds busy_reply_threshold{5000};  // 0: never
  // events
  std::string notify_keyspace_events;  // the classes' letters, in Redis's order
  // log
  bool log_redact = true;                           // ours: no keys or values in the slow log
  std::int64_t slowlog_log_slower_than_us = 10000;  // negative: off
  std::uint64_t slowlog_max_len = 128;
  std::chrono::milliseconds latency_monitor_threshold{0};  // 0: off
  bool latency_tracking = true;
  std::uint64_t tracking_table_max_keys = 1'000'000;
  std::vector<std::string> latency_percentiles{"50", "99", "99.9"};
  // What was given for directives of Redis that have no meaning here, for CONFIG GET.
  std::map<std::string, std::string, std::less<>> without_meaning;
};

}  // namespace sojourn::server
