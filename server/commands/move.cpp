#include <limits>

#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/generic.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

using Int = std::numeric_limits<int>;

// The next word as the number of a database, as COPY and MOVE name it.
std::uint16_t database(Call& call, Args& args) {
  constexpr std::string_view kNotAnInt =
      "ERR value is out of range, value must between -2147483648 and 2147483647";
  const std::int64_t number = args.integer(Int::min(), Int::max(), kNotAnInt);
  const auto databases = static_cast<std::int64_t>(call.services.keyspace.databases());
  if (!args.failed() && (number < 0 || number >= databases)) args.fail(kDatabaseOutOfRange);
  return args.failed() ? 0 : static_cast<std::uint16_t>(number);
}

// True if it was done: the one that moves is there, and nothing stands where it shall go.
bool rename_if(Call& call, bool only_to_nothing) {
  const Key& from = call.keys()[0];
  const Key& to = call.keys()[1];
  if (from.name == to.name) return !only_to_nothing;
  if (only_to_nothing && call.look_to_change(to) != nullptr) return false;
  call.tx().rename(from, to);
  call.event(KeyEventClass::generic, "rename_from", from);
  call.event(KeyEventClass::generic, "rename_to", to);
  return true;
}

bool there(Call& call, const Key& key) { return call.look_to_change(key) != nullptr; }

}  // namespace

void rename(Call& call) {
  if (!there(call, call.keys()[0])) return call.refuse(kNoSuchKey);
  rename_if(call, false);
  call.reply.ok();
}

void renamenx(Call& call) {
  if (!there(call, call.keys()[0])) return call.refuse(kNoSuchKey);
  call.reply.integer(rename_if(call, true) ? 1 : 0);
}

void copy(Call& call) {
  Args args = call.args();
  const Key from = args.key();
  Key to = args.key();
  bool replace = false;
  while (!args.empty() && !args.failed()) {
    if (args.option("REPLACE")) {
      replace = true;
    } else if (args.left() > 1 && args.option("DB")) {
      to = to.in(database(call, args));
    } else {
      break;
    }
  }
  if (!args.done()) return call.refuse(args.error());
  if (from.name == to.name && from.database == to.database) return call.refuse(kSameObject);
  const bool copies = call.look(from) != nullptr && (replace || !there(call, to));
  if (copies) {
    call.tx().copy(from, to);
    call.event(KeyEventClass::generic, "copy_to", to);
  }
  call.reply.integer(copies ? 1 : 0);
}

void move(Call& call) {
  Args args = call.args();
  const Key from = args.key();
  const Key to = from.in(database(call, args));
  if (!args.done()) return call.refuse(args.error());
  if (from.database == to.database) return call.refuse(kSameObject);
  const bool moves = there(call, from) && !there(call, to);
  if (moves) {
    call.tx().rename(from, to);
    call.event(KeyEventClass::generic, "move_from", from);
    call.event(KeyEventClass::generic, "move_to", to);
  }
  call.reply.integer(moves ? 1 : 0);
}

void swapdb(Call& call) {
  Args args = call.args();
  constexpr std::string_view kInvalidFirst = "ERR invalid first DB index";
  constexpr std::string_view kInvalidSecond = "ERR invalid second DB index";
  const auto index = [&args](std::string_view error) {
    const std::int64_t number = args.integer(error);
    if (number < Int::min() || number > Int::max()) args.fail(error);
    return number;
  };
  const std::int64_t a = index(kInvalidFirst);
  const std::int64_t b = index(kInvalidSecond);
  const auto databases = static_cast<std::int64_t>(call.services.keyspace.databases());
  const auto known = [&](std::int64_t number) { return number >= 0 && number < databases; };
  if (!args.failed() && (!known(a) || !known(b))) args.fail(kDatabaseOutOfRange);
  if (!args.done()) return call.refuse(args.error());
  if (a != b) call.tx().swap(static_cast<std::uint16_t>(a), static_cast<std::uint16_t>(b));
  call.reply.ok();
}

}  // namespace sojourn::server
