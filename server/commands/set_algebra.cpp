#include "server/commands/set_algebra.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "server/base/hash_secret.h"
#include "server/cache/set_view.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"

namespace sojourn::server {
namespace {

// Views into the sets they come from: they hold until the first change.
using Members = std::vector<std::string_view>;
// Of each key its set, or nothing.
using Sets = std::vector<std::optional<SetView>>;
using Combine = Members (*)(const Sets&);

// Nothing, and refused, when one of the keys holds something else.
std::optional<Sets> sets_of(Call& call, std::span<const Key> keys) {
  Sets sets;
  sets.reserve(keys.size());
  for (const Key& key : keys) {
    const Entry* entry = call.look(key);
    if (call.refuse_unless(entry, ValueType::set)) return std::nullopt;
    entry != nullptr ? sets.emplace_back(*entry) : sets.emplace_back();
  }
  return sets;
}

// Visits the members of all sets until `visit` returns false. The smallest set is gone through,
// the others are asked, small ones first.
template <class Visit>
void for_each_common(Sets sets, Visit&& visit) {
  const auto size = [](const auto& set) { return set ? set->size() : 0; };
  std::stable_sort(sets.begin(), sets.end(),
                   [&](const auto& a, const auto& b) { return size(a) < size(b); });
  if (!sets.front()) return;
  bool more = true;
  sets.front()->for_each([&](std::string_view member) {
    if (!more) return;
    const bool in_all = std::all_of(sets.begin() + 1, sets.end(),
                                    [&](const auto& set) { return set->contains(member); });
    if (in_all) more = visit(member);
  });
}

Members common(const Sets& sets) {
  Members members;
  for_each_common(sets, [&](std::string_view member) {
    members.push_back(member);
    return true;
  });
  return members;
}

Members together(const Sets& sets) {
  Members members;
  std::unordered_set<std::string_view, SecretHash> seen;
  for (const auto& set : sets) {
    if (!set) continue;
    set->for_each([&](std::string_view member) {
      if (seen.insert(member).second) members.push_back(member);
    });
  }
  return members;
}

// What the first set has and no other. Each of its members is looked for in the others: the larger
// these are, the sooner it is found.
Members only_in_first(Sets sets) {
  Members members;
  if (!sets.front()) return members;
  const SetView first = *sets.front();
  sets.erase(sets.begin());
  std::erase_if(sets, [](const auto& set) { return !set; });
  std::sort(sets.begin(), sets.end(),
            [](const auto& a, const auto& b) { return a->size() > b->size(); });
  first.for_each([&](std::string_view member) {
    const bool elsewhere = std::any_of(sets.begin(), sets.end(),
                                       [&](const auto& set) { return set->contains(member); });
    if (!elsewhere) members.push_back(member);
  });
  return members;
}
Members difference(const Sets& sets) { return only_in_first(sets); }

void reply_members(Call& call, Combine combine) {
  const auto sets = sets_of(call, call.keys());
  if (!sets) return;
  const Members members = combine(*sets);
  call.reply.set(members.size());
  for (const std::string_view member : members) call.reply.bulk(member);
}

void store_members(Call& call, Combine combine, std::string_view event) {
  const auto sets = sets_of(call, call.keys().subspan(1));
  if (!sets) return;
  const Members members = combine(*sets);
  const Key& destination = call.keys()[0];
  if (members.empty()) {
    if (call.tx().erase(destination)) call.event(KeyEventClass::generic, "del", destination);
  } else {
    call.tx().put_set(destination, members);
    call.event(KeyEventClass::set, event, destination);
  }
  call.reply.unsigned_integer(members.size());
}

}  // namespace

void sinter(Call& call) { reply_members(call, common); }
void sinterstore(Call& call) { store_members(call, common, "sinterstore"); }
void sunion(Call& call) { reply_members(call, together); }
void sunionstore(Call& call) { store_members(call, together, "sunionstore"); }
void sdiff(Call& call) { reply_members(call, difference); }
void sdiffstore(Call& call) { store_members(call, difference, "sdiffstore"); }

namespace {

// `numkeys key [key ...]`; the keys are the call's.
void read_counted_keys(Args& args) {
  constexpr std::string_view kNotPositive = "ERR numkeys should be greater than 0";
  const std::int64_t count = args.integer(kNotPositive);
  if (count <= 0) args.fail(kNotPositive);
  if (args.failed()) return;
  if (static_cast<std::uint64_t>(count) > args.left()) {
    return args.fail("ERR Number of keys can't be greater than number of args");
  }
  for (std::int64_t i = 0; i < count; ++i) args.key();
}

// How many are enough; all when none is given, or 0.
std::int64_t read_limit(Args& args) {
  constexpr std::string_view kNegative = "ERR LIMIT can't be negative";
  std::int64_t limit = 0;
  while (!args.failed() && args.left() >= 2 && args.option("LIMIT")) {
    limit = args.integer(kNegative);
    if (limit < 0) args.fail(kNegative);
  }
  return limit == 0 ? std::numeric_limits<std::int64_t>::max() : limit;
}

}  // namespace

void sintercard(Call& call) {
  Args args = call.args();
  read_counted_keys(args);
  const std::int64_t limit = read_limit(args);
  if (!args.done()) return call.refuse(args.error());
  const auto sets = sets_of(call, call.keys());
  if (!sets) return;
  std::int64_t count = 0;
  for_each_common(*sets, [&](std::string_view) { return ++count < limit; });
  call.reply.integer(count);
}

}  // namespace sojourn::server
