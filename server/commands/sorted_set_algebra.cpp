#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/base/hash_secret.h"
#include "server/cache/set_view.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/sorted_sets.h"

namespace sojourn::server {
namespace {

enum class Aggregate : std::uint8_t { sum, min, max };

// One of the sets compared: a sorted one, or a plain one, whose members have the score 1.
class Source {
 public:
  explicit Source(const Entry* entry) : entry_(entry) {}

  double weight = 1;

  std::size_t size() const { return entry_ == nullptr ? 0 : HashView(*entry_).size(); }
  std::optional<double> score(std::string_view member) const {
    if (sorted()) return SortedSetView(*entry_).score(member);
    const bool there = entry_ != nullptr && SetView(*entry_).contains(member);
    return there ? std::optional(1.0) : std::nullopt;
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (entry_ == nullptr) return;
    if (sorted()) return SortedSetView(*entry_).for_each(visit);
    SetView(*entry_).for_each([&](std::string_view member) { visit(ScoredMember{1, member}); });
  }

 private:
  bool sorted() const { return entry_ != nullptr && entry_->type() == ValueType::sorted_set; }

  const Entry* entry_;
};
using Sources = std::vector<Source>;
using Members = std::vector<ScoredMember>;

// What follows the keys. Which of it a command knows depends on what it does.
struct Options {
  Aggregate aggregate = Aggregate::sum;
  bool with_scores = false;
  std::int64_t limit = 0;  // 0: none
};
struct Known {
  bool weights = false;  // and AGGREGATE
  bool with_scores = false;
  bool limit = false;
};

double number_or_zero(double score) { return std::isnan(score) ? 0 : score; }

// The sum of both infinities counts as 0.
double together(Aggregate aggregate, double a, double b) {
  switch (aggregate) {
    case Aggregate::min:
      return b < a ? b : a;
    case Aggregate::max:
      return b > a ? b : a;
    case Aggregate::sum:
      break;
  }
  return number_or_zero(a + b);
}

// `numkeys key [key ...]`, in Redis's order of complaints: the keys' types come before what follows
// them.
std::optional<Sources> read_sources(Call& call, Args& args, bool store) {
  const std::int64_t count = args.integer();
  if (!args.failed() && count < 1) {
    args.fail("ERR at least 1 input key is needed for '" + std::string(call.command.full_name) +
              "' command");
  }
  if (!args.failed() && static_cast<std::uint64_t>(count) > args.left()) args.fail(kSyntaxError);
  if (args.failed()) {
    call.refuse(args.error());
    return std::nullopt;
  }
  Sources sources;
  for (const Key& key : call.keys().subspan(store ? 1 : 0)) {
    const Entry* entry = call.look(key);
    if (entry != nullptr && entry->type() != ValueType::set &&
        entry->type() != ValueType::sorted_set) {
      call.refuse_type();
      return std::nullopt;
    }
    sources.emplace_back(entry);
    args.word();
  }
  return sources;
}

void read_weights(Args& args, Sources& sources) {
  for (Source& source : sources) source.weight = args.number("ERR weight value is not a float");
}

void read_aggregate(Args& args, Options& options) {
  if (args.option("SUM")) {
    options.aggregate = Aggregate::sum;
  } else if (args.option("MIN")) {
    options.aggregate = Aggregate::min;
  } else if (args.option("MAX")) {
    options.aggregate = Aggregate::max;
  } else {
    args.fail(kSyntaxError);
  }
}

void read_limit(Args& args, Options& options) {
  constexpr std::string_view kNegative = "ERR LIMIT can't be negative";
  options.limit = args.integer(kNegative);
  if (options.limit < 0) args.fail(kNegative);
}

Options read_options(Args& args, Sources& sources, const Known& known) {
  Options options;
  while (!args.failed() && !args.empty()) {
    if (known.weights && args.left() > sources.size() && args.option("WEIGHTS")) {
      read_weights(args, sources);
    } else if (known.weights && args.left() >= 2 && args.option("AGGREGATE")) {
      read_aggregate(args, options);
    } else if (known.with_scores && args.option("WITHSCORES")) {
      options.with_scores = true;
    } else if (known.limit && args.left() >= 2 && args.option("LIMIT")) {
      read_limit(args, options);
    } else {
      args.fail(kSyntaxError);
    }
  }
  return options;
}

// Small sets first, as Redis has them: sums of floats depend on the order.
void sort_by_size(Sources& sources) {
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.size() < b.size(); });
}

// Visits what is in all of them, with its score, until `visit` returns false.
template <class Visit>
void for_each_common(Sources& sources, Aggregate aggregate, Visit&& visit) {
  sort_by_size(sources);
  const Source& smallest = sources.front();
  bool more = true;
  smallest.for_each([&](const ScoredMember& member) {
    if (!more) return;
    double score = number_or_zero(smallest.weight * member.score);
    for (auto other = sources.begin() + 1; other != sources.end(); ++other) {
      const auto found = other->score(member.member);
      if (!found) return;
      score = together(aggregate, score, other->weight * *found);
    }
    more = visit(ScoredMember{score, member.member});
  });
}

Members common(Sources& sources, const Options& options) {
  Members members;
  for_each_common(sources, options.aggregate, [&](const ScoredMember& member) {
    members.push_back(member);
    return true;
  });
  return members;
}

Members in_any(Sources& sources, const Options& options) {
  sort_by_size(sources);
  std::unordered_map<std::string_view, double, SecretHash> scores;
  for (const Source& source : sources) {
    source.for_each([&](const ScoredMember& member) {
      const double score = number_or_zero(source.weight * member.score);
      const auto [known, fresh] = scores.try_emplace(member.member, score);
      if (!fresh) known->second = together(options.aggregate, known->second, score);
    });
  }
  Members members;
  members.reserve(scores.size());
  for (const auto& [member, score] : scores) members.push_back({score, member});
  return members;
}

Members only_in_first(Sources& sources, const Options&) {
  Members members;
  sources.front().for_each([&](const ScoredMember& member) {
    const bool elsewhere =
        std::any_of(sources.begin() + 1, sources.end(),
                    [&](const Source& other) { return other.score(member.member).has_value(); });
    if (!elsewhere) members.push_back(member);
  });
  return members;
}

using Combine = Members (*)(Sources&, const Options&);

// `event`: what is told of the key in which the result is stored; empty: it is the reply.
void combine_sets(Call& call, Combine combine, const Known& known, std::string_view event = {}) {
  const bool store = !event.empty();
  Args args = call.args();
  if (store) args.key();
  auto sources = read_sources(call, args, store);
  if (!sources) return;
  const Options options = read_options(args, *sources, known);
  if (!args.done()) return call.refuse(args.error());
  Members members = combine(*sources, options);
  std::sort(members.begin(), members.end());
  if (store) return store_scored(call, members, event);
  MemberReplies(call.reply, options.with_scores).add_all(members);
}

}  // namespace

void zunion(Call& call) { combine_sets(call, in_any, {.weights = true, .with_scores = true}); }
void zinter(Call& call) { combine_sets(call, common, {.weights = true, .with_scores = true}); }
void zdiff(Call& call) { combine_sets(call, only_in_first, {.with_scores = true}); }
void zunionstore(Call& call) { combine_sets(call, in_any, {.weights = true}, "zunionstore"); }
void zinterstore(Call& call) { combine_sets(call, common, {.weights = true}, "zinterstore"); }
void zdiffstore(Call& call) { combine_sets(call, only_in_first, {}, "zdiffstore"); }

void zintercard(Call& call) {
  Args args = call.args();
  auto sources = read_sources(call, args, false);
  if (!sources) return;
  const Options options = read_options(args, *sources, {.limit = true});
  if (!args.done()) return call.refuse(args.error());
  const std::int64_t most =
      options.limit == 0 ? std::numeric_limits<std::int64_t>::max() : options.limit;
  std::int64_t count = 0;
  for_each_common(*sources, options.aggregate, [&](const ScoredMember&) { return ++count < most; });
  call.reply.integer(count);
}

}  // namespace sojourn::server
