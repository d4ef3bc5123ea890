#include "server/commands/sorted_sets.h"

#include <optional>

#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/random_fields.h"
#include "server/commands/registry.h"
#include "server/commands/scan.h"

namespace sojourn::server {

FoundSortedSet sorted_set_to_read(Call& call) {
  const Entry* entry = call.look(call.keys()[0]);
  return {.entry = entry, .refused = call.refuse_unless(entry, ValueType::sorted_set)};
}

FoundSortedSet sorted_set_to_change(Call& call) {
  const Entry* entry = call.look_to_change(call.keys()[0]);
  return {.entry = entry, .refused = call.refuse_unless(entry, ValueType::sorted_set)};
}

void store_scored(Call& call, std::span<const ScoredMember> members, std::string_view event) {
  const Key& destination = call.keys()[0];
  if (members.empty()) {
    if (call.tx().erase(destination)) call.event(KeyEventClass::generic, "del", destination);
  } else {
    call.tx().put_sorted_set(destination, members);
    call.event(KeyEventClass::sorted_set, event, destination);
  }
  call.reply.unsigned_integer(members.size());
}

namespace {

std::optional<double> score_in(const FoundSortedSet& set, std::string_view member) {
  return set.entry != nullptr ? SortedSetView(*set.entry).score(member) : std::nullopt;
}

void reply_score(Call& call, std::optional<double> score) {
  score ? call.reply.real(*score) : call.reply.null();
}

void zcard(Call& call) {
  const FoundSortedSet set = sorted_set_to_read(call);
  if (!set.refused) call.reply.unsigned_integer(set.size());
}

void zscore(Call& call) {
  const FoundSortedSet set = sorted_set_to_read(call);
  if (!set.refused) reply_score(call, score_in(set, call.words()[2]));
}

void zmscore(Call& call) {
  const FoundSortedSet set = sorted_set_to_read(call);
  if (set.refused) return;
  const protocol::Words members = call.words().subspan(2);
  call.reply.array(members.size());
  for (const std::string_view member : members) reply_score(call, score_in(set, member));
}

void reply_rank(Call& call, bool reverse) {
  const protocol::Words words = call.words();
  if (words.size() > 4) return call.refuse_arity();
  const bool with_score = words.size() == 4;
  if (with_score && !equal_any_case(words[3], "WITHSCORE")) return call.refuse(kSyntaxError);
  const FoundSortedSet found = sorted_set_to_read(call);
  if (found.refused) return;
  const auto score = score_in(found, words[2]);
  if (!score) return with_score ? call.reply.null_array() : call.reply.null();
  const SortedSetView set(*found.entry);
  const std::size_t rank = *set.rank(words[2]);
  if (with_score) call.reply.array(2);
  call.reply.unsigned_integer(reverse ? set.size() - 1 - rank : rank);
  if (with_score) call.reply.real(*score);
}

void zrank(Call& call) { reply_rank(call, false); }
void zrevrank(Call& call) { reply_rank(call, true); }
void zscan(Call& call) { scan_fields(call, ValueType::sorted_set); }

void zrem(Call& call) {
  if (sorted_set_to_change(call).refused) return;
  const std::size_t erased = call.tx().erase_members(call.keys()[0], call.words().subspan(2));
  if (erased > 0) call.event_taken_out(KeyEventClass::sorted_set, "zrem", call.keys()[0]);
  call.reply.unsigned_integer(erased);
}

constexpr std::string_view kPerMember = "O(log(N)) for each member, N being the size of the set";
constexpr std::string_view kPerRange =
    "O(log(N)+M) where N is the size of the set and M the number of members in the range";
constexpr std::string_view kPerAll =
    "O(N)+O(M*log(M)) where N is the size of all sets together and M that of the result";
constexpr std::string_view kPerSmallest =
    "O(N*K)+O(M*log(M)) where N is the size of the smallest of K sets and M that of the result";

// clang-format off
constexpr Command kSortedSetCommands[] = {
    {.name = "zadd", .arity = at_least(4), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::sorted_set, .run = zadd, .since = "1.2.0",
     .complexity = kPerMember,
     .syntax = "key [NX | XX]@3.0.2 [GT | LT]@6.2.0 [CH:change]@3.0.2 [INCR:increment]@3.0.2 "
               "score member [score member ...]",
     .summary = "Adds members to a sorted set or changes their scores, making the set if there "
                "is none."},
    {.name = "zrem", .arity = at_least(3), .flags = kWrite | kFast, .keys = one_key(kRW | kDelete),
     .group = Group::sorted_set, .run = zrem, .since = "1.2.0", .complexity = kPerMember,
     .syntax = "key member [member ...]",
     .summary = "Removes members of a sorted set, and the key with the last one; returns how "
                "many."},
    {.name = "zincrby", .arity = exactly(4), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate), .group = Group::sorted_set, .run = zincrby,
     .since = "1.2.0", .complexity = kPerMember,
     .syntax = "key increment member",
     .summary = "Adds to a member's score; a member that is not there counts as 0."},
    {.name = "zcard", .arity = exactly(2), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::sorted_set, .run = zcard, .since = "1.2.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns how many members a sorted set has."},
    {.name = "zscore", .arity = exactly(3), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zscore, .since = "1.2.0",
     .complexity = "O(1)",
     .syntax = "key member",
     .summary = "Returns the score of a member."},
    {.name = "zmscore", .arity = at_least(3), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zmscore, .since = "6.2.0",
     .complexity = "O(N) where N is the number of members given",
     .syntax = "key member [member ...]",
     .summary = "Returns the scores of several members."},
    {.name = "zrank", .arity = at_least(3), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zrank, .since = "2.0.0",
     .complexity = kPerMember,
     .syntax = "key member [WITHSCORE]@7.2.0",
     .summary = "Returns how many members come before one, by score."},
    {.name = "zrevrank", .arity = at_least(3), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zrevrank, .since = "2.0.0",
     .complexity = kPerMember,
     .syntax = "key member [WITHSCORE]@7.2.0",
     .summary = "Returns how many members come after one, by score."},
    {.name = "zcount", .arity = exactly(4), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zcount, .since = "2.0.0",
     .complexity = kPerMember,
     .syntax = "key min:double max:double",
     .summary = "Returns how many members have a score within a range."},
    {.name = "zlexcount", .arity = exactly(4), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zlexcount,
     .since = "2.8.9", .complexity = kPerMember,
     .syntax = "key min max",
     .summary = "Returns how many members are within a range of words; all scores must be the "
                "same."},
    {.name = "zrange", .arity = at_least(4), .flags = kReadOnly, .keys = one_key(kRO | kAccess),
     .group = Group::sorted_set, .run = zrange, .since = "1.2.0", .complexity = kPerRange,
     .syntax = "key start:string stop:string [BYSCORE | BYLEX]@6.2.0 [REV]@6.2.0 "
               "[LIMIT offset count]@6.2.0 [WITHSCORES]",
     .summary = "Returns the members within a range of ranks, scores or words."},
    {.name = "zrangebyscore", .arity = at_least(4), .flags = kReadOnly,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zrangebyscore,
     .since = "1.0.5",
     .deprecated = {"6.2.0", "`ZRANGE` with the `BYSCORE` argument"},
     .complexity = kPerRange,
     .syntax = "key min:double max:double [WITHSCORES]@2.0.0 [LIMIT offset count]",
     .summary = "Returns the members whose scores are within a range."},
    {.name = "zrangebylex", .arity = at_least(4), .flags = kReadOnly,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zrangebylex,
     .since = "2.8.9",
     .deprecated = {"6.2.0", "`ZRANGE` with the `BYLEX` argument"},
     .complexity = kPerRange,
     .syntax = "key min max [LIMIT offset count]",
     .summary = "Returns the members within a range of words; all scores must be the same."},
    {.name = "zrevrange", .arity = at_least(4), .flags = kReadOnly, .keys = one_key(kRO | kAccess),
     .group = Group::sorted_set, .run = zrevrange, .since = "1.2.0",
     .deprecated = {"6.2.0", "`ZRANGE` with the `REV` argument"},
     .complexity = kPerRange,
     .syntax = "key start stop [WITHSCORES]",
     .summary = "Returns the members within a range of ranks, counted from the greatest score."},
    {.name = "zrevrangebyscore", .arity = at_least(4), .flags = kReadOnly,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zrevrangebyscore,
     .since = "2.2.0",
     .deprecated = {"6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
     .complexity = kPerRange,
     .syntax = "key max:double min:double [WITHSCORES] [LIMIT offset count]",
     .summary = "Returns the members whose scores are within a range, the greatest score first."},
    {.name = "zrevrangebylex", .arity = at_least(4), .flags = kReadOnly,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zrevrangebylex,
     .since = "2.8.9",
     .deprecated = {"6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"},
     .complexity = kPerRange,
     .syntax = "key max min [LIMIT offset count]",
     .summary = "Returns the members within a range of words, the last word first."},
    {.name = "zrangestore", .arity = at_least(5), .flags = kWrite | kDenyOom,
     .keys = two_keys(kOW | kUpdate, kRO | kAccess), .group = Group::sorted_set,
     .run = zrangestore, .since = "6.2.0", .complexity = kPerRange,
     .syntax = "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
     .summary = "Makes a key hold the members within a range of another; returns how many."},
    {.name = "zremrangebyrank", .arity = exactly(4), .flags = kWrite,
     .keys = one_key(kRW | kDelete), .group = Group::sorted_set, .run = zremrangebyrank,
     .since = "2.0.0", .complexity = kPerRange,
     .syntax = "key start stop",
     .summary = "Removes the members within a range of ranks; returns how many."},
    {.name = "zremrangebyscore", .arity = exactly(4), .flags = kWrite,
     .keys = one_key(kRW | kDelete), .group = Group::sorted_set, .run = zremrangebyscore,
     .since = "1.2.0", .complexity = kPerRange,
     .syntax = "key min:double max:double",
     .summary = "Removes the members whose scores are within a range; returns how many."},
    {.name = "zremrangebylex", .arity = exactly(4), .flags = kWrite,
     .keys = one_key(kRW | kDelete), .group = Group::sorted_set, .run = zremrangebylex,
     .since = "2.8.9", .complexity = kPerRange,
     .syntax = "key min max",
     .summary = "Removes the members within a range of words; returns how many."},
    {.name = "zpopmin", .arity = at_least(2), .flags = kWrite | kFast,
     .keys = one_key(kRW | kAccess | kDelete), .group = Group::sorted_set, .run = zpopmin,
     .since = "5.0.0", .complexity = kPerRange,
     .syntax = "key [count]",
     .summary = "Removes the members with the least scores and returns them."},
    {.name = "zpopmax", .arity = at_least(2), .flags = kWrite | kFast,
     .keys = one_key(kRW | kAccess | kDelete), .group = Group::sorted_set, .run = zpopmax,
     .since = "5.0.0", .complexity = kPerRange,
     .syntax = "key [count]",
     .summary = "Removes the members with the greatest scores and returns them."},
    {.name = "zmpop", .arity = at_least(4), .flags = kWrite,
     .keys = counted_keys(kRW | kAccess | kDelete), .group = Group::sorted_set, .run = zmpop,
     .since = "7.0.0",
     .complexity = "O(K)+O(M*log(N)) where K is the number of keys, N the size of the first set "
                   "there is and M the number of members returned",
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Removes the least or greatest members of the first sorted set there is, and "
                "returns them with its key."},
    {.name = "zrandmember", .arity = at_least(2), .flags = kReadOnly | kTouchesRandomKeys,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zrandmember,
     .since = "6.2.0", .complexity = "O(N) where N is the number of members returned",
     .syntax = "key [count [WITHSCORES]]",
     .summary = "Returns some members of a sorted set, chosen at random."},
    {.name = "zunion", .arity = at_least(3), .flags = kReadOnly,
     .keys = counted_keys(kRO | kAccess), .group = Group::sorted_set, .run = zunion,
     .since = "6.2.0", .complexity = kPerAll,
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | "
               "MAX>] [WITHSCORES]",
     .summary = "Returns the members that any of the sets has."},
    {.name = "zinter", .arity = at_least(3), .flags = kReadOnly,
     .keys = counted_keys(kRO | kAccess), .group = Group::sorted_set, .run = zinter,
     .since = "6.2.0", .complexity = kPerSmallest,
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | "
               "MAX>] [WITHSCORES]",
     .summary = "Returns the members that all of the sets have."},
    {.name = "zdiff", .arity = at_least(3), .flags = kReadOnly,
     .keys = counted_keys(kRO | kAccess), .group = Group::sorted_set, .run = zdiff,
     .since = "6.2.0", .complexity = kPerAll,
     .syntax = "numkeys key [key ...] [WITHSCORES]",
     .summary = "Returns the members of the first set that no other has."},
    {.name = "zintercard", .arity = at_least(3), .flags = kReadOnly,
     .keys = counted_keys(kRO | kAccess), .group = Group::sorted_set, .run = zintercard,
     .since = "7.0.0", .complexity = kPerSmallest,
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Returns how many members all of the sets have, or whether these are so many."},
    {.name = "zunionstore", .arity = at_least(4), .flags = kWrite | kDenyOom,
     .keys = first_and_counted(kOW | kUpdate, kRO | kAccess), .group = Group::sorted_set,
     .run = zunionstore, .since = "2.0.0", .complexity = kPerAll,
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM "
               "| MIN | MAX>]",
     .summary = "Makes a key hold the members that any of the sets has; returns how many."},
    {.name = "zinterstore", .arity = at_least(4), .flags = kWrite | kDenyOom,
     .keys = first_and_counted(kOW | kUpdate, kRO | kAccess), .group = Group::sorted_set,
     .run = zinterstore, .since = "2.0.0", .complexity = kPerSmallest,
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM "
               "| MIN | MAX>]",
     .summary = "Makes a key hold the members that all of the sets have; returns how many."},
    {.name = "zdiffstore", .arity = at_least(4), .flags = kWrite | kDenyOom,
     .keys = first_and_counted(kOW | kUpdate, kRO | kAccess), .group = Group::sorted_set,
     .run = zdiffstore, .since = "6.2.0", .complexity = kPerAll,
     .syntax = "destination numkeys key [key ...]",
     .summary = "Makes a key hold the members of the first set that no other has; returns how "
                "many."},
    {.name = "zscan", .arity = at_least(3), .flags = kReadOnly | kTouchesRandomKeys,
     .keys = one_key(kRO | kAccess), .group = Group::sorted_set, .run = zscan, .since = "2.8.0",
     .complexity = "O(1) a call, O(N) for all N members",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks through the members of a sorted set, some at each call."},
};
// clang-format on
static_assert(well_formed(kSortedSetCommands));

}  // namespace

std::span<const Command> sorted_set_commands() { return kSortedSetCommands; }

}  // namespace sojourn::server
