#include "server/commands/permissions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "server/commands/client_line.h"
#include "server/commands/key_words.h"
#include "server/commands/services.h"
#include "server/observe/slowlog.h"

namespace sojourn::server {
namespace {

using Reason = AclLog::Reason;

std::size_t place_of(const std::string_view& word, protocol::Words words) {
  return static_cast<std::size_t>(&word - words.data());
}

std::optional<Denial> key_denial(const Selector& selector, const Command& command,
                                 protocol::Words words) {
  std::optional<Denial> denial;
  for_each_key_use(command, words, [&](const std::string_view& key, KeyUse use) {
    const bool read = (use & kAccess) != 0;
    const bool write = (use & (kUpdate | kInsert | kDelete)) != 0;
    if (denial || selector.allows_key(key, read, write)) return;
    denial = Denial{Reason::key, place_of(key, words)};
  });
  return denial;
}

std::optional<Denial> channel_denial(const Selector& selector, const Command& command,
                                     protocol::Words words) {
  const ChannelWords which = command.channel_words;
  if (which == ChannelWords::none) return std::nullopt;
  const std::size_t end = which == ChannelWords::first ? 2 : words.size();
  for (std::size_t i = 1; i < end; ++i) {
    if (!selector.allows_channel(words[i], which == ChannelWords::patterns)) {
      return Denial{Reason::channel, i};
    }
  }
  return std::nullopt;
}

std::optional<Denial> denial_of(const Selector& selector, const Command& command,
                                protocol::Words words) {
  const bool for_everybody = (command.flags & kNoAuth) != 0;
  if (!for_everybody && !selector.allows_command(command.index, words)) return Denial{};
  if (!selector.all_keys()) {
    if (const auto denial = key_denial(selector, command, words)) return denial;
  }
  if (!selector.all_channels()) return channel_denial(selector, command, words);
  return std::nullopt;
}

// Session ids are secrets, and keys and channels are named after them.
void show_object(AclLog::Entry& entry, std::string_view object, bool redacted) {
  entry.object_hash = std::hash<std::string_view>()(object);
  entry.object = redacted ? redact({&object, 1}, 0).front() : std::string(object);
}

bool may_stay_subscribed(const Subscriptions& subscriptions, const User& user) {
  for (const TopicKind kind : {TopicKind::channel, TopicKind::pattern, TopicKind::shard_channel}) {
    const Subscriptions::Names names = subscriptions.names(kind);
    if (!std::all_of(names.begin(), names.end(), [&](const std::string& name) {
          return user.may_listen(name, kind == TopicKind::pattern);
        })) {
      return false;
    }
  }
  return true;
}

}  // namespace

// As Redis chooses among the selectors' reasons: the gravest, and of those that are alike the one
// that lies furthest back.
std::optional<Denial> denial_of(const User& user, const Command& command, protocol::Words words) {
  Denial gravest;
  for (const Selector& selector : user.selectors()) {
    const auto denial = denial_of(selector, command, words);
    if (!denial) return std::nullopt;
    if (std::pair(denial->reason, denial->word) > std::pair(gravest.reason, gravest.word)) {
      gravest = *denial;
    }
  }
  return gravest;
}

std::string explain(const Denial& denial, const User& user, const Command& command,
                    protocol::Words words, bool naming) {
  if (denial.reason == Reason::command) {
    return fmt::format("User {} has no permissions to run the '{}' command", user.name(),
                       command.full_name);
  }
  const std::string_view what = denial.reason == Reason::key ? "key" : "channel";
  if (!naming) return fmt::format("No permissions to access a {}", what);
  return fmt::format("User {} has no permissions to access the '{}' {}", user.name(),
                     words[denial.word], what);
}

void log_denial(Services& services, const ConnectionState& connection, const Denial& denial,
                const Command& command, protocol::Words words, AclLog::Context context, Time now) {
  const auto settings = services.config.current();
  AclLog::Entry entry{.reason = denial.reason,
                      .context = context,
                      .user = std::string(user_name(connection)),
                      .connection = client_line(connection, now, bytes_of(words)),
                      .updated = now};
  if (denial.reason == Reason::command) {
    entry.object = command.full_name;
  } else {
    show_object(entry, words[denial.word], settings->log_redact);
  }
  services.acl_log->add(std::move(entry), settings->acllog_max_len);
}

void log_failed_login(Services& services, const ConnectionState& connection, std::string_view user,
                      std::string_view how, Time now) {
  const bool in_multi = connection.multi.open();
  services.acl_log->add({.reason = Reason::authentication,
                         .context = in_multi ? AclLog::Context::multi : AclLog::Context::toplevel,
                         .object = std::string(how),
                         .user = std::string(user),
                         .connection = client_line(connection, now, 0),
                         .updated = now},
                        services.config.current()->acllog_max_len);
}

bool follow_user(Services& services, ConnectionState& connection, std::uint64_t generation) {
  if (connection.user_seen_in == generation) return true;
  const auto known = connection.user;
  auto user = known != nullptr ? services.users->as_of_now(*known) : services.users->default_user();
  if (user == nullptr) return false;
  if (known != nullptr && known != user && user->lacks_channels_of(*known) &&
      !may_stay_subscribed(connection.subscriptions, *user)) {
    return false;
  }
  connection.user = std::move(user);
  connection.user_seen_in = generation;
  return true;
}

void act_as(Services& services, ConnectionState& connection, std::shared_ptr<const User> user) {
  connection.authenticated = user != nullptr || services.users->open();
  connection.user = user != nullptr ? std::move(user) : services.users->default_user();
  connection.user_seen_in = 0;
  connection.unrestricted_in = 0;
}

std::string_view user_name(const ConnectionState& connection) {
  return connection.user != nullptr ? std::string_view(connection.user->name()) : Users::kDefault;
}

}  // namespace sojourn::server
