#include "server/cache/large_hash.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>

#include "server/base/check.h"
#include "server/cache/counted_tree.h"

namespace sojourn::server {

// One allocation: this head, the deadline if it has one, the name's bytes, the value's.
struct LargeHash::Field {
  std::uint32_t name_bytes : 31;
  std::uint32_t timed : 1;
  std::uint32_t value_bytes;

  static Field* make(std::string_view name, std::string_view value, Time deadline) {
    CHECK(name.size() < std::size_t{1} << 31);
    const bool timed = deadline != kNever;
    auto* const field =
        static_cast<Field*>(std::malloc(head_bytes(timed) + name.size() + value.size()));
    CHECK(field != nullptr);
    field->name_bytes = static_cast<std::uint32_t>(name.size()) & 0x7fffffffu;
    field->timed = timed;
    field->value_bytes = static_cast<std::uint32_t>(value.size());
    if (timed) std::memcpy(static_cast<void*>(field + 1), &deadline, sizeof deadline);
    std::memcpy(field->data(), name.data(), name.size());
    std::memcpy(field->data() + name.size(), value.data(), value.size());
    return field;
  }
  static std::size_t head_bytes(bool timed) { return sizeof(Field) + timed * sizeof(Time); }
  char* data() { return reinterpret_cast<char*>(this) + head_bytes(timed); }
  const char* data() const { return reinterpret_cast<const char*>(this) + head_bytes(timed); }
  std::string_view name() const { return {data(), name_bytes}; }
  std::string_view value() const { return {data() + name_bytes, value_bytes}; }
  Time deadline() const {
    Time deadline = kNever;
    if (timed) std::memcpy(&deadline, static_cast<const void*>(this + 1), sizeof deadline);
    return deadline;
  }
  // As malloc gives it: eight bytes of its own before it, and all in units of sixteen.
  std::size_t bytes() const {
    const std::size_t own = head_bytes(timed) + name_bytes + value_bytes;
    return std::max<std::size_t>(32, (own + 8 + 15) & ~std::size_t{15});
  }
};

// The fields by score. An item has a copy of the score, so that most comparisons look no further.
struct LargeHash::ByScore {
  struct Item {
    double score;
    const Field* field;

    explicit Item(const Field* of = nullptr)
        : score(of != nullptr ? decode_score(of->value()) : 0), field(of) {}
    ScoredMember member() const { return {score, field->name()}; }
  };
  struct Less {
    bool operator()(const Item& a, const Item& b) const {
      return a.score != b.score ? a.score < b.score : a.field->name() < b.field->name();
    }
  };
  CountedTree<Item, Less> tree;
};

// The fields that have deadlines, the nearest first.
struct LargeHash::ByDeadline {
  struct Item {
    Time deadline;
    const Field* field;

    explicit Item(const Field* of = nullptr)
        : deadline(of != nullptr ? of->deadline() : kNever), field(of) {}
  };
  struct Less {
    bool operator()(const Item& a, const Item& b) const {
      return a.deadline != b.deadline ? a.deadline < b.deadline
                                      : std::less<const Field*>()(a.field, b.field);
    }
  };
  std::size_t due(Time now) const {
    return tree.count_before([&](const Item& item) { return item.deadline <= now; });
  }
  Item first() const {
    Item first;
    tree.visit(0, 1, false, [&](const Item& item) { first = item; });
    return first;
  }
  CountedTree<Item, Less> tree;
};

namespace {

// A random field is drawn as often as this before all are gone through: only hashes of which nearly
// all fields are hidden come so far.
constexpr int kDrawsMax = 128;

// A scan looks at as many buckets as it shall visit fields, and at no fewer than these.
constexpr std::size_t kBucketsScannedMin = 200;

// A seed no client can know: fields that collide under one hash's seed do not under another's. One
// that leaves RAM and comes back has it again, so that scans go on.
std::uint64_t seed_of(std::uint64_t collection) {
  static const std::uint64_t secret = [] {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
  }();
  return XXH3_64bits_withSeed(&collection, sizeof collection, secret);
}

std::uint64_t hash_of(std::string_view name, std::uint64_t seed) {
  return XXH3_64bits_withSeed(name.data(), name.size(), seed);
}

}  // namespace

LargeHash::LargeHash(std::uint64_t collection, Order order, SlabHeap* heap)
    : collection_(collection),
      seed_(seed_of(collection)),
      heap_(heap),
      parts_{std::make_shared<Part>()},
      by_score_(order == Order::by_score ? std::make_unique<ByScore>() : nullptr) {
  bytes_ = bytes_of(*parts_[0]);
  count();
}

LargeHash::~LargeHash() {
  while (!drain(kPartFields)) {
  }
}

std::size_t LargeHash::bytes() const {
  return bytes_ + parts_.size() * sizeof(parts_[0]) +
         (by_score_ != nullptr ? by_score_->tree.bytes() : 0) +
         (by_deadline_ != nullptr ? by_deadline_->tree.bytes() : 0);
}

// With its two counts of owners.
std::size_t LargeHash::bytes_of(const Part& part) {
  return sizeof(Part) + 2 * sizeof(void*) + part.table.bytes();
}

// After every change.
void LargeHash::count() {
  if (heap_ == nullptr) return;
  const std::size_t now = bytes();
  heap_->count_malloc(static_cast<std::int64_t>(now - counted_));
  counted_ = now;
}

SlotTable::Place LargeHash::find(Part& part, std::uint64_t hash, std::string_view name) const {
  return part.table.find<Field>(tag_of(hash, part.depth),
                                [&](const Field& field) { return field.name() == name; });
}

bool LargeHash::is_hidden(const Field& field) const {
  return field.timed != 0 && hides(field.deadline());
}

const LargeHash::Field* LargeHash::find_visible(std::string_view name) const {
  const std::uint64_t hash = hash_of(name, seed_);
  const SlotTable::Place place = find(*parts_[index_of(hash)], hash, name);
  if (!place || is_hidden(*place.item<Field>())) return nullptr;
  return place.item<Field>();
}

std::optional<std::string_view> LargeHash::get(std::string_view name) const {
  const Field* const field = find_visible(name);
  return field != nullptr ? std::optional(field->value()) : std::nullopt;
}

void LargeHash::link(const Field& field) {
  bytes_ += field.bytes();
  if (by_score_ != nullptr) by_score_->tree.insert(ByScore::Item(&field));
  if (field.timed == 0) return;
  make_timed();
  by_deadline_->tree.insert(ByDeadline::Item(&field));
  hidden_ += is_hidden(field);
}

void LargeHash::unlink(const Field& field) {
  bytes_ -= field.bytes();
  if (by_score_ != nullptr) by_score_->tree.erase(ByScore::Item(&field));
  if (field.timed == 0) return;
  by_deadline_->tree.erase(ByDeadline::Item(&field));
  hidden_ -= is_hidden(field);
}

bool LargeHash::put(std::string_view name, std::string_view value, Time deadline) {
  const std::uint64_t hash = hash_of(name, seed_);
  Field* const field = Field::make(name, value, deadline);
  Part* part = parts_[index_of(hash)].get();
  if (const SlotTable::Place place = find(*part, hash, name)) {
    Field* const old = place.item<Field>();
    const bool is_new = is_hidden(*old);
    place.replace(field);
    unlink(*old);
    link(*field);
    std::free(old);
    count();
    return is_new;
  }
  // Thirty-two shared bits mean that the hashes collide, not that the part is large.
  while (part->table.size() >= kPartFields && part->depth < 32) {
    split(hash);
    part = parts_[index_of(hash)].get();
  }
  bytes_ -= bytes_of(*part);
  part->table.insert(tag_of(hash, part->depth), field);
  bytes_ += bytes_of(*part);
  link(*field);
  ++size_;
  count();
  return true;
}

void LargeHash::take_out(Part& part, const SlotTable::Place& place) {
  Field* const field = place.item<Field>();
  bytes_ -= bytes_of(part);
  part.table.erase(place);
  bytes_ += bytes_of(part);
  unlink(*field);
  std::free(field);
  --size_;
  count();
}

bool LargeHash::erase(std::string_view name) {
  const std::uint64_t hash = hash_of(name, seed_);
  Part& part = *parts_[index_of(hash)];
  const SlotTable::Place place = find(part, hash, name);
  if (!place || is_hidden(*place.item<Field>())) return false;
  take_out(part, place);
  return true;
}

// --- deadlines ---

void LargeHash::make_timed() {
  if (by_deadline_ == nullptr) by_deadline_ = std::make_unique<ByDeadline>();
}

Time LargeHash::deadline(std::string_view name) const {
  if (!timed()) return kNever;
  const std::uint64_t hash = hash_of(name, seed_);
  const SlotTable::Place place = find(*parts_[index_of(hash)], hash, name);
  return place ? place.item<Field>()->deadline() : kNever;
}

bool LargeHash::set_deadline(std::string_view name, Time deadline) {
  const Field* const field = find_visible(name);
  if (field == nullptr) return false;
  if (field->deadline() != deadline) put(field->name(), field->value(), deadline);
  return true;
}

Time LargeHash::nearest_deadline() const {
  return timed() ? by_deadline_->first().deadline : kNever;
}

std::size_t LargeHash::hide_due(Time now) {
  if (!timed() || now <= hidden_until_) return 0;
  hidden_until_ = now;
  const std::size_t before = hidden_;
  hidden_ = by_deadline_->due(now);
  return hidden_ - before;
}

bool LargeHash::all_due(Time now) const { return timed() && by_deadline_->due(now) == size_; }

std::string_view LargeHash::nearest() const { return by_deadline_->first().field->name(); }

void LargeHash::drop_nearest() {
  const std::string_view name = nearest();
  const std::uint64_t hash = hash_of(name, seed_);
  Part& part = *parts_[index_of(hash)];
  take_out(part, find(part, hash, name));
}

// The part that holds `hash` becomes two, by one more bit of the hash.
void LargeHash::split(std::uint64_t hash) {
  if (parts_[index_of(hash)]->depth == depth_) {
    std::vector<std::shared_ptr<Part>> doubled;
    doubled.reserve(parts_.size() * 2);
    for (const auto& part : parts_) doubled.insert(doubled.end(), 2, part);
    parts_ = std::move(doubled);
    ++depth_;
  }
  const std::shared_ptr<Part> old = parts_[index_of(hash)];
  const int depth = old->depth + 1;
  const std::shared_ptr<Part> halves[] = {std::make_shared<Part>(), std::make_shared<Part>()};
  halves[0]->depth = halves[1]->depth = depth;
  old->table.visit_all<Field>([&](Field& field) {
    const std::uint64_t h = hash_of(field.name(), seed_);
    halves[h >> (64 - depth) & 1]->table.insert(tag_of(h, depth), &field);
  });
  bytes_ += bytes_of(*halves[0]) + bytes_of(*halves[1]) - bytes_of(*old);
  const std::size_t span = std::size_t{1} << (depth_ - old->depth);
  const std::size_t first = index_of(hash) / span * span;
  for (std::size_t i = 0; i < span; ++i) parts_[first + i] = halves[i >= span / 2];
}

template <class Fields>
void LargeHash::visit_visible(Fields&& visit) const {
  const Part* last = nullptr;
  for (const auto& part : parts_) {
    if (part.get() == last) continue;
    last = part.get();
    part->table.visit_all<Field>([&](const Field& field) {
      if (!is_hidden(field)) visit(field);
    });
  }
}

void LargeHash::for_each(const Visit& visit) const {
  visit_visible([&](const Field& field) { visit(field.name(), field.value()); });
}

void LargeHash::for_each_until(const VisitUntil& visit) const {
  visit_visible([&](const Field& field) { visit(field.name(), field.value(), field.deadline()); });
}

// Picks a bucket, then a field in it: fields in fuller buckets come a little more rarely, as in
// Redis.
const LargeHash::Field* LargeHash::drawn(std::uint64_t random) const {
  std::mt19937_64 numbers(random);
  for (int draws = 0; hidden_ == 0 || draws < kDrawsMax; ++draws) {
    const Part& part = *parts_[numbers() % parts_.size()];
    if (part.table.size() == 0) continue;
    const Field* chosen = nullptr;
    std::uint64_t seen = 0;
    part.table.visit_bucket<Field>(static_cast<std::uint32_t>(numbers() % part.table.buckets()),
                                   [&](const Field& field) {
                                     if (is_hidden(field)) return;
                                     if (numbers() % ++seen == 0) chosen = &field;
                                   });
    if (chosen != nullptr) return chosen;
  }
  const Field* chosen = nullptr;
  std::uint64_t left = numbers() % size();
  visit_visible([&](const Field& field) {
    if (left-- == 0) chosen = &field;
  });
  return chosen;
}

std::pair<std::string_view, std::string_view> LargeHash::random(std::uint64_t random) const {
  CHECK(size() > 0);
  const Field* const field = drawn(random);
  return {field->name(), field->value()};
}

// A cursor is the upper 48 bits of a hash.
std::uint64_t LargeHash::scan(std::uint64_t cursor, std::size_t count, const Visit& visit) const {
  std::uint64_t position = cursor & ((std::uint64_t{1} << 48) - 1);
  std::size_t visited = 0;
  std::size_t buckets_left = std::max(kBucketsScannedMin, count);
  while (visited < count && buckets_left-- > 0) {
    const std::uint64_t hash = position << 16;
    const Part& part = *parts_[index_of(hash)];
    const std::uint32_t end =
        part.table.visit_from<Field>(tag_of(hash, part.depth), [&](const Field& field) {
          if (is_hidden(field)) return;
          visit(field.name(), field.value());
          ++visited;
        });
    // Back from a place in the part to one in the whole order.
    const std::uint64_t part_begin = position >> (48 - part.depth) << (48 - part.depth);
    position = part_begin + (std::uint64_t{end} << (32 - part.depth));
    if (position >> 48 != 0) return 0;
  }
  return position;
}

std::size_t LargeHash::count_before(const std::function<bool(const ScoredMember&)>& before) const {
  return by_score_->tree.count_before(
      [&](const ByScore::Item& item) { return before(item.member()); });
}

void LargeHash::visit_in_order(std::size_t first, std::size_t last, bool reverse,
                               const std::function<void(const ScoredMember&)>& visit) const {
  by_score_->tree.visit(first, last, reverse,
                        [&](const ByScore::Item& item) { visit(item.member()); });
}

bool LargeHash::drain(std::size_t fields) {
  const bool empty = drain_orders(fields) && drain_parts(fields);
  count();
  return empty;
}

bool LargeHash::drain_orders(std::size_t nodes) {
  if (by_score_ != nullptr) {
    if (!by_score_->tree.drain(nodes)) return false;
    by_score_ = nullptr;
  }
  if (by_deadline_ != nullptr) {
    if (!by_deadline_->tree.drain(nodes)) return false;
    by_deadline_ = nullptr;
  }
  return true;
}

bool LargeHash::drain_parts(std::size_t fields) {
  while (!parts_.empty() && fields > 0) {
    const std::shared_ptr<Part> part = parts_.back();
    SlotTable& table = part->table;
    for (std::uint32_t index = table.buckets(); index > 0 && fields > 0; --index) {
      table.filter_bucket<Field>(index - 1, [&](Field& field) {
        --size_;
        bytes_ -= field.bytes();
        fields -= fields > 0;
        std::free(&field);
        return false;
      });
    }
    if (table.size() > 0) return false;
    bytes_ -= bytes_of(*part);
    while (!parts_.empty() && parts_.back() == part) parts_.pop_back();
  }
  return parts_.empty();
}

}  // namespace sojourn::server
