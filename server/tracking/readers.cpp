#include "server/tracking/readers.h"

#include <algorithm>
#include <bit>

namespace sojourn::server {
namespace {

// From so many readers of one key on, and each time they have doubled, those that are gone are
// looked for.
constexpr std::size_t kLookForGone = 32;

}  // namespace

void Readers::add(const TrackedName& key, Reader reader, const Gone& gone) {
  Stripe& stripe = stripe_of(key.hash);
  const std::lock_guard lock(stripe.mutex);
  auto found = stripe.table.find(key);
  if (found == stripe.table.end()) {
    found = stripe.table.try_emplace(Name{std::string(key.text), key.hash}).first;
    stripe.count.store(stripe.table.size(), std::memory_order_relaxed);
    keys_.fetch_add(1, std::memory_order_relaxed);
  }
  Of& readers = found->second;
  const auto at_or_behind = [&] {
    return std::ranges::lower_bound(readers, reader.connection, {}, &Reader::connection);
  };
  if (const auto at = at_or_behind(); at != readers.end() && *at == reader) return;
  if (readers.size() >= kLookForGone && std::has_single_bit(readers.size())) {
    forget_gone(readers, gone);
  }
  readers.insert(at_or_behind(), reader);
  items_.fetch_add(1, std::memory_order_relaxed);
}

void Readers::forget_gone(Of& readers, const Gone& gone) {
  const std::size_t forgotten =
      std::erase_if(readers, [&](const Reader& reader) { return gone(reader.connection); });
  items_.fetch_sub(forgotten, std::memory_order_relaxed);
}

Readers::Taken Readers::take_out(Stripe& stripe, Table::iterator found) {
  auto node = stripe.table.extract(found);
  stripe.count.store(stripe.table.size(), std::memory_order_relaxed);
  keys_.fetch_sub(1, std::memory_order_relaxed);
  items_.fetch_sub(node.mapped().size(), std::memory_order_relaxed);
  return {std::move(node.key().text), std::move(node.mapped())};
}

std::vector<Reader> Readers::take(const TrackedName& key) {
  Stripe& stripe = stripe_of(key.hash);
  // Who has read the key has counted it under its shard's lock, which whoever changed it has held
  // since.
  if (stripe.count.load(std::memory_order_relaxed) == 0) return {};
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.table.find(key);
  if (found == stripe.table.end()) return {};
  return take_out(stripe, found).readers;
}

std::optional<Readers::Taken> Readers::take_any(std::uint64_t near) {
  const std::size_t first = near >> (64 - kStripeBits);
  for (std::size_t i = 0; i < stripes_.size(); ++i) {
    Stripe& stripe = stripes_[(first + i) % stripes_.size()];
    if (stripe.count.load(std::memory_order_relaxed) == 0) continue;
    const std::lock_guard lock(stripe.mutex);
    // The first bucket that is not empty, from a place on that differs from key to key.
    const std::size_t buckets = stripe.table.bucket_count();
    for (std::size_t step = 0; step < buckets && !stripe.table.empty(); ++step) {
      const std::size_t bucket = (near + step) % buckets;
      const auto begin = stripe.table.begin(bucket);
      if (begin == stripe.table.end(bucket)) continue;
      return take_out(stripe, stripe.table.find(begin->first));
    }
  }
  return std::nullopt;
}

void Readers::clear() {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    std::size_t items = 0;
    for (const auto& [key, readers] : stripe.table) items += readers.size();
    keys_.fetch_sub(stripe.table.size(), std::memory_order_relaxed);
    items_.fetch_sub(items, std::memory_order_relaxed);
    stripe.count.store(0, std::memory_order_relaxed);
    Table().swap(stripe.table);
  }
}

}  // namespace sojourn::server
