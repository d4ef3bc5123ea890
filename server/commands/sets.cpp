#include <string>
#include <vector>

#include "server/cache/set_view.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/random_fields.h"
#include "server/commands/registry.h"
#include "server/commands/scan.h"
#include "server/commands/set_algebra.h"

namespace sojourn::server {
namespace {

// The key's set. Nothing: there is none, or it was refused as something else.
struct Found {
  const Entry* entry = nullptr;
  bool refused = false;

  std::size_t size() const { return entry != nullptr ? SetView(*entry).size() : 0; }
  bool contains(std::string_view member) const {
    return entry != nullptr && SetView(*entry).contains(member);
  }
};

Found to_read(Call& call) {
  const Entry* entry = call.look(call.keys()[0]);
  return {.entry = entry, .refused = call.refuse_unless(entry, ValueType::set)};
}

Found to_change(Call& call) {
  const Entry* entry = call.look_to_change(call.keys()[0]);
  return {.entry = entry, .refused = call.refuse_unless(entry, ValueType::set)};
}

// --- reading ---

void scard(Call& call) {
  const Found set = to_read(call);
  if (!set.refused) call.reply.unsigned_integer(set.size());
}

void sismember(Call& call) {
  const Found set = to_read(call);
  if (!set.refused) call.reply.integer(set.contains(call.words()[2]) ? 1 : 0);
}

void smismember(Call& call) {
  const Found set = to_read(call);
  if (set.refused) return;
  const protocol::Words members = call.words().subspan(2);
  call.reply.array(members.size());
  for (const std::string_view member : members) call.reply.integer(set.contains(member) ? 1 : 0);
}

void smembers(Call& call) {
  const Found set = to_read(call);
  if (set.refused) return;
  call.reply.set(set.size());
  if (set.entry == nullptr) return;
  SetView(*set.entry).for_each([&](std::string_view member) { call.reply.bulk(member); });
}

void sscan(Call& call) { scan_fields(call, ValueType::set); }

// --- changing ---

void sadd(Call& call) {
  if (to_change(call).refused) return;
  const std::size_t added = call.tx().add_members(call.keys()[0], call.words().subspan(2));
  if (added > 0) call.event(KeyEventClass::set, "sadd", call.keys()[0]);
  call.reply.unsigned_integer(added);
}

void srem(Call& call) {
  if (to_change(call).refused) return;
  const std::size_t erased = call.tx().erase_members(call.keys()[0], call.words().subspan(2));
  if (erased > 0) call.event_taken_out(KeyEventClass::set, "srem", call.keys()[0]);
  call.reply.unsigned_integer(erased);
}

void smove(Call& call) {
  const Key& source = call.keys()[0];
  const Key& destination = call.keys()[1];
  const std::string_view member = call.words()[3];
  const Entry* from = call.look_to_change(source);
  const Entry* to = call.look_to_change(destination);
  if (from == nullptr) return call.reply.integer(0);
  if (call.refuse_unless(from, ValueType::set) || call.refuse_unless(to, ValueType::set)) return;
  const bool there = SetView(*from).contains(member);
  if (there && from != to) {
    call.tx().erase_members(source, {&member, 1});
    call.event_taken_out(KeyEventClass::set, "srem", source);
    const std::size_t added = call.tx().add_members(destination, {&member, 1});
    if (added > 0) call.event(KeyEventClass::set, "sadd", destination);
  }
  call.reply.integer(there ? 1 : 0);
}

void pop_one(Call& call) {
  const Found set = to_change(call);
  if (set.refused) return;
  if (set.entry == nullptr) return call.reply.null();
  const std::string_view member =
      call.keep(std::string(SetView(*set.entry).random(Random{}.next())));
  call.tx().erase_members(call.keys()[0], {&member, 1});
  call.event_taken_out(KeyEventClass::set, "spop", call.keys()[0]);
  call.reply.bulk(member);
}

// Copies: what is taken out of a set is gone before it is written that it is.
std::vector<std::string_view> choose_members(Call& call, const SetView& set, std::size_t count) {
  std::vector<std::string_view> chosen;
  chosen.reserve(count);
  for (const auto& [member, none] : choose_fields(set.fields(), count)) {
    chosen.push_back(call.keep(std::string(member)));
  }
  return chosen;
}

void spop(Call& call) {
  if (call.words().size() == 2) return pop_one(call);
  constexpr std::string_view kNegative = "ERR value is out of range, must be positive";
  if (call.words().size() > 3) return call.refuse(kSyntaxError);
  Args args = call.args();
  const Key key = args.key();
  const std::int64_t count = args.integer(kNegative);
  if (count < 0) args.fail(kNegative);
  if (!args.done()) return call.refuse(args.error());
  const Found set = to_change(call);
  if (set.refused) return;
  if (static_cast<std::uint64_t>(count) >= set.size()) {
    call.reply.set(set.size());
    if (set.entry == nullptr) return;
    SetView(*set.entry).for_each([&](std::string_view member) { call.reply.bulk(member); });
    call.tx().erase(key);
    call.event_taken_out(KeyEventClass::set, "spop", key);
    return;
  }
  const auto chosen = choose_members(call, SetView(*set.entry), static_cast<std::size_t>(count));
  call.tx().erase_members(key, chosen);
  if (!chosen.empty()) call.event_taken_out(KeyEventClass::set, "spop", key);
  call.reply.set(chosen.size());
  for (const std::string_view member : chosen) call.reply.bulk(member);
}

constexpr std::string_view kPerMember = "O(N) where N is the number of members given";
constexpr std::string_view kPerSize = "O(N) where N is the size of the set";
constexpr std::string_view kPerSmallest =
    "O(N*M) where N is the size of the smallest set and M the number of sets";
constexpr std::string_view kPerAll = "O(N) where N is the size of all sets together";

// clang-format off
constexpr Command kSetCommands[] = {
    {.name = "sadd", .arity = at_least(3), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kInsert), .group = Group::set, .run = sadd, .since = "1.0.0",
     .complexity = kPerMember, .syntax = "key member [member ...]",
     .summary = "Adds members to a set, making it if there is none; returns how many are new."},
    {.name = "srem", .arity = at_least(3), .flags = kWrite | kFast, .keys = one_key(kRW | kDelete),
     .group = Group::set, .run = srem, .since = "1.0.0", .complexity = kPerMember,
     .syntax = "key member [member ...]",
     .summary = "Removes members of a set, and the key with the last one; returns how many."},
    {.name = "smembers", .arity = exactly(2), .flags = kReadOnly | kUnordered,
     .keys = one_key(kRO | kAccess), .group = Group::set, .run = smembers, .since = "1.0.0",
     .complexity = kPerSize, .syntax = "key",
     .summary = "Returns all members of a set."},
    {.name = "sismember", .arity = exactly(3), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::set, .run = sismember, .since = "1.0.0", .complexity = "O(1)",
     .syntax = "key member",
     .summary = "Returns 1 if a set has a member, else 0."},
    {.name = "smismember", .arity = at_least(3), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::set, .run = smismember, .since = "6.2.0",
     .complexity = kPerMember,
     .syntax = "key member [member ...]",
     .summary = "Returns 1 for each of the members that a set has, 0 for each other."},
    {.name = "scard", .arity = exactly(2), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::set, .run = scard, .since = "1.0.0", .complexity = "O(1)", .syntax = "key",
     .summary = "Returns how many members a set has."},
    {.name = "spop", .arity = at_least(2), .flags = kWrite | kFast | kTouchesRandomKeys,
     .keys = one_key(kRW | kAccess | kDelete), .group = Group::set, .run = spop, .since = "1.0.0",
     .complexity = "O(N) where N is the number of members returned", .syntax = "key [count]@3.2.0",
     .summary = "Removes some members of a set, chosen at random, and returns them."},
    {.name = "srandmember", .arity = at_least(2), .flags = kReadOnly | kTouchesRandomKeys,
     .keys = one_key(kRO | kAccess), .group = Group::set, .run = srandmember, .since = "1.0.0",
     .complexity = "O(N) where N is the number of members returned", .syntax = "key [count]@2.6.0",
     .summary = "Returns some members of a set, chosen at random."},
    {.name = "smove", .arity = exactly(4), .flags = kWrite | kFast,
     .keys = two_keys(kRW | kAccess | kDelete, kRW | kInsert), .group = Group::set, .run = smove,
     .since = "1.0.0", .complexity = "O(1)", .syntax = "source destination member",
     .summary = "Takes a member out of one set and adds it to another, at once."},
    {.name = "sinter", .arity = at_least(2), .flags = kReadOnly | kUnordered,
     .keys = all_keys(kRO | kAccess), .group = Group::set, .run = sinter, .since = "1.0.0",
     .complexity = kPerSmallest, .syntax = "key [key ...]",
     .summary = "Returns the members that all of the sets have."},
    {.name = "sintercard", .arity = at_least(3), .flags = kReadOnly,
     .keys = counted_keys(kRO | kAccess), .group = Group::set, .run = sintercard,
     .since = "7.0.0", .complexity = kPerSmallest,
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Returns how many members all of the sets have, or whether these are so many."},
    {.name = "sinterstore", .arity = at_least(3), .flags = kWrite | kDenyOom,
     .keys = first_and_rest(kRW | kUpdate, kRO | kAccess), .group = Group::set,
     .run = sinterstore, .since = "1.0.0", .complexity = kPerSmallest,
     .syntax = "destination key [key ...]",
     .summary = "Makes a key hold the members that all of the sets have; returns how many."},
    {.name = "sunion", .arity = at_least(2), .flags = kReadOnly | kUnordered,
     .keys = all_keys(kRO | kAccess), .group = Group::set, .run = sunion, .since = "1.0.0",
     .complexity = kPerAll, .syntax = "key [key ...]",
     .summary = "Returns the members that any of the sets has."},
    {.name = "sunionstore", .arity = at_least(3), .flags = kWrite | kDenyOom,
     .keys = first_and_rest(kOW | kUpdate, kRO | kAccess), .group = Group::set,
     .run = sunionstore, .since = "1.0.0", .complexity = kPerAll,
     .syntax = "destination key [key ...]",
     .summary = "Makes a key hold the members that any of the sets has; returns how many."},
    {.name = "sdiff", .arity = at_least(2), .flags = kReadOnly | kUnordered,
     .keys = all_keys(kRO | kAccess), .group = Group::set, .run = sdiff, .since = "1.0.0",
     .complexity = kPerAll, .syntax = "key [key ...]",
     .summary = "Returns the members of the first set that no other has."},
    {.name = "sdiffstore", .arity = at_least(3), .flags = kWrite | kDenyOom,
     .keys = first_and_rest(kOW | kUpdate, kRO | kAccess), .group = Group::set,
     .run = sdiffstore, .since = "1.0.0", .complexity = kPerAll,
     .syntax = "destination key [key ...]",
     .summary = "Makes a key hold the members of the first set that no other has; returns how "
                "many."},
    {.name = "sscan", .arity = at_least(3), .flags = kReadOnly | kTouchesRandomKeys,
     .keys = one_key(kRO | kAccess), .group = Group::set, .run = sscan, .since = "2.8.0",
     .complexity = "O(1) a call, O(N) for all N members",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks through the members of a set, some at each call."},
};
// clang-format on
static_assert(well_formed(kSetCommands));

}  // namespace

std::span<const Command> set_commands() { return kSetCommands; }

}  // namespace sojourn::server
