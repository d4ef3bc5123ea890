// sojournd, from its command line to its end. Read from top to bottom this is the architecture:
// what the server is made of, and who needs whom.

#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "protocol/large_memory.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/cache/journal.h"
#include "server/cache/keyspace.h"
#include "server/commands/client_tracking.h"
#include "server/commands/generic.h"
#include "server/commands/key_event_channels.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"
#include "server/commands/user_setup.h"
#include "server/config/config.h"
#include "server/config/notes.h"
#include "server/net/server.h"
#include "server/net/tls_settings.h"
#include "server/observe/metrics.h"
#include "server/observe/slowlog.h"
#include "server/process/daemon.h"
#include "server/process/service_manager.h"
#include "server/process/stop_request.h"
#include "server/store/rocks_store.h"

namespace sojourn::server {
namespace {

// Descriptors beside the connections': RocksDB's files, listening sockets, logs.
constexpr std::size_t kOwnDescriptors = 1024;
constexpr std::chrono::milliseconds kClockStep{1000};

int fail(Log& log, const std::string& why) {
  log.warning("{}", why);
  std::fprintf(stderr, "sojournd: %s\n", why.c_str());
  return 1;
}

AppendFsync append_fsync(const Settings& settings) {
  switch (settings.appendfsync) {
    case Fsync::always:
      return AppendFsync::always;
    case Fsync::everysec:
      return AppendFsync::everysec;
    case Fsync::no:
      return AppendFsync::no;
  }
  return AppendFsync::everysec;
}

void greet(Log& log, const Invocation& invocation, const Config& config) {
  log.notice("Sojourn {}, {} bit, PID: {}", kVersion, sizeof(void*) * 8, ::getpid());
  if (invocation.config_file.empty()) {
    log.notice("No configuration file: the defaults and the command line are in force");
  } else {
    log.notice("Configuration loaded from {}", invocation.config_file);
  }
  for (const std::string& note : config.notes()) {
    // The others are settings that are weaker than they look.
    const bool harmless = note.starts_with("No effect");
    harmless ? log.notice("{}", note) : log.warning("{}", note);
  }
  for (const auto& [name, to] : config.current()->rename_command) {
    if (!Registry::only_in_redis(name)) continue;
    log.notice("No effect: rename-command {} (there is no such command here)", name);
  }
}

// One who is off by mistake looks like one with another password.
void tell_of_users(Log& log, const Users& users) {
  for (const auto& user : users.all()) {
    if (user->enabled()) continue;
    log.notice("The user '{}' is off and cannot log in; 'on' among his rules changes that",
               user->name());
  }
}

void raise_limits(Log& log, const Settings& settings) {
  const std::size_t wanted = settings.maxclients + kOwnDescriptors;
  const std::size_t allowed = raise_descriptor_limit(wanted);
  if (allowed < wanted) {
    log.warning(
        "This process may open {} files, which is too few for maxclients {}: raise its limit "
        "(ulimit -n, LimitNOFILE) or lower maxclients",
        allowed, settings.maxclients);
  }
}

// Renaming what only Redis has is no mistake: an operator's file may well take it away.
Result<void> rename_commands(Registry& registry, const Settings& settings) {
  for (const auto& [from, to] : settings.rename_command) {
    if (Registry::only_in_redis(from)) continue;
    if (auto renamed = registry.rename(from, to); !renamed) {
      return Error{renamed.error().code,
                   fmt::format("rename-command {} \"{}\": {}", from, to, renamed.error().detail)};
    }
  }
  return {};
}

RocksStore::Options store_options(const Invocation& invocation, const Settings& settings) {
  RocksStore::Options options;
  options.directory = settings.dir;
  options.own_files = {invocation.config_file, settings.path_of(settings.logfile),
                       settings.path_of(settings.pidfile), settings.path_of(settings.unixsocket),
                       settings.path_of(settings.aclfile)};
  options.accept_data_loss = settings.accept_data_loss;
  return options;
}

Result<std::unique_ptr<RocksStore>> open_store(const Invocation& invocation,
                                               const Settings& settings, Log& log) {
  if (!settings.appendonly) return std::unique_ptr<RocksStore>();
  const auto began = std::chrono::steady_clock::now();
  auto store = RocksStore::open(store_options(invocation, settings), log);
  if (store) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    log.notice("RocksDB is open after {:.3f} seconds", took.count());
  }
  return store;
}

// What `dir` is to hold before the store is opened needs the directory to be there.
Result<void> make_directory_for_files(const Invocation& invocation, const Settings& settings) {
  const auto begins_at_dir = [](const std::string& name) {
    return !name.empty() && !name.starts_with('/');
  };
  if (!begins_at_dir(settings.logfile) && !begins_at_dir(settings.pidfile) &&
      !begins_at_dir(settings.unixsocket)) {
    return {};
  }
  return RocksStore::make_directory(store_options(invocation, settings));
}

Result<std::unique_ptr<Journal>> open_journal(RocksStore* store, const Settings& settings,
                                              Log& log) {
  if (store == nullptr) return Journal::none();
  Journal::Options options;
  options.fsync = append_fsync(settings);
  options.bytes_budget = settings.journal_budget;
  return Journal::open(*store, options, log);
}

// As Redis tells it.
std::uint16_t main_port(const Settings& settings) {
  return settings.port != 0 ? settings.port : settings.tls_port;
}

ServerInfo describe(const Invocation& invocation, const Settings& settings, const Clock& clock) {
  ServerInfo info;
  info.started_at = clock.now();
  std::error_code ignored;
  info.executable = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  info.config_file = invocation.config_file;
  info.tcp_port = main_port(settings);
  info.workers = Server::workers_for(settings);
  return info;
}

int write_the_rest(Journal& journal, Log& log) {
  const Journal::Stopped stopped = journal.stop();
  if (stopped == Journal::Stopped::clean) {
    log.notice("Stopped; everything is written");
    return 0;
  }
  const int status = fail(log, "Stopped, but not everything could be written or synced");
  // A thread that hangs in the store uses what returning from here would destroy.
  if (stopped == Journal::Stopped::hanging) std::_Exit(status);
  return status;
}

int serve(const Invocation& invocation, Config& config, const Registry& registry,
          std::unique_ptr<Users> users, Log& log) {
  const std::shared_ptr<const Settings> settings = config.current();
  greet(log, invocation, config);
  tell_of_users(log, *users);
  raise_limits(log, *settings);
  StopRequest stop;

  // Made first and gone last: the threads of what follows may call back into it.
  Server server([&stop] { stop.ask(); });
  if (settings->tls_port != 0) {
    if (auto loaded = server.load_tls(*settings); !loaded) {
      return fail(log, "Failed to configure TLS: " + loaded.error().detail);
    }
    server.use_loaded_tls();
    follow_tls_settings(server, config, log);
  }
  if (auto listening = server.listen(*settings); !listening) {
    return fail(log, fmt::format("Failed listening on port {}: {}", main_port(*settings),
                                 listening.error().detail));
  }

  // Where sessions live across restarts, and the one way there.
  auto store = open_store(invocation, *settings, log);
  if (!store) return fail(log, store.error().detail);
  // Not before: until the port and the data are ours, the file may be another server's.
  PidFile pid_file;
  if (!settings->pidfile.empty()) {
    auto written = PidFile::write(settings->path_of(settings->pidfile));
    if (!written) {
      // As in Redis: worth a line, no reason not to serve.
      log.warning("{}", written.error().detail);
    } else {
      pid_file = std::move(*written);
    }
  }
  SystemClock clock(*store ? (*store)->highest_time_seen() : Time{});
  if (clock.behind_at_start() > Millis(0)) {
    log.warning(
        "The system's clock is {} ms behind the time this data has seen. Sessions are counted "
        "from the later time until the clock has caught up; set it right",
        clock.behind_at_start().count());
  }
  auto journal = open_journal(store->get(), *settings, log);
  if (!journal) return fail(log, journal.error().detail);

  // All sessions in RAM, and the commands on them.
  auto keyspace = Keyspace::open({.databases = settings->databases, .active_expiry = true}, clock,
                                 **journal, store->get(), log);
  if (!keyspace) return fail(log, keyspace.error().detail);
  Metrics metrics;
  SlowLog slowlog;
  Services services{.keyspace = **keyspace,
                    .config = config,
                    .clock = clock,
                    .log = log,
                    .connections = server,
                    .metrics = metrics,
                    .slowlog = slowlog,
                    .registry = registry,
                    .info = describe(invocation, *settings, clock),
                    .store = store->get(),
                    .users = std::move(users)};
  config.on_change([&, nowhere = settings->spills_nowhere()](const Settings& changed) mutable {
    log.set_level(changed.loglevel);
    (*journal)->set_fsync(append_fsync(changed));
    raise_limits(log, changed);
    apply_encoding_limits(changed, **keyspace);
    services.gauges->share_memory(services);
    const bool told = std::exchange(nowhere, changed.spills_nowhere());
    if (nowhere && !told) log.warning("{}", kNothingToSpillTo);
    follow_key_event_settings(services, changed);
    follow_user_settings(*services.users, changed);
  });
  config.on_rewrite([&](const Settings& current) { return user_lines(*services.users, current); });
  apply_encoding_limits(*settings, **keyspace);
  services.gauges->share_memory(services);
  publish_key_events(services);
  serve_tracking(services);

  // From socket to socket.
  server.start(services, services.info.workers);
  log.notice("Ready to accept connections");
  notify_service_manager("READY=1");

  while (!stop.wait_for(kClockStep)) {
    clock.adjust();
    if (*store) (*store)->note_time(clock.now());
  }

  log.notice("Stopping: {}", stop.reason());
  notify_service_manager("STOPPING=1");
  stop.let_signals_kill();
  server.stop();
  const int status = write_the_rest(**journal, log);
  (*keyspace)->abandon();
  return status;
}

int run(std::span<const char* const> arguments) {
  auto parsed = Config::parse(arguments);
  if (!parsed) {
    std::fprintf(stderr, "%s\n", parsed.error().detail.c_str());
    return 1;
  }
  const auto& [invocation, config] = *parsed;
  const std::shared_ptr<const Settings> settings = config->current();
  Registry registry;
  if (auto renamed = rename_commands(registry, *settings); !renamed) {
    std::fprintf(stderr, "sojournd: %s\n", renamed.error().detail.c_str());
    return 1;
  }
  auto users = make_users(registry, *config);
  if (auto loaded = load_users(*users, *settings); !loaded) {
    std::fprintf(stderr, "sojournd: %s\n", loaded.error().detail.c_str());
    return 1;
  }
  switch (invocation.action) {
    case Invocation::Action::help:
      std::fputs(Config::help().c_str(), stdout);
      return 0;
    case Invocation::Action::version:
      std::printf("Sojourn server v=%s bits=%zu\n", std::string(kVersion).c_str(),
                  sizeof(void*) * 8);
      return 0;
    case Invocation::Action::check_config:
      std::puts("The configuration is good.");
      return 0;
    case Invocation::Action::serve:
      break;
  }

  ::umask(077);
  if (settings->daemonize) {
    if (auto daemon = daemonize(); !daemon) {
      std::fprintf(stderr, "sojournd: %s\n", daemon.error().detail.c_str());
      return 1;
    }
  }
  if (auto made = make_directory_for_files(invocation, *settings); !made) {
    std::fprintf(stderr, "sojournd: %s\n", made.error().detail.c_str());
    return 1;
  }
  auto log = Log::open(settings->path_of(settings->logfile), settings->loglevel);
  if (!log) {
    std::fprintf(stderr, "sojournd: %s\n", log.error().detail.c_str());
    return 1;
  }
  return serve(invocation, *config, registry, std::move(users), **log);
}

}  // namespace
}  // namespace sojourn::server

int main(int argc, char** argv) {
  // What RocksDB's memtables are made of, and large values, goes back to the system when it is
  // freed. By itself glibc stops doing so after the first of them: 140 bytes a session at a
  // million.
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(sojourn::protocol::kLargeBytes));
  // Small pieces are joined with their neighbours when they are freed. By itself glibc does it for
  // all of them at once now and then, in somebody's turn: 10 ms after the end of a large hash.
  ::mallopt(M_MXFAST, 0);
  const std::span<const char* const> all(argv, static_cast<std::size_t>(argc));
  return sojourn::server::run(all.subspan(all.empty() ? 0 : 1));
}
