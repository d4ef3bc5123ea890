#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sojourn::server {

// A member of a sorted set, in the order sorted sets have: by score, then by the member's bytes.
struct ScoredMember {
  double score;  // not NaN
  std::string_view member;

  friend bool operator<(const ScoredMember& a, const ScoredMember& b) {
    return a.score != b.score ? a.score < b.score : a.member < b.member;
  }
};

// A score as the value of a field: an IEEE 754 double, little-endian.
using ScoreBytes = std::array<char, 8>;
ScoreBytes encode_score(double score);
double decode_score(std::string_view bytes);  // of encode_score()
// For what comes from disk: nothing if it is no score.
std::optional<double> read_score(std::string_view bytes);

inline std::string_view view(const ScoreBytes& bytes) { return {bytes.data(), bytes.size()}; }

// A small sorted set is a packed hash (packed_hash.h) of scores whose fields stand in order.
namespace packed_scores {

// Whether all values are scores and the fields in order. The bytes must be a packed hash.
bool well_formed(std::string_view packed);
// The bytes with the member's score; and whether it was there before.
std::pair<std::string, bool> with(std::string_view packed, const ScoredMember& member);

}  // namespace packed_scores
}  // namespace sojourn::server
