#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/score_range.h"
#include "server/commands/sorted_sets.h"

namespace sojourn::server {
namespace {

using By = MemberRange::By;

// A range of the key's set, at words 2 and 3; nothing, and refused, when they name none.
std::optional<MemberRange> range_of(Call& call, By by) {
  const auto range = MemberRange::read(by, call.words()[2], call.words()[3]);
  if (!range) call.refuse(MemberRange::wrong_words(by));
  return range;
}

void count_range(Call& call, By by) {
  const auto range = range_of(call, by);
  if (!range) return;
  const FoundSortedSet set = sorted_set_to_read(call);
  if (set.refused) return;
  if (set.entry == nullptr) return call.reply.integer(0);
  call.reply.unsigned_integer(range->ranks(SortedSetView(*set.entry), false).size());
}

// What ZRANGE and those before it may say of a range. What a command's name says is given.
struct RangeOptions {
  std::optional<By> by;
  std::optional<bool> reverse;
  bool with_scores = false;
  std::int64_t offset = 0;
  std::int64_t limit = -1;  // negative: all
};

void read_options(Args& args, RangeOptions& options, bool store) {
  while (!args.failed() && !args.empty()) {
    if (!store && args.option("WITHSCORES")) {
      options.with_scores = true;
    } else if (args.left() >= 3 && args.option("LIMIT")) {
      options.offset = args.integer();
      options.limit = args.integer();
    } else if (!options.reverse && args.option("REV")) {
      options.reverse = true;
    } else if (!options.by && args.option("BYLEX")) {
      options.by = By::lex;
    } else if (!options.by && args.option("BYSCORE")) {
      options.by = By::score;
    } else {
      args.fail(kSyntaxError);
    }
  }
  const By by = options.by.value_or(By::rank);
  if (options.limit != -1 && by == By::rank) {
    args.fail(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  }
  if (options.with_scores && by == By::lex) {
    args.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
  }
}

// The words of the range, and what follows them.
std::optional<MemberRange> read_range(Call& call, Args& args, RangeOptions& options, bool store) {
  std::string_view low = args.word();
  std::string_view high = args.word();
  read_options(args, options, store);
  if (!args.done()) {
    call.refuse(args.error());
    return std::nullopt;
  }
  const By by = options.by.value_or(By::rank);
  // From the higher end to the lower one; ranks count from the end there.
  if (options.reverse.value_or(false) && by != By::rank) std::swap(low, high);
  const auto range = MemberRange::read(by, low, high);
  if (!range) call.refuse(MemberRange::wrong_words(by));
  return range;
}

RankRange limited(RankRange ranks, const RangeOptions& options) {
  const std::size_t size = ranks.size();
  const bool past = options.offset < 0 || static_cast<std::uint64_t>(options.offset) >= size;
  if (past) return {};
  const auto offset = static_cast<std::size_t>(options.offset);
  const std::size_t count = options.limit < 0
                                ? size - offset
                                : std::min(size - offset, static_cast<std::size_t>(options.limit));
  if (options.reverse.value_or(false)) return {ranks.last - offset - count, ranks.last - offset};
  return {ranks.first + offset, ranks.first + offset + count};
}

void reply_range(Call& call, RangeOptions options = {}) {
  Args args = call.args();
  args.key();
  const auto range = read_range(call, args, options, false);
  if (!range) return;
  const FoundSortedSet found = sorted_set_to_read(call);
  if (found.refused) return;
  if (found.entry == nullptr) return call.reply.array(0);
  const SortedSetView set(*found.entry);
  const bool reverse = options.reverse.value_or(false);
  const RankRange ranks = limited(range->ranks(set, reverse), options);
  MemberReplies replies(call.reply, options.with_scores);
  replies.start(ranks.size());
  set.visit(ranks.first, ranks.last, reverse,
            [&](const ScoredMember& member) { replies.add(member); });
}

std::vector<ScoredMember> members_of(const SortedSetView& set, const RankRange& ranks,
                                     bool reverse = false) {
  std::vector<ScoredMember> members;
  members.reserve(ranks.size());
  set.visit(ranks.first, ranks.last, reverse,
            [&](const ScoredMember& member) { members.push_back(member); });
  return members;
}

// Copies: what is taken out of a set is gone before it is written that it is.
void erase_all(Call& call, const Key& key, std::vector<ScoredMember>& members) {
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (ScoredMember& member : members) {
    member.member = call.keep(std::string(member.member));
    names.push_back(member.member);
  }
  call.tx().erase_members(key, names);
}

void remove_range(Call& call, By by, std::string_view event) {
  const auto range = range_of(call, by);
  if (!range) return;
  const FoundSortedSet found = sorted_set_to_change(call);
  if (found.refused) return;
  if (found.entry == nullptr) return call.reply.integer(0);
  const SortedSetView set(*found.entry);
  const RankRange ranks = range->ranks(set, false);
  call.reply.unsigned_integer(ranks.size());
  if (ranks.size() == set.size()) {
    call.tx().erase(call.keys()[0]);
  } else {
    auto members = members_of(set, ranks);
    erase_all(call, call.keys()[0], members);
  }
  if (ranks.size() > 0) call.event_taken_out(KeyEventClass::sorted_set, event, call.keys()[0]);
}

// Takes so many members out of a set that is there, the greatest or the least first.
std::vector<ScoredMember> take_out(Call& call, const Key& key, const Entry& entry, bool greatest,
                                   std::int64_t count) {
  const SortedSetView set(entry);
  const std::size_t size = set.size();
  const std::size_t taken = std::min(size, static_cast<std::size_t>(count));
  const RankRange ranks =
      greatest ? RankRange{size - taken, size} : RankRange{std::size_t{0}, taken};
  auto members = members_of(set, ranks, greatest);
  erase_all(call, key, members);
  call.event_taken_out(KeyEventClass::sorted_set, greatest ? "zpopmax" : "zpopmin", key);
  return members;
}

void pop(Call& call, bool greatest) {
  constexpr std::string_view kNegative = "ERR value is out of range, must be positive";
  if (call.words().size() > 3) return call.refuse(kSyntaxError);
  const bool counted = call.words().size() == 3;
  Args args = call.args();
  args.key();
  const std::int64_t count = counted ? args.integer(kNegative) : 1;
  if (count < 0) args.fail(kNegative);
  if (!args.done()) return call.refuse(args.error());
  const FoundSortedSet found = sorted_set_to_change(call);
  if (found.refused) return;
  if (found.entry == nullptr || count == 0) return call.reply.array(0);
  const auto members = take_out(call, call.keys()[0], *found.entry, greatest, count);
  if (counted) return MemberReplies(call.reply, true).add_all(members);
  // One alone is no pair among others.
  call.reply.array(2);
  call.reply.bulk(members.front().member);
  call.reply.real(members.front().score);
}

}  // namespace

void zcount(Call& call) { count_range(call, By::score); }
void zlexcount(Call& call) { count_range(call, By::lex); }
void zrange(Call& call) { reply_range(call); }
void zrangebyscore(Call& call) { reply_range(call, {.by = By::score, .reverse = false}); }
void zrangebylex(Call& call) { reply_range(call, {.by = By::lex, .reverse = false}); }
void zrevrange(Call& call) { reply_range(call, {.by = By::rank, .reverse = true}); }
void zrevrangebyscore(Call& call) { reply_range(call, {.by = By::score, .reverse = true}); }
void zrevrangebylex(Call& call) { reply_range(call, {.by = By::lex, .reverse = true}); }
void zremrangebyrank(Call& call) { remove_range(call, By::rank, "zremrangebyrank"); }
void zremrangebyscore(Call& call) { remove_range(call, By::score, "zremrangebyscore"); }
void zremrangebylex(Call& call) { remove_range(call, By::lex, "zremrangebylex"); }
void zpopmin(Call& call) { pop(call, false); }
void zpopmax(Call& call) { pop(call, true); }

void zmpop(Call& call) {
  constexpr std::string_view kNoKeys = "ERR numkeys should be greater than 0";
  constexpr std::string_view kNoCount = "ERR count should be greater than 0";
  Args args = call.args();
  const std::int64_t keys = args.integer(kNoKeys);
  if (keys < 1) args.fail(kNoKeys);
  if (!args.failed() && static_cast<std::uint64_t>(keys) > args.left()) args.fail(kSyntaxError);
  if (args.failed()) return call.refuse(args.error());
  for (std::int64_t i = 0; i < keys; ++i) args.word();
  const bool greatest = args.option("MAX");
  if (!greatest && !args.option("MIN")) args.fail(kSyntaxError);
  const std::int64_t count = !args.failed() && args.option("COUNT") ? args.integer(kNoCount) : 1;
  if (count < 1) args.fail(kNoCount);
  if (!args.done()) return call.refuse(args.error());
  for (const Key& key : call.keys()) {
    const Entry* entry = call.look_to_change(key);
    if (call.refuse_unless(entry, ValueType::sorted_set)) return;
    if (entry == nullptr) continue;
    const auto members = take_out(call, key, *entry, greatest, count);
    call.reply.array(2);
    call.reply.bulk(key.name);
    call.reply.array(members.size());
    for (const ScoredMember& member : members) {
      call.reply.array(2);
      call.reply.bulk(member.member);
      call.reply.real(member.score);
    }
    return;
  }
  call.reply.null_array();
}

void zrangestore(Call& call) {
  Args args = call.args();
  args.key();
  const Key source = args.key();
  RangeOptions options;
  const auto range = read_range(call, args, options, true);
  if (!range) return;
  const Entry* entry = call.look(source);
  if (call.refuse_unless(entry, ValueType::sorted_set)) return;
  if (entry == nullptr) return store_scored(call, {}, "zrangestore");
  const SortedSetView set(*entry);
  const RankRange ranks = limited(range->ranks(set, options.reverse.value_or(false)), options);
  store_scored(call, members_of(set, ranks), "zrangestore");
}

}  // namespace sojourn::server
