#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/sorted_sets.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kWouldBeNan = "ERR resulting score is not a number (NaN)";

struct AddOptions {
  bool only_new = false;      // NX
  bool only_there = false;    // XX
  bool only_greater = false;  // GT
  bool only_less = false;     // LT
  bool count_changed = false;
  bool increment = false;
};

struct Outcome {
  std::int64_t added = 0;
  std::int64_t updated = 0;
  std::optional<double> score;  // of the last member, if something was done about it
};

AddOptions read_options(Args& args) {
  AddOptions options;
  const std::pair<std::string_view, bool*> words[] = {
      {"NX", &options.only_new},  {"XX", &options.only_there},    {"GT", &options.only_greater},
      {"LT", &options.only_less}, {"CH", &options.count_changed}, {"INCR", &options.increment}};
  for (bool taken = true; taken;) {
    taken = false;
    for (const auto& [word, set] : words) {
      if (!args.option(word)) continue;
      *set = taken = true;
    }
  }
  return options;
}

// In Redis's order: what the words are, what may stand together, then the numbers.
void check(Args& args, const AddOptions& options) {
  if (args.empty() || args.left() % 2 != 0) return args.fail(kSyntaxError);
  if (options.only_new && options.only_there) {
    args.fail("ERR XX and NX options at the same time are not compatible");
  }
  if (options.only_new + options.only_greater + options.only_less > 1) {
    args.fail("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (options.increment && args.left() > 2) {
    args.fail("ERR INCR option supports a single increment-element pair");
  }
}

std::vector<ScoredMember> read_members(Args& args) {
  std::vector<ScoredMember> members;
  members.reserve(args.left() / 2);
  while (!args.failed() && !args.empty()) {
    const double score = args.number();
    members.push_back({score, args.word()});
  }
  return members;
}

// The score that is to be set, if any.
std::optional<double> decide(const AddOptions& options, std::optional<double> old, double score) {
  if (!old) return options.only_there ? std::nullopt : std::optional(score);
  if (options.only_new) return std::nullopt;
  if (options.only_less && score >= *old) return std::nullopt;
  if (options.only_greater && score <= *old) return std::nullopt;
  return score;
}

// False, and nothing done, when the score would be none.
bool add(Call& call, const AddOptions& options, const ScoredMember& given, Outcome& outcome) {
  const Key& key = call.keys()[0];
  const Entry* entry = call.tx().peek(key);
  const auto old =
      entry != nullptr ? SortedSetView(*entry).score(given.member) : std::optional<double>();
  const double score = options.increment && old ? *old + given.score : given.score;
  if (std::isnan(score)) return false;
  outcome.score = decide(options, old, score);
  if (!outcome.score || (old && *old == score)) return true;
  call.tx().put_score(key, {score, given.member});
  ++(old ? outcome.updated : outcome.added);
  return true;
}

void reply_outcome(Call& call, const AddOptions& options, const Outcome& outcome) {
  if (!options.increment) {
    return call.reply.integer(outcome.added + (options.count_changed ? outcome.updated : 0));
  }
  outcome.score ? call.reply.real(*outcome.score) : call.reply.null();
}

void add_all(Call& call, const AddOptions& options, std::span<const ScoredMember> members) {
  const FoundSortedSet found = sorted_set_to_change(call);
  if (found.refused) return;
  Outcome outcome;
  for (const ScoredMember& member : members) {
    if (!add(call, options, member, outcome)) return call.refuse(kWouldBeNan);
  }
  if (outcome.added + outcome.updated > 0) {
    call.event(KeyEventClass::sorted_set, options.increment ? "zincr" : "zadd", call.keys()[0]);
  }
  reply_outcome(call, options, outcome);
}

void add_words(Call& call, bool increment) {
  Args args = call.args();
  args.key();
  AddOptions options = read_options(args);
  options.increment = options.increment || increment;
  check(args, options);
  const std::vector<ScoredMember> members = read_members(args);
  if (!args.done()) return call.refuse(args.error());
  add_all(call, options, members);
}

}  // namespace

void zadd(Call& call) { add_words(call, false); }
void zincrby(Call& call) { add_words(call, true); }

}  // namespace sojourn::server
