#include <fmt/format.h>

#include "server/base/numbers.h"
#include "server/config/fields.h"

namespace sojourn::server {
namespace {

using namespace std::string_view_literals;

constexpr std::int64_t kMegabyte = 1 << 20;

constexpr Names<LogLevel, 4> kLogLevels{
    {"debug", "verbose", "notice", "warning"},
    {LogLevel::debug, LogLevel::verbose, LogLevel::notice, LogLevel::warning}};
constexpr Names<Fsync, 3> kFsyncs{{"everysec", "always", "no"},
                                  {Fsync::everysec, Fsync::always, Fsync::no}};
constexpr Names<ProtectedCommands, 3> kProtections{
    {"no", "yes", "local"},
    {ProtectedCommands::no, ProtectedCommands::yes, ProtectedCommands::local}};
constexpr Names<TlsAuthClients, 3> kAuthClients{
    {"no", "yes", "optional"}, {TlsAuthClients::no, TlsAuthClients::yes, TlsAuthClients::optional}};
constexpr Names<bool, 2> kPubsubDefaults{{"allchannels", "resetchannels"}, {true, false}};
constexpr std::array kPolicies{"volatile-lru"sv,   "volatile-lfu"sv, "volatile-random"sv,
                               "volatile-ttl"sv,   "allkeys-lru"sv,  "allkeys-lfu"sv,
                               "allkeys-random"sv, "noeviction"sv,   kSpill};

// client-output-buffer-limit: four words a class, any number of classes.
constexpr std::size_t kWordsPerClass = 4;

OutputLimit Settings::*output_class(std::string_view name) {
  if (equal_any_case(name, "normal")) return &Settings::output_limit;
  if (equal_any_case(name, "slave")) return &Settings::output_limit_replica;
  if (equal_any_case(name, "replica")) return &Settings::output_limit_replica;
  if (equal_any_case(name, "pubsub")) return &Settings::output_limit_pubsub;
  return nullptr;
}

// Brings the classes into the order Redis prints them in; all of A's classes become 'A'.
std::string check_events(ConfigWords& words) {
  constexpr auto kOfA = std::string_view("g$lshzxetd"), kOthers = std::string_view("nKEm");
  std::string& classes = words.front();
  for (const char c : classes) {
    if (c != 'A' && kOfA.find(c) == kOfA.npos && kOthers.find(c) == kOthers.npos) {
      return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    }
  }
  const auto given = [&](char c) { return classes.find(c) != classes.npos; };
  const bool all = given('A') || std::all_of(kOfA.begin(), kOfA.end(), given);
  std::string ordered = all ? "A" : "";
  if (!all) std::copy_if(kOfA.begin(), kOfA.end(), std::back_inserter(ordered), given);
  std::copy_if(kOthers.begin(), kOthers.end(), std::back_inserter(ordered), given);
  classes = ordered;
  return {};
}

std::string check_output_limits(ConfigWords& words) {
  if (words.size() % kWordsPerClass != 0) {
    return "Wrong number of arguments in buffer limit configuration.";
  }
  for (std::size_t i = 0; i < words.size(); i += kWordsPerClass) {
    if (output_class(words[i]) == nullptr) {
      return "Invalid client class specified in buffer limit configuration.";
    }
    const auto hard = parse_memory(words[i + 1]);
    const auto soft = parse_memory(words[i + 2]);
    const auto seconds = parse_integer(words[i + 3]);
    if (!hard || !soft || !seconds || *seconds < 0 || *seconds > kIntMax) {
      return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    }
    words[i + 1] = std::to_string(*hard);
    words[i + 2] = std::to_string(*soft);
  }
  return {};
}

Value get_output_limits(const Settings& settings) {
  ConfigWords words;
  for (const char* name : {"normal", "slave", "pubsub"}) {
    const OutputLimit& limit = settings.*output_class(name);
    words.insert(words.end(),
                 {name, std::to_string(limit.hard_bytes), std::to_string(limit.soft_bytes),
                  std::to_string(limit.soft_time.count())});
  }
  return words;
}

void put_output_limits(Settings& settings, const Value& value) {
  const auto& words = std::get<ConfigWords>(value);
  for (std::size_t i = 0; i + kWordsPerClass <= words.size(); i += kWordsPerClass) {
    settings.*output_class(words[i]) = {static_cast<std::size_t>(*parse_integer(words[i + 1])),
                                        static_cast<std::size_t>(*parse_integer(words[i + 2])),
                                        std::chrono::seconds(*parse_integer(words[i + 3]))};
  }
}

std::string check_percentiles(ConfigWords& words) {
  for (std::string& word : words) {
    const auto percentile = parse_real(word);
    if (!percentile) return "Invalid latency-tracking-info-percentiles parameters";
    if (*percentile < 0 || *percentile > 100) {
      return "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    }
    word = fmt::format("{:.6f}", static_cast<double>(*percentile));
    word.erase(word.find_last_not_of('0') + 1);
    if (word.ends_with('.')) word.pop_back();
  }
  return {};
}

std::string check_rename(ConfigWords& words) {
  return words.size() == 2 ? "" : "wrong number of arguments";
}

Value get_renames(const Settings& settings) {
  ConfigWords words;
  for (const auto& [from, to] : settings.rename_command) words.insert(words.end(), {from, to});
  return words;
}

void put_rename(Settings& settings, const Value& value) {
  const auto& words = std::get<ConfigWords>(value);
  settings.rename_command.emplace_back(words[0], words[1]);
}

std::string check_user(ConfigWords& words) {
  return words.empty() ? "wrong number of arguments" : "";
}

Value get_users(const Settings& settings) {
  ConfigWords names;
  for (const auto& words : settings.user_lines) names.push_back(words.front());
  return names;
}

void put_user(Settings& settings, const Value& value) {
  settings.user_lines.push_back(std::get<ConfigWords>(value));
}

constexpr Directive kDirectives[] = {
    // Network
    setting<&Settings::bind>("bind", words(),
                             "Addresses to listen on; one with a leading '-' may be absent.",
                             kStartOnly),
    setting<&Settings::port>("port", number(0, 65535), "TCP port; 0: none.", kStartOnly),
    setting<&Settings::unixsocket>(
        "unixsocket", text(), "Path of the Unix socket, from dir on; empty: none.", kImmutable),
    setting<&Settings::unixsocketperm>("unixsocketperm", octal(0777),
                                       "Mode of the Unix socket; 0: as the umask has it.",
                                       kImmutable),
    setting<&Settings::tcp_backlog>("tcp-backlog", number(0, kIntMax),
                                    "Connections the kernel holds until they are accepted.",
                                    kImmutable),
    setting<&Settings::timeout>("timeout", number(0, kIntMax),
                                "Seconds after which an idle connection is closed; 0: never."),
    setting<&Settings::tcp_keepalive>(
        "tcp-keepalive", number(0, kIntMax),
        "Seconds between the kernel's probes of a silent peer; 0: none."),
    setting<&Settings::maxclients>("maxclients", number(1, std::int64_t{UINT32_MAX}),
                                   "Connections at one time."),
    setting<&Settings::protected_mode>("protected-mode", yes_no(),
                                       "Without a password, serve this machine only."),
    setting<&Settings::requirepass>("requirepass", text(),
                                    "Password of the default user; empty: none.", kSecret),
    {.name = "user",
     .kind = words(check_user),
     .summary = "A user and his rules, as ACL SETUSER takes them; one line each.",
     .flags = kFileOnly | kAdds | kSecret,
     .get = get_users,
     .put = put_user},
    setting<&Settings::aclfile>("aclfile", text(),
                                "File with the users, from dir on, instead of `user` lines.",
                                kImmutable),
    setting_of<&Settings::acl_pubsub_all_channels, kPubsubDefaults>(
        "acl-pubsub-default", "Which channels a new user may use."),
    setting<&Settings::acllog_max_len>("acllog-max-len", number(0, kLongMax),
                                       "Refusals that ACL LOG remembers."),
    setting<&Settings::unauthenticated_timeout>(
        "unauthenticated-timeout", number(1, 3600),
        "Seconds a connection has to authenticate, if a password is set.", kOurs),
    {.name = "client-output-buffer-limit",
     .kind = words(check_output_limits),
     .summary = "Per class, bytes of waiting replies at which a connection is closed: at once, or "
                "past the second for that many seconds; 0: no limit.",
     .get = get_output_limits,
     .put = put_output_limits},
    setting<&Settings::client_query_buffer_limit>(
        "client-query-buffer-limit", memory(kMegabyte),
        "Bytes of requests one connection may have waiting."),
    setting<&Settings::proto_max_bulk_len>("proto-max-bulk-len", memory(kMegabyte),
                                           "Bytes of the longest word."),
    setting<&Settings::connection_buffers_budget>(
        "connection-buffers-budget", memory(kMegabyte),
        "Bytes of requests and replies all connections may hold together.", kOurs),
    setting<&Settings::io_threads>("io-threads", number(0, 128),
                                   "Workers that serve connections; 0: one per core.", kImmutable),
    // TLS
    setting<&Settings::tls_port>("tls-port", number(0, 65535), "TCP port for TLS; 0: none.",
                                 kStartOnly),
    setting<&Settings::tls_cert_file>(
        "tls-cert-file", text(), "The server's certificate and those between it and its CA (PEM).",
        kTls),
    setting<&Settings::tls_key_file>("tls-key-file", text(), "The certificate's key (PEM).", kTls),
    setting<&Settings::tls_key_file_pass>("tls-key-file-pass", text(), "The key's password.",
                                          kTls | kSecret),
    setting<&Settings::tls_ca_cert_file>(
        "tls-ca-cert-file", text(), "Certificates of those who vouch for clients (PEM).", kTls),
    setting<&Settings::tls_ca_cert_dir>(
        "tls-ca-cert-dir", text(), "The same, a directory as `openssl rehash` leaves it.", kTls),
    setting<&Settings::tls_dh_params_file>("tls-dh-params-file", text(),
                                           "Parameters for DHE ciphers of TLS 1.2 (PEM).", kTls),
    setting_of<&Settings::tls_auth_clients, kAuthClients>(
        "tls-auth-clients", "Whether a client must show a certificate, or may.", kTls),
    setting<&Settings::tls_protocols>(
        "tls-protocols", text(), "Of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3; empty: the last two.", kTls),
    setting<&Settings::tls_ciphers>("tls-ciphers", text(),
                                    "Ciphers up to TLS 1.2, as OpenSSL writes them.", kTls),
    setting<&Settings::tls_ciphersuites>("tls-ciphersuites", text(),
                                         "Ciphers of TLS 1.3, as OpenSSL writes them.", kTls),
    setting<&Settings::tls_prefer_server_ciphers>(
        "tls-prefer-server-ciphers", yes_no(), "Choose by this server's order of ciphers.", kTls),
    setting<&Settings::tls_session_caching>(
        "tls-session-caching", yes_no(), "Let clients come back without a whole handshake.", kTls),
    setting<&Settings::tls_session_cache_size>("tls-session-cache-size", number(0, kIntMax),
                                               "Such clients to remember; 0: any number.", kTls),
    setting<&Settings::tls_session_cache_timeout>("tls-session-cache-timeout", number(0, kIntMax),
                                                  "Seconds for which they may come back.", kTls),
    // Process
    setting<&Settings::daemonize>("daemonize", yes_no(), "Go to the background.", kImmutable),
    setting<&Settings::pidfile>("pidfile", text(),
                                "File for the process id, from dir on; empty: none.", kImmutable),
    setting<&Settings::logfile>(
        "logfile", text(), "File for the log, from dir on; empty: standard output.", kImmutable),
    setting_of<&Settings::loglevel, kLogLevels>("loglevel", "What is worth a line in the log."),
    setting<&Settings::log_redact>(
        "log-redact", yes_no(),
        "Leave keys and values out of the slow log: a session id is a secret.", kOurs),
    setting<&Settings::dir>("dir", text(), "Directory of the data.", kProtected | kStartOnly),
    setting<&Settings::databases>("databases", number(1, 65535), "Numbered databases.", kImmutable),
    {.name = "rename-command",
     .kind = words(check_rename),
     .summary = "Gives a command another name; \"\" takes it away.",
     .flags = kFileOnly | kAdds,
     .get = get_renames,
     .put = put_rename},
    setting_of<&Settings::enable_debug_command, kProtections>("enable-debug-command",
                                                              "Who may use DEBUG.", kImmutable),
    setting_of<&Settings::enable_protected_configs, kProtections>(
        "enable-protected-configs", "Who may set paths with CONFIG SET.", kImmutable),
    // Durability
    setting<&Settings::appendonly>("appendonly", yes_no(),
                                   "Write every change to disk; no: keep nothing on disk at all.",
                                   kStartOnly),
    setting_of<&Settings::appendfsync, kFsyncs>(
        "appendfsync",
        "When written changes are synced: a power cut loses a second, nothing, or more."),
    setting<&Settings::journal_budget>("journal-budget", memory(kMegabyte),
                                       "Bytes of changes on their way to disk before writers wait.",
                                       kOurs | kStartOnly),
    setting<&Settings::accept_data_loss>("accept-data-loss", yes_no(),
                                         "Start although the newest changes are missing on disk.",
                                         kOurs | kImmutable | kSwitch),
    // Scripts
    setting<&Settings::busy_reply_threshold>(
        "busy-reply-threshold", number(0, kLongMax),
        "Milliseconds after which a script that still runs makes others be told so; 0: never.", 0,
        "lua-time-limit"),
    // Memory
    setting<&Settings::maxmemory>("maxmemory", memory(), "Bytes of data in RAM; 0: no bound."),
    setting<&Settings::maxmemory_policy>(
        "maxmemory-policy", choice(kPolicies),
        "What is done at maxmemory. spill: the values used longest ago leave RAM, and are read "
        "from disk when they are asked for. Else writes are refused; whatever the name, no session "
        "is evicted."),
    // What OBJECT ENCODING tells: nothing else depends on it
    setting<&Settings::hash_max_listpack_entries>("hash-max-listpack-entries", number(0, kLongMax),
                                                  "Fields up to which a hash tells \"listpack\".",
                                                  0, "hash-max-ziplist-entries"),
    setting<&Settings::hash_max_listpack_value>(
        "hash-max-listpack-value", memory(),
        "Bytes of a field or value up to which a hash tells \"listpack\".", 0,
        "hash-max-ziplist-value"),
    setting<&Settings::set_max_intset_entries>(
        "set-max-intset-entries", number(0, kLongMax),
        "Members up to which a set of integers tells \"intset\"."),
    setting<&Settings::set_max_listpack_entries>("set-max-listpack-entries", number(0, kLongMax),
                                                 "Members up to which a set tells \"listpack\"."),
    setting<&Settings::set_max_listpack_value>(
        "set-max-listpack-value", memory(),
        "Bytes of a member up to which a set tells \"listpack\"."),
    setting<&Settings::zset_max_listpack_entries>(
        "zset-max-listpack-entries", number(0, kLongMax),
        "Members up to which a sorted set tells \"listpack\".", 0, "zset-max-ziplist-entries"),
    setting<&Settings::zset_max_listpack_value>(
        "zset-max-listpack-value", memory(),
        "Bytes of a member up to which a sorted set tells \"listpack\".", 0,
        "zset-max-ziplist-value"),
    // Events
    setting<&Settings::notify_keyspace_events>("notify-keyspace-events", text(check_events),
                                               "Which changes of keys are published, by class, and "
                                               "on which channels (K, E); empty: none."),
    // Client-side caching
    setting<&Settings::tracking_table_max_keys>(
        "tracking-table-max-keys", number(0, kLongMax),
        "Keys of which it is remembered who keeps copies; more are told to be old. 0: any number."),
    // Slow log
    setting<&Settings::slowlog_log_slower_than_us>(
        "slowlog-log-slower-than", number(-1, kLongMax),
        "Microseconds from which a command is slow; -1: none is."),
    setting<&Settings::slowlog_max_len>("slowlog-max-len", number(0, kLongMax),
                                        "Slow commands to remember."),
    setting<&Settings::latency_monitor_threshold>(
        "latency-monitor-threshold", number(0, kLongMax),
        "Milliseconds from which LATENCY remembers what took long; 0: nothing."),
    setting<&Settings::latency_tracking>("latency-tracking", yes_no(),
                                         "Count how long commands take, for INFO latencystats."),
    setting<&Settings::latency_percentiles>("latency-tracking-info-percentiles",
                                            words(check_percentiles),
                                            "Percentiles that INFO latencystats shows."),
};

}  // namespace

std::span<const Directive> effective_directives() { return kDirectives; }

}  // namespace sojourn::server
