#include <fmt/format.h>

#include "server/commands/call.h"
#include "server/commands/generic.h"

namespace sojourn::server {
namespace {

using std::chrono_literals::operator""ms;

// When a deadline may be moved: NX, XX, GT and LT.
struct Condition {
  bool only_without = false;
  bool only_with = false;
  bool only_later = false;
  bool only_earlier = false;

  bool allows(Time old, Time fresh) const {
    if (only_without && old != kNever) return false;
    if (only_with && old == kNever) return false;
    if (only_later && fresh <= old) return false;
    return !only_earlier || fresh < old;
  }
};

Condition condition(Args& args) {
  Condition condition;
  while (!args.empty()) {
    if (args.option("NX")) {
      condition.only_without = true;
    } else if (args.option("XX")) {
      condition.only_with = true;
    } else if (args.option("GT")) {
      condition.only_later = true;
    } else if (args.option("LT")) {
      condition.only_earlier = true;
    } else {
      args.fail(fmt::format("ERR Unsupported option {}", args.word()));
      return condition;
    }
  }
  if (condition.only_without &&
      (condition.only_with || condition.only_later || condition.only_earlier)) {
    args.fail("ERR NX and XX, GT or LT options at the same time are not compatible");
  } else if (condition.only_later && condition.only_earlier) {
    args.fail("ERR GT and LT options at the same time are not compatible");
  }
  return condition;
}

void expire_in(Call& call, Millis unit, bool absolute) {
  Args args = call.args();
  const Key key = args.key();
  const std::string_view number = args.word();
  const Condition only = condition(args);
  if (!args.done()) return call.refuse(args.error());
  const Time deadline = args.deadline(number, unit, absolute, false);
  if (args.failed()) return call.refuse(args.error());

  const Entry* entry = call.look_to_change(key);
  const bool moves = entry != nullptr && only.allows(entry->deadline(), deadline);
  if (moves) {
    call.tx().set_deadline(key, deadline);
    call.event(KeyEventClass::generic, deadline <= call.now ? "del" : "expire", key);
  }
  call.reply.integer(moves ? 1 : 0);
}

// What the TTL family answers for a key that is not there, and for one without a deadline.
constexpr std::int64_t kNoKey = -2;
constexpr std::int64_t kNoDeadline = -1;

void tell_deadline(Call& call, Millis unit, Time since) {
  const Entry* entry = call.glance(call.keys()[0]);
  if (entry == nullptr) return call.reply.integer(kNoKey);
  if (!entry->has_deadline()) return call.reply.integer(kNoDeadline);
  const Millis left = entry->deadline() - since;
  // To the nearest second, as Redis rounds.
  call.reply.integer(unit == 1ms ? left.count() : left / unit + (left % unit >= unit / 2 ? 1 : 0));
}

}  // namespace

void expire(Call& call) { expire_in(call, 1000ms, false); }
void pexpire(Call& call) { expire_in(call, 1ms, false); }
void expireat(Call& call) { expire_in(call, 1000ms, true); }
void pexpireat(Call& call) { expire_in(call, 1ms, true); }

void ttl(Call& call) { tell_deadline(call, 1000ms, call.now); }
void pttl(Call& call) { tell_deadline(call, 1ms, call.now); }
void expiretime(Call& call) { tell_deadline(call, 1000ms, Time{}); }
void pexpiretime(Call& call) { tell_deadline(call, 1ms, Time{}); }

void persist(Call& call) {
  const Key& key = call.keys()[0];
  const Entry* entry = call.look_to_change(key);
  const bool had = entry != nullptr && entry->has_deadline();
  if (had) {
    call.tx().set_deadline(key, kNever);
    call.event(KeyEventClass::generic, "persist", key);
  }
  call.reply.integer(had ? 1 : 0);
}

}  // namespace sojourn::server
