#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "server/cache/hash_view.h"
#include "server/cache/scored_member.h"

namespace sojourn::server {

// The members of a sorted set in order, small (packed into its entry) or large (a hash of scores
// with an order beside it). Reading only; changes go through Transaction.
class SortedSetView {
 public:
  using Visit = std::function<void(const ScoredMember&)>;

  explicit SortedSetView(const Entry& entry) : entry_(&entry), fields_(entry) {}

  std::size_t size() const { return fields_.size(); }
  std::optional<double> score(std::string_view member) const;
  // How many members come before it.
  std::optional<std::size_t> rank(std::string_view member) const;
  // How many come before a place: those for which `before` holds, which must hold for all up to it
  // and for none from there on.
  std::size_t count_before(const std::function<bool(const ScoredMember&)>& before) const;
  // The members of ranks `first` to `last` - 1, from the last to the first if `reverse`.
  void visit(std::size_t first, std::size_t last, bool reverse, const Visit& visit) const;
  void for_each(const Visit& visit) const { this->visit(0, size(), false, visit); }
  const HashView& fields() const { return fields_; }

 private:
  const Entry* entry_;
  HashView fields_;
};

}  // namespace sojourn::server
