#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/acl/password.h"
#include "server/acl/rule_words.h"
#include "server/commands/awaited_call.h"
#include "server/commands/help.h"
#include "server/commands/permissions.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"
#include "server/commands/user_setup.h"
#include "server/config/rewrite.h"

namespace sojourn::server {
namespace {

// --- users ---

// After a change: whoever is not welcome any more must go, soon after; this connection, once it has
// its reply.
void see_who_may_stay(Call& call) {
  Services& services = call.services;
  if (!follow_user(services, call.connection, services.config.generation())) {
    call.connection.close_after_reply = true;
  }
  services.connections.review();
}

void setuser(Call& call) {
  const auto words = call.words();
  const std::string_view name = words[2];
  if (has_space_or_nul(name)) {
    return call.refuse("ERR Usernames can't contain spaces or null characters");
  }
  const std::vector<std::string> rules(words.begin() + 3, words.end());
  const auto fewer_channels = call.services.users->set(
      name, rules, call.services.config.current()->acl_pubsub_all_channels);
  if (!fewer_channels) return call.refuse("ERR " + fewer_channels.error().detail);
  if (*fewer_channels) see_who_may_stay(call);
  call.reply.ok();
}

void deluser(Call& call) {
  const auto names = call.words().subspan(2);
  if (std::find(names.begin(), names.end(), Users::kDefault) != names.end()) {
    return call.refuse("ERR The 'default' user cannot be removed");
  }
  const std::size_t count = call.services.users->remove(names);
  if (count > 0) see_who_may_stay(call);
  call.reply.unsigned_integer(count);
}

void tell_selector(protocol::ReplyWriter& reply, const Selector& selector) {
  reply.bulk("commands");
  reply.bulk(selector.describe_commands());
  reply.bulk("keys");
  reply.bulk(selector.describe_keys());
  reply.bulk("channels");
  reply.bulk(selector.describe_channels());
}

void getuser(Call& call) {
  const auto user = call.services.users->find(call.words()[2]);
  if (user == nullptr) return call.reply.null();
  protocol::ReplyWriter& reply = call.reply;
  reply.map(6);
  reply.bulk("flags");
  const auto flags = user->flags();
  reply.set(flags.size());
  for (const std::string_view flag : flags) reply.bulk(flag);
  reply.bulk("passwords");
  reply.array(user->password_hashes().size());
  for (const std::string& hash : user->password_hashes()) reply.bulk(hash);
  const auto selectors = user->selectors();
  tell_selector(reply, selectors.front());
  reply.bulk("selectors");
  reply.array(selectors.size() - 1);
  for (const Selector& selector : selectors.subspan(1)) {
    reply.map(3);
    tell_selector(reply, selector);
  }
}

void list(Call& call) {
  const auto lines = call.services.users->lines();
  call.reply.array(lines.size());
  for (const std::string& line : lines) call.reply.bulk(line);
}

void users(Call& call) {
  const auto all = call.services.users->all();
  call.reply.array(all.size());
  for (const auto& user : all) call.reply.bulk(user->name());
}

void whoami(Call& call) { call.reply.bulk(user_name(call.connection)); }

// --- what rules are made of ---

void cat(Call& call) {
  const auto words = call.words();
  if (words.size() > 3) return call.refuse_subcommand();
  if (words.size() == 2) {
    call.reply.array(category_names().size());
    for (const std::string_view name : category_names()) call.reply.bulk(name);
    return;
  }
  const auto category = category_named(words[2]);
  if (!category) {
    return call.refuse(fmt::format("ERR Unknown category '{}'", words[2].substr(0, 128)));
  }
  std::vector<std::string_view> names;
  for (const auto& entry : call.services.users->commands().all()) {
    if ((entry.categories & bit_of(*category)) != 0) names.push_back(entry.full_name);
  }
  call.reply.array(names.size());
  for (const std::string_view name : names) call.reply.bulk(name);
}

void genpass(Call& call) {
  constexpr std::int64_t kBitsMax = 4096, kBits = 256;
  if (call.words().size() > 3) return call.refuse_subcommand();
  Args args = call.args();
  const std::int64_t bits = args.empty() ? kBits : args.integer();
  if (args.failed()) return call.refuse(args.error());
  if (bits <= 0 || bits > kBitsMax) {
    return call.refuse(
        fmt::format("ERR ACL GENPASS argument must be the number of bits for the output password, "
                    "a positive number up to {}",
                    kBitsMax));
  }
  call.reply.bulk(random_digits(static_cast<std::size_t>((bits + 3) / 4)));
}

void dryrun(Call& call) {
  const auto words = call.words();
  const auto request = words.subspan(3);
  const auto user = call.services.users->find(words[2]);
  if (user == nullptr) return call.refuse(fmt::format("ERR User '{}' not found", words[2]));
  const Command* row = call.services.registry.find_row(request);
  if (row == nullptr) return call.refuse(fmt::format("ERR Command '{}' not found", request[0]));
  const auto count = static_cast<std::int64_t>(request.size());
  const std::int64_t arity = row->arity.words;
  if (arity > 0 ? count != arity : count < -arity) {
    return call.refuse(
        fmt::format("ERR wrong number of arguments for '{}' command", row->full_name));
  }
  const auto denial = denial_of(*user, *row, request);
  if (!denial) return call.reply.ok();
  call.reply.bulk(explain(*denial, *user, *row, request, true));
}

// --- ACL LOG ---

void tell_entry(Call& call, const AclLog::Entry& entry) {
  protocol::ReplyWriter& reply = call.reply;
  reply.map(10);
  reply.bulk("count");
  reply.unsigned_integer(entry.count);
  reply.bulk("reason");
  reply.bulk(name_of(entry.reason));
  reply.bulk("context");
  reply.bulk(name_of(entry.context));
  reply.bulk("object");
  reply.bulk(entry.object);
  reply.bulk("username");
  reply.bulk(entry.user);
  reply.bulk("age-seconds");
  reply.real(static_cast<double>((call.now - entry.updated).count()) / 1000);
  reply.bulk("client-info");
  reply.bulk(entry.connection);
  reply.bulk("entry-id");
  reply.unsigned_integer(entry.id);
  reply.bulk("timestamp-created");
  reply.integer(unix_ms(entry.created));
  reply.bulk("timestamp-last-updated");
  reply.integer(unix_ms(entry.updated));
}

void log(Call& call) {
  constexpr std::int64_t kStandardCount = 10;
  if (call.words().size() > 3) return call.refuse_subcommand();
  Args args = call.args();
  if (args.option("RESET")) {
    call.services.acl_log->clear();
    return call.reply.ok();
  }
  const std::int64_t count = args.empty() ? kStandardCount : args.integer();
  if (!args.done()) return call.refuse(args.error());
  const auto entries =
      call.services.acl_log->latest(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  call.reply.array(entries.size());
  for (const AclLog::Entry& entry : entries) tell_entry(call, entry);
}

// --- the file ---

bool refuse_without_file(Call& call) {
  if (!call.services.config.current()->aclfile.empty()) return false;
  call.refuse(
      "ERR This Redis instance is not configured to use an ACL file. You may want to specify users "
      "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
      "configuration file set) in order to store users in the Redis configuration.");
  return true;
}

void load(Call& call) {
  if (refuse_without_file(call)) return;
  const bool loaded = await(call, [&] {
    return call.services.errands->send([&services = call.services]() -> std::string {
      const auto done = load_users(*services.users, *services.config.current());
      if (!done) return "ERR " + done.error().detail;
      services.connections.review();
      return "";
    });
  });
  if (loaded) call.reply.ok();
}

void save(Call& call) {
  if (refuse_without_file(call)) return;
  const bool saved = await(call, [&] {
    return call.services.errands->send([&services = call.services]() -> std::string {
      const auto settings = services.config.current();
      const auto done =
          replace_file(settings->path_of(settings->aclfile), file_text(*services.users));
      if (done) return "";
      services.log.warning("The ACL file could not be written: {}", done.error().detail);
      return "ERR There was an error trying to save the ACLs. Please check the server logs for "
             "more "
             "information";
    });
  });
  if (saved) call.reply.ok();
}

constexpr Flags kOpen = kNoScript | kLoading | kStale;
constexpr Flags kOperator = kOpen | kAdmin;

// clang-format off
constexpr Command kAclSubcommands[] = {
    {.name = "cat", .arity = at_least(2), .flags = kOpen, .group = Group::server, .run = cat,
     .since = "6.0.0", .complexity = "O(N) where N is the number of categories or commands",
     .syntax = "[category]",
     .summary = "Returns the categories of commands, or the commands of one."},
    {.name = "deluser", .arity = at_least(3), .flags = kOperator | kSecretWords,
     .group = Group::server, .run = deluser, .since = "6.0.0",
     .complexity = "O(N) where N is the number of users given",
     .syntax = "username [username ...]",
     .summary = "Deletes users and closes the connections that act as them."},
    {.name = "dryrun", .arity = at_least(4), .flags = kOperator | kSecretWords,
     .group = Group::server, .run = dryrun, .since = "7.0.0", .complexity = "O(1)",
     .syntax = "username command [arg [arg ...]]",
     .summary = "Tells whether a user may run a request, without running it."},
    {.name = "genpass", .arity = at_least(2), .flags = kOpen, .group = Group::server,
     .run = genpass, .since = "6.0.0", .complexity = "O(1)", .syntax = "[bits]",
     .summary = "Returns a random password of so many bits, in hexadecimal."},
    {.name = "getuser", .arity = exactly(3), .flags = kOperator | kSecretWords,
     .group = Group::server, .run = getuser, .since = "6.0.0",
     .complexity = "O(N) where N is the number of the user's rules", .syntax = "username",
     .summary = "Returns what a user may do, and the hashes of his passwords."},
    {.name = "help", .arity = exactly(2), .flags = kLoading | kStale, .group = Group::server,
     .run = help, .since = "6.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands of ACL."},
    {.name = "list", .arity = exactly(2), .flags = kOperator, .group = Group::server, .run = list,
     .since = "6.0.0", .complexity = "O(N) where N is the number of users",
     .summary = "Returns all users with their rules, a line each."},
    {.name = "load", .arity = exactly(2), .flags = kOperator | kWaits, .group = Group::server,
     .run = load, .since = "6.0.0", .complexity = "O(N) where N is the number of users",
     .summary = "Takes the users from the ACL file, all or none."},
    {.name = "log", .arity = at_least(2), .flags = kOperator, .group = Group::server, .run = log,
     .since = "6.0.0", .complexity = "O(N) where N is the number of entries returned",
     .syntax = "[count | RESET]",
     .summary = "Returns what was refused to whom of late, or forgets it."},
    {.name = "save", .arity = exactly(2), .flags = kOperator | kWaits, .group = Group::server,
     .run = save, .since = "6.0.0", .complexity = "O(N) where N is the number of users",
     .summary = "Writes the users into the ACL file."},
    {.name = "setuser", .arity = at_least(3), .flags = kOperator | kSecretWords,
     .group = Group::server, .run = setuser, .since = "6.0.0",
     .complexity = "O(N) where N is the number of rules given",
     .syntax = "username [rule [rule ...]]",
     .summary = "Makes a user, or changes one, by rules; all of them or none."},
    {.name = "users", .arity = exactly(2), .flags = kOperator, .group = Group::server,
     .run = users, .since = "6.0.0", .complexity = "O(N) where N is the number of users",
     .summary = "Returns the names of all users."},
    {.name = "whoami", .arity = exactly(2), .flags = kOpen, .group = Group::server, .run = whoami,
     .since = "6.0.0", .complexity = "O(1)",
     .summary = "Returns the name of the user this connection acts as."},
};

constexpr Command kAclCommands[] = {
    {.name = "acl", .arity = at_least(2), .group = Group::server, .since = "6.0.0",
     .summary = "Contains the commands on users and what they may do.",
     .subcommands = kAclSubcommands},
};
// clang-format on
static_assert(well_formed(kAclCommands));

}  // namespace

std::span<const Command> acl_commands() { return kAclCommands; }

}  // namespace sojourn::server
