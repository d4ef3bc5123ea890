#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/clock.h"
#include "server/cache/scored_member.h"
#include "server/cache/slot_table.h"
#include "server/memory/slab_heap.h"
#include "server/store/record.h"

namespace sojourn::server {

// The fields of a large collection: small tables chosen by the first bits of a field's hash
// (extendible hashing: Fagin et al., 1979), each of which splits in two when it is full, so that
// growing never touches more than kPartFields fields at once. Those of a sorted set, whose values
// are scores, are in a CountedTree beside that, in the order of their scores; those of a hash that
// have deadlines in one in the order of these.
//
// A field whose deadline has passed stays until it is taken out (drop_nearest()), but hide_due()
// hides it: to whatever is not said to see hidden fields it is not there any more.
class LargeHash {
 public:
  enum class Order : bool { none, by_score };
  // `collection`: the number its rows have in Column::fields. `heap`: where its memory is counted,
  // which comes from malloc; it must outlive it.
  explicit LargeHash(std::uint64_t collection, Order order = Order::none, SlabHeap* heap = nullptr);
  ~LargeHash();
  LargeHash(const LargeHash&) = delete;
  LargeHash& operator=(const LargeHash&) = delete;

  std::uint64_t collection() const { return collection_; }
  std::size_t size() const { return size_ - hidden_; }
  std::size_t bytes() const;  // of memory

  std::optional<std::string_view> get(std::string_view name) const;
  // True if the field is new. It has this deadline from now on, whatever it had.
  bool put(std::string_view name, std::string_view value, Time deadline = kNever);
  bool erase(std::string_view name);

  // --- deadlines of fields, of a hash ---
  // Some field has, or had, one.
  bool timed() const { return by_deadline_ != nullptr; }
  void make_timed();
  // kNever for none; sees hidden fields.
  Time deadline(std::string_view name) const;
  // False when there is no such field.
  bool set_deadline(std::string_view name, Time deadline);
  // The same of all fields; sees hidden ones.
  Time nearest_deadline() const;
  // Hides the fields that are due, for good, and returns how many more that are. Time does not go
  // back: what was due to one who saw a later time stays hidden.
  std::size_t hide_due(Time now);
  std::size_t hidden() const { return hidden_; }
  bool hides(Time deadline) const { return deadline <= hidden_until_; }
  bool all_due(Time now) const;  // sees hidden fields
  // The field whose deadline is the nearest, which must be there; sees hidden ones.
  std::string_view nearest() const;
  void drop_nearest();

  using Visit = std::function<void(std::string_view name, std::string_view value)>;
  using VisitUntil =
      std::function<void(std::string_view name, std::string_view value, Time deadline)>;
  void for_each(const Visit& visit) const;
  void for_each_until(const VisitUntil& visit) const;
  std::pair<std::string_view, std::string_view> random(std::uint64_t random) const;
  // As HashView::scan. A cursor is a place in the order of the fields' hashes, which stays what it
  // is while parts split; 0 is both the begin and the end.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count, const Visit& visit) const;
  // Of one in order, as SortedSetView's.
  std::size_t count_before(const std::function<bool(const ScoredMember&)>& before) const;
  void visit_in_order(std::size_t first, std::size_t last, bool reverse,
                      const std::function<void(const ScoredMember&)>& visit) const;

  // Frees up to `fields` fields; true when none is left. For giving a big hash back in small steps.
  bool drain(std::size_t fields);

 private:
  bool drain_orders(std::size_t nodes);
  bool drain_parts(std::size_t fields);

  struct Field;
  struct Part {
    SlotTable table;
    int depth = 0;  // bits of the hash that all its fields share
  };
  static constexpr std::size_t kPartFields = 1024;
  struct ByScore;
  struct ByDeadline;

  std::size_t index_of(std::uint64_t hash) const { return depth_ == 0 ? 0 : hash >> (64 - depth_); }
  void split(std::uint64_t hash);
  SlotTable::Place find(Part& part, std::uint64_t hash, std::string_view name) const;
  const Field* find_visible(std::string_view name) const;
  bool is_hidden(const Field& field) const;
  // Into the orders beside the table, and out of them.
  void link(const Field& field);
  void unlink(const Field& field);
  void take_out(Part& part, const SlotTable::Place& place);
  static std::size_t bytes_of(const Part& part);
  void count();
  template <class Fields>
  void visit_visible(Fields&& visit) const;
  const Field* drawn(std::uint64_t random) const;
  static SlotTable::Tag tag_of(std::uint64_t hash, int depth) {
    return static_cast<SlotTable::Tag>((hash << depth) >> 48);
  }

  std::uint64_t collection_;
  std::uint64_t seed_;
  SlabHeap* const heap_;
  std::size_t counted_ = 0;  // there
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;  // of fields and parts
  int depth_ = 0;
  std::vector<std::shared_ptr<Part>> parts_;  // 2^depth_; neighbours share a part not yet split
  std::unique_ptr<ByScore> by_score_;
  std::unique_ptr<ByDeadline> by_deadline_;
  Time hidden_until_ = Time::min();
  std::size_t hidden_ = 0;
};

}  // namespace sojourn::server
