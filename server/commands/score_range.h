#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/cache/sorted_set_view.h"

namespace sojourn::server {

// Ranks `first` to `last` - 1 of a sorted set.
struct RankRange {
  std::size_t first = 0;
  std::size_t last = 0;

  std::size_t size() const { return first < last ? last - first : 0; }
};

// A part of a sorted set as a request's two words name it, lower end first: by rank ("0 -1"), by
// score ("(1.5 +inf"), or, where all scores are the same, by the members' bytes ("[a (b").
class MemberRange {
 public:
  enum class By : std::uint8_t { rank, score, lex };

  // Nothing when the words name none: see wrong_words().
  static std::optional<MemberRange> read(By by, std::string_view low, std::string_view high);
  static std::string_view wrong_words(By by);  // Redis's error

  // Of this set; by rank counted from its end if `reverse`.
  RankRange ranks(const SortedSetView& set, bool reverse) const;

 private:
  struct ScoreEnd {
    double score;
    bool without;  // the score itself is not in the range
  };
  struct LexEnd {
    enum class Kind : std::uint8_t { least, word, greatest } kind;
    std::string_view word;
    bool without;
  };
  static std::optional<ScoreEnd> score_end(std::string_view word);
  static std::optional<LexEnd> lex_end(std::string_view word);
  RankRange by_rank(std::size_t size, bool reverse) const;
  RankRange by_score(const SortedSetView& set) const;
  RankRange by_lex(const SortedSetView& set) const;

  By by_ = By::rank;
  std::int64_t ranks_[2] = {};
  ScoreEnd scores_[2] = {};
  LexEnd words_[2] = {};
};

}  // namespace sojourn::server
