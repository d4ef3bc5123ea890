#include "server/cache/scored_member.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "server/cache/packed_hash.h"

namespace sojourn::server {

static_assert(std::endian::native == std::endian::little);

ScoreBytes encode_score(double score) { return std::bit_cast<ScoreBytes>(score); }

double decode_score(std::string_view bytes) {
  double score = 0;
  std::memcpy(&score, bytes.data(), sizeof score);
  return score;
}

std::optional<double> read_score(std::string_view bytes) {
  if (bytes.size() != sizeof(double)) return std::nullopt;
  const double score = decode_score(bytes);
  return std::isnan(score) ? std::nullopt : std::optional(score);
}

bool packed_scores::well_formed(std::string_view packed) {
  std::optional<ScoredMember> last;
  packed_hash::Reader reader(packed);
  while (reader.next()) {
    const auto score = read_score(reader.value());
    if (!score) return false;
    const ScoredMember member{*score, reader.name()};
    if (last && !(*last < member)) return false;
    last = member;
  }
  return true;
}

std::pair<std::string, bool> packed_scores::with(std::string_view packed,
                                                 const ScoredMember& member) {
  auto [out, erased] = packed_hash::without(packed, member.member);
  packed_hash::Reader reader(out);
  while (reader.next()) {
    if (member < ScoredMember{decode_score(reader.value()), reader.name()}) break;
  }
  packed_hash::insert(out, reader.begin(), member.member, view(encode_score(member.score)));
  return {std::move(out), erased};
}

}  // namespace sojourn::server
