// MONITOR: every request that runs, as a line to those who asked for it. A topic of its own among
// the channels, since the way is the same: into the mailboxes, and nobody waits.

#include "server/commands/monitor.h"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

constexpr Topic kMonitor{TopicKind::monitor, {}};

void monitor(Call& call) {
  if (!call.may_wait()) {
    return call.refuse("ERR MONITOR isn't allowed for DENY BLOCKING client");
  }
  ConnectionState& connection = call.connection;
  if (connection.monitoring) return;  // as in Redis, not even a reply
  call.services.channels->subscribe(kMonitor, static_cast<std::size_t>(connection.worker),
                                    connection.id);
  connection.monitoring = true;
  call.reply.ok();
}

// In double quotes, so that no word can be taken for two or for a line's end.
void append_quoted(std::string& line, std::string_view word) {
  constexpr std::string_view kNamed = "\n\r\t\a\b";
  constexpr std::string_view kNames = "nrtab";
  line += '"';
  for (const char c : word) {
    if (c == '\\' || c == '"') {
      line += {'\\', c};
    } else if (const auto named = kNamed.find(c); named != kNamed.npos) {
      line += {'\\', kNames[named]};
    } else if (c >= ' ' && c <= '~') {
      line += c;
    } else {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  line += '"';
}

// Passwords: all words of AUTH, and what follows the option AUTH of HELLO.
std::string_view shown(const Command& command, protocol::Words words, std::size_t i) {
  constexpr std::string_view kRedacted = "(redacted)";
  const Flags flags = command.flags;
  const auto names = static_cast<std::size_t>(command.name_words());
  if ((flags & kSecretWords) == 0 || i < names) return words[i];
  if ((flags & kSecretOption) == 0) return kRedacted;
  for (std::size_t before = 1; before <= 2 && i >= names + 1 + before; ++before) {
    if (equal_any_case(words[i - before], "AUTH")) return kRedacted;
  }
  return words[i];
}

std::string who(const ConnectionState& connection) {
  const std::string_view peer = connection.peer_address;
  if (!peer.starts_with('/')) return connection.peer_address;
  return fmt::format("unix:{}", peer.substr(0, peer.rfind(':')));
}

void show(Services& services, const ConnectionState& connection, const Command& command,
          protocol::Words words, std::string_view by) {
  Channels& channels = *services.channels;
  if (channels.far_behind()) return channels.cut_off(kMonitor);
  const std::int64_t us = services.clock.now_us().time_since_epoch().count();
  std::string line = fmt::format("{}.{:06} [{} {}]", us / 1'000'000, us % 1'000'000,
                                 connection.database, by);
  for (std::size_t i = 0; i < words.size(); ++i) {
    line += ' ';
    append_quoted(line, shown(command, words, i));
  }
  channels.publish(kMonitor, line);
}

// clang-format off
constexpr Command kMonitorCommands[] = {
    {.name = "monitor", .arity = exactly(1),
     .flags = kAdmin | kNoScript | kLoading | kStale | kChangesConnection,
     .group = Group::server, .run = monitor, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Shows this connection every request that runs, until RESET."},
};
// clang-format on
static_assert(well_formed(kMonitorCommands));

}  // namespace

std::span<const Command> monitor_commands() { return kMonitorCommands; }

void stop_monitoring(Services& services, ConnectionState& connection) {
  services.channels->forget(kMonitor, static_cast<std::size_t>(connection.worker), connection.id);
  connection.monitoring = false;
}

void show_to_monitors(const Request& request) {
  // What operators do is not for everybody who may watch.
  if ((request.command->flags & (kSkipMonitor | kAdmin)) != 0) return;
  show(request.services, request.connection, *request.command, request.words,
       request.within_script ? "lua" : who(request.connection));
}

void show_script_to_monitors(Call& call) {
  if (call.services.channels->count(TopicKind::monitor) == 0) [[likely]]
    return;
  show(call.services, call.connection, call.command, call.words(), who(call.connection));
}

}  // namespace sojourn::server
