#include "server/cache/sorted_set_view.h"

#include <algorithm>
#include <vector>

#include "server/cache/entry.h"
#include "server/cache/large_hash.h"
#include "server/cache/packed_hash.h"

namespace sojourn::server {

std::optional<double> SortedSetView::score(std::string_view member) const {
  const auto value = fields_.get(member);
  return value ? std::optional(decode_score(*value)) : std::nullopt;
}

std::optional<std::size_t> SortedSetView::rank(std::string_view member) const {
  const auto its_score = score(member);
  if (!its_score) return std::nullopt;
  const ScoredMember itself{*its_score, member};
  return count_before([&](const ScoredMember& other) { return other < itself; });
}

std::size_t SortedSetView::count_before(
    const std::function<bool(const ScoredMember&)>& before) const {
  if (const LargeHash* const large = entry_->large_hash()) return large->count_before(before);
  std::size_t count = 0;
  packed_hash::Reader reader(entry_->value());
  while (reader.next() && before({decode_score(reader.value()), reader.name()})) ++count;
  return count;
}

void SortedSetView::visit(std::size_t first, std::size_t last, bool reverse,
                          const Visit& visit) const {
  if (const LargeHash* const large = entry_->large_hash()) {
    return large->visit_in_order(first, last, reverse, visit);
  }
  std::vector<ScoredMember> members;
  packed_hash::Reader reader(entry_->value());
  for (std::size_t rank = 0; rank < last && reader.next(); ++rank) {
    if (rank >= first) members.push_back({decode_score(reader.value()), reader.name()});
  }
  if (reverse) std::reverse(members.begin(), members.end());
  std::for_each(members.begin(), members.end(), visit);
}

}  // namespace sojourn::server
