#include "server/commands/score_range.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "server/base/numbers.h"
#include "server/commands/errors.h"

namespace sojourn::server {

std::string_view MemberRange::wrong_words(By by) {
  switch (by) {
    case By::score:
      return "ERR min or max is not a float";
    case By::lex:
      return "ERR min or max not valid string range item";
    case By::rank:
      break;
  }
  return kNotAnInteger;
}

// As strtod reads it: Redis takes an empty word for 0.
std::optional<MemberRange::ScoreEnd> MemberRange::score_end(std::string_view word) {
  const bool without = word.starts_with('(');
  const std::string text(word.substr(without ? 1 : 0));
  char* end = nullptr;
  const double score = std::strtod(text.c_str(), &end);
  if (*end != '\0' || std::isnan(score)) return std::nullopt;
  return ScoreEnd{score, without};
}

std::optional<MemberRange::LexEnd> MemberRange::lex_end(std::string_view word) {
  using Kind = LexEnd::Kind;
  if (word == "-") return LexEnd{Kind::least, {}, false};
  if (word == "+") return LexEnd{Kind::greatest, {}, false};
  if (word.starts_with('(')) return LexEnd{Kind::word, word.substr(1), true};
  if (word.starts_with('[')) return LexEnd{Kind::word, word.substr(1), false};
  return std::nullopt;
}

std::optional<MemberRange> MemberRange::read(By by, std::string_view low, std::string_view high) {
  MemberRange range;
  range.by_ = by;
  const std::string_view ends[] = {low, high};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto rank = by == By::rank ? parse_integer(ends[i]) : std::nullopt;
    const auto score = by == By::score ? score_end(ends[i]) : std::nullopt;
    const auto word = by == By::lex ? lex_end(ends[i]) : std::nullopt;
    if (!rank && !score && !word) return std::nullopt;
    if (rank) range.ranks_[i] = *rank;
    if (score) range.scores_[i] = *score;
    if (word) range.words_[i] = *word;
  }
  return range;
}

RankRange MemberRange::ranks(const SortedSetView& set, bool reverse) const {
  switch (by_) {
    case By::score:
      return by_score(set);
    case By::lex:
      return by_lex(set);
    case By::rank:
      break;
  }
  return by_rank(set.size(), reverse);
}

// Negative ranks count from the end.
RankRange MemberRange::by_rank(std::size_t size, bool reverse) const {
  const auto count = static_cast<std::int64_t>(size);
  const auto from_begin = [&](std::int64_t rank) { return rank < 0 ? rank + count : rank; };
  const std::int64_t first = std::max<std::int64_t>(from_begin(ranks_[0]), 0);
  const std::int64_t last = std::min(from_begin(ranks_[1]), count - 1);
  if (first > last) return {};
  const auto low = static_cast<std::size_t>(reverse ? count - 1 - last : first);
  return {low, low + static_cast<std::size_t>(last - first + 1)};
}

RankRange MemberRange::by_score(const SortedSetView& set) const {
  const auto& [low, high] = scores_;
  return {set.count_before([&](const ScoredMember& member) {
            return low.without ? member.score <= low.score : member.score < low.score;
          }),
          set.count_before([&](const ScoredMember& member) {
            return high.without ? member.score < high.score : member.score <= high.score;
          })};
}

RankRange MemberRange::by_lex(const SortedSetView& set) const {
  using Kind = LexEnd::Kind;
  // How many members come before an end; one that is the end itself, if `itself`.
  const auto before = [&](const LexEnd& end, bool itself) {
    if (end.kind == Kind::least) return std::size_t{0};
    if (end.kind == Kind::greatest) return set.size();
    return set.count_before([&](const ScoredMember& member) {
      return itself ? member.member <= end.word : member.member < end.word;
    });
  };
  return {before(words_[0], words_[0].without), before(words_[1], !words_[1].without)};
}

}  // namespace sojourn::server
