#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "server/base/numbers.h"
#include "server/commands/client_line.h"
#include "server/commands/connection_handlers.h"
#include "server/commands/permissions.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

std::int64_t seconds_between(Time from, Time to) {
  return std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(to - from).count());
}

std::string flags_of(const ConnectionState& state) {
  std::string flags;
  if (state.monitoring) flags += 'O';
  if (state.subscriptions.any()) flags += 'P';
  if (state.multi.open()) flags += 'x';
  if (state.blocked) flags += 'b';
  if (state.tracking) flags += 't';
  if (state.tracking && state.tracking->redirect_broken) flags += 'R';
  if (state.tracking && state.tracking->broadcast) flags += 'B';
  if (state.close_after_reply) flags += 'c';
  if (state.peer_address.starts_with('/')) flags += 'U';
  if (state.no_evict) flags += 'e';
  if (state.no_touch) flags += 'T';
  return flags.empty() ? "N" : flags;
}

// The fields in Redis's order: programs read them. There is one buffer for replies (rbs, rbp, obl),
// and no list for what it cannot hold (oll): it grows, and what it then takes is omem.
void append_line(std::string& out, const ConnectionState& state, Time now, std::size_t arguments) {
  const std::size_t input_memory = std::max(state.input_bytes, state.input_capacity);
  const std::size_t output_memory = std::max(state.output_bytes, state.output_capacity);
  auto end = std::back_inserter(out);
  fmt::format_to(end, "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={}",
                 state.id, state.peer_address, state.local_address, state.descriptor, state.name,
                 seconds_between(state.connected_at, now),
                 seconds_between(state.last_request_at, now), flags_of(state), state.database);
  const Subscriptions& subscribed = state.subscriptions;
  fmt::format_to(end, " sub={} psub={} ssub={}", subscribed.count(TopicKind::channel),
                 subscribed.count(TopicKind::pattern), subscribed.count(TopicKind::shard_channel));
  const bool open = state.multi.open();
  const std::size_t queued_bytes = open ? state.multi->queued_bytes() : 0;
  fmt::format_to(end, " multi={} qbuf={} qbuf-free={} argv-mem={} multi-mem={}",
                 open ? static_cast<std::int64_t>(state.multi->queued_count()) : -1,
                 state.input_bytes, input_memory - state.input_bytes, arguments, queued_bytes);
  fmt::format_to(
      end, " rbs={} rbp={} obl={} oll=0 omem={} tot-mem={} events={} cmd={}", output_memory,
      std::max(output_memory, state.output_capacity_max), state.output_bytes,
      state.output_bytes > 0 ? output_memory : 0,
      sizeof(ConnectionState) + input_memory + output_memory + arguments + state.multi.bytes(),
      state.output_bytes > 0 ? "rw" : "r",
      state.last_command != nullptr ? state.last_command->full_name : "NULL");
  fmt::format_to(end, " user={} redir={} resp={} lib-name={} lib-ver={}", user_name(state),
                 state.tracking ? static_cast<std::int64_t>(state.tracking->redirect) : -1,
                 static_cast<int>(state.version), state.library_name, state.library_version);
}

// Of this connection the request that asks; nobody else has one in hand.
void append_line(std::string& out, const ConnectionState& state, const Call& call) {
  append_line(out, state, call.now, state.id == call.connection.id ? bytes_of(call.words()) : 0);
}

// What Redis calls a type.
enum class Type : std::uint8_t { normal, master, replica, pubsub };

Type type_of(const ConnectionState& state) {
  return state.subscriptions.any() ? Type::pubsub : Type::normal;
}

std::optional<Type> type_named(std::string_view name) {
  if (equal_any_case(name, "normal")) return Type::normal;
  if (equal_any_case(name, "master")) return Type::master;
  if (equal_any_case(name, "replica") || equal_any_case(name, "slave")) return Type::replica;
  if (equal_any_case(name, "pubsub")) return Type::pubsub;
  return std::nullopt;
}

Type type_argument(Args& args) {
  const std::string_view name = args.word();
  const auto type = type_named(name);
  if (!type) args.fail(fmt::format("ERR Unknown client type '{}'", name));
  return type.value_or(Type::normal);
}

// What CLIENT KILL's filters say; all that are given must fit.
struct Filter {
  std::optional<std::uint64_t> id;
  std::optional<Type> type;
  std::optional<std::string_view> peer, local, user;
  std::optional<std::int64_t> age_min_s;
  bool skip_me = true;

  bool fits(const ConnectionState& state, const Call& call) const {
    if (skip_me && state.id == call.connection.id) return false;
    if (id && state.id != *id) return false;
    if (type && *type != type_of(state)) return false;
    if (peer && state.peer_address != *peer) return false;
    if (local && state.local_address != *local) return false;
    if (user && user_name(state) != *user) return false;
    return !age_min_s || seconds_between(state.connected_at, call.now) >= *age_min_s;
  }
};

std::string_view user_argument(Call& call, Args& args) {
  const std::string_view user = args.word();
  if (call.services.users->find(user) == nullptr)
    args.fail(fmt::format("ERR No such user '{}'", user));
  return user;
}

// One filter and its value.
void read_filter(Call& call, Args& args, Filter& filter) {
  if (args.left() < 2) return args.fail("ERR syntax error");
  if (args.option("ID")) {
    constexpr std::string_view kBadId = "ERR client-id should be greater than 0";
    const std::int64_t id = args.integer(kBadId);
    if (id <= 0) args.fail(kBadId);
    filter.id = static_cast<std::uint64_t>(id);
  } else if (args.option("TYPE")) {
    filter.type = type_argument(args);
  } else if (args.option("ADDR")) {
    filter.peer = args.word();
  } else if (args.option("LADDR")) {
    filter.local = args.word();
  } else if (args.option("USER")) {
    filter.user = user_argument(call, args);
  } else if (args.option("MAXAGE")) {
    filter.age_min_s = args.integer("ERR maxage is not an integer or out of range");
    if (*filter.age_min_s <= 0) args.fail("ERR maxage should be greater than 0");
  } else if (args.option("SKIPME")) {
    filter.skip_me = args.option("yes");
    if (!filter.skip_me && !args.option("no")) args.fail("ERR syntax error");
  } else {
    args.fail("ERR syntax error");
  }
}

// How many connections fitted. This one is closed after its reply.
std::size_t close_fitting(Call& call, const Filter& filter) {
  std::vector<std::uint64_t> others;
  std::size_t count = 0;
  for (const ConnectionState& state : call.services.connections.list(call.connection)) {
    if (!filter.fits(state, call)) continue;
    ++count;
    if (state.id == call.connection.id) {
      call.connection.close_after_reply = true;
    } else {
      others.push_back(state.id);
    }
  }
  if (!others.empty()) call.services.connections.close(others);
  return count;
}

}  // namespace

std::string client_line(const ConnectionState& state, Time now, std::size_t argument_bytes) {
  std::string line;
  append_line(line, state, now, argument_bytes);
  return line;
}

std::size_t bytes_of(protocol::Words words) {
  std::size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  return bytes;
}

void client_info(Call& call) {
  std::string text;
  append_line(text, call.connection, call);
  text += '\n';
  call.reply.verbatim("txt", text);
}

void client_list(Call& call) {
  Args args = call.args();
  std::optional<Type> type;
  std::optional<std::vector<std::uint64_t>> ids;
  if (args.left() == 2 && args.option("TYPE")) {
    type = type_argument(args);
  } else if (args.left() >= 2 && args.option("ID")) {
    ids.emplace();
    while (!args.empty() && !args.failed()) {
      const std::int64_t id = args.integer("ERR Invalid client ID");
      if (id > 0) ids->push_back(static_cast<std::uint64_t>(id));
    }
  }
  if (!args.done()) return call.refuse(args.error());

  std::string text;
  for (const ConnectionState& state : call.services.connections.list(call.connection)) {
    if (type && *type != type_of(state)) continue;
    if (ids && std::find(ids->begin(), ids->end(), state.id) == ids->end()) continue;
    append_line(text, state, call);
    text += '\n';
  }
  call.reply.verbatim("txt", text);
}

void client_kill(Call& call) {
  Filter filter;
  if (call.words().size() == 3) {  // CLIENT KILL ip:port
    filter.peer = call.words()[2];
    filter.skip_me = false;
    if (close_fitting(call, filter) == 0) return call.refuse("ERR No such client");
    return call.reply.ok();
  }
  Args args = call.args();
  while (!args.empty() && !args.failed()) read_filter(call, args, filter);
  if (!args.done()) return call.refuse(args.error());
  call.reply.unsigned_integer(close_fitting(call, filter));
}

}  // namespace sojourn::server
