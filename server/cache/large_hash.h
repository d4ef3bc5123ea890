#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/cache/scored_member.h"
#include "server/cache/slot_table.h"

namespace sojourn::server {

// The fields of a large collection: small tables chosen by the first bits of a field's hash
// (extendible hashing: Fagin et al., 1979), each of which splits in two when it is full, so that
// growing never touches more than kPartFields fields at once. Those of a sorted set, whose values
// are scores, are in a CountedTree beside that, in the order of their scores.
class LargeHash {
 public:
  enum class Order : bool { none, by_score };
  // `collection`: the number its rows have in Column::fields.
  explicit LargeHash(std::uint64_t collection, Order order = Order::none);
  ~LargeHash();
  LargeHash(const LargeHash&) = delete;
  LargeHash& operator=(const LargeHash&) = delete;

  std::uint64_t collection() const { return collection_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const;

  std::optional<std::string_view> get(std::string_view name) const;
  bool put(std::string_view name, std::string_view value);  // true if the field is new
  bool erase(std::string_view name);

  void for_each(
      const std::function<void(std::string_view name, std::string_view value)>& visit) const;
  std::pair<std::string_view, std::string_view> random(std::uint64_t random) const;
  // As HashView::scan. A cursor is a place in the order of the fields' hashes, which stays what it
  // is while parts split; 0 is both the begin and the end.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count,
                     const std::function<void(std::string_view, std::string_view)>& visit) const;
  // Of one in order, as SortedSetView's.
  std::size_t count_before(const std::function<bool(const ScoredMember&)>& before) const;
  void visit_in_order(std::size_t first, std::size_t last, bool reverse,
                      const std::function<void(const ScoredMember&)>& visit) const;

  // Frees up to `fields` fields; true when none is left. For giving a big hash back in small steps.
  bool drain(std::size_t fields);

 private:
  struct Field;
  struct Part {
    SlotTable table;
    int depth = 0;  // bits of the hash that all its fields share
  };
  static constexpr std::size_t kPartFields = 1024;
  struct ByScore;

  std::size_t index_of(std::uint64_t hash) const { return depth_ == 0 ? 0 : hash >> (64 - depth_); }
  void split(std::uint64_t hash);
  SlotTable::Place find(Part& part, std::uint64_t hash, std::string_view name) const;
  static SlotTable::Tag tag_of(std::uint64_t hash, int depth) {
    return static_cast<SlotTable::Tag>((hash << depth) >> 48);
  }

  std::uint64_t collection_;
  std::uint64_t seed_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  int depth_ = 0;
  std::vector<std::shared_ptr<Part>> parts_;  // 2^depth_; neighbours share a part not yet split
  std::unique_ptr<ByScore> by_score_;
};

}  // namespace sojourn::server
