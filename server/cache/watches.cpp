#include "server/cache/watches.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/cache/keyspace.h"
#include "server/cache/transaction.h"

namespace sojourn::server {
namespace {

// No entry has the version 0.
std::uint64_t version_of(Transaction& within, const Key& key) {
  const Entry* const entry = within.peek(key);
  return entry != nullptr ? entry->version() : 0;
}

}  // namespace

void Watches::add(Watch& watch) {
  Stripe& stripe = stripe_of(watch.hash);
  const std::lock_guard guard(stripe.mutex);
  stripe.watches.emplace(watch.hash, &watch);
  stripe.count.fetch_add(1, std::memory_order_relaxed);
}

void Watches::remove(Watch& watch) {
  Stripe& stripe = stripe_of(watch.hash);
  const std::lock_guard guard(stripe.mutex);
  const auto [begin, end] = stripe.watches.equal_range(watch.hash);
  const auto found =
      std::find_if(begin, end, [&](const auto& other) { return other.second == &watch; });
  CHECK(found != end);
  stripe.watches.erase(found);
  stripe.count.fetch_sub(1, std::memory_order_relaxed);
}

void Watches::touch(std::uint16_t database, std::uint64_t hash) {
  Stripe& stripe = stripe_of(hash);
  const std::lock_guard guard(stripe.mutex);
  const auto [begin, end] = stripe.watches.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    if (at->second->database == database) at->second->touched = true;
  }
}

void Watches::touch_if(const std::function<bool(const Watch&)>& fits) {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard guard(stripe.mutex);
    for (const auto& [hash, watch] : stripe.watches) {
      if (fits(*watch)) watch->touched = true;
    }
  }
}

WatchedKey::WatchedKey(const Keyspace& keyspace, Transaction& within, const Key& key)
    : watches_(keyspace.watches()), version_(version_of(within, key)) {
  watch_.name = key.name;
  watch_.hash = key.hash;
  watch_.database = key.database;
  watches_->add(watch_);
}

WatchedKey::~WatchedKey() { watches_->remove(watch_); }

bool WatchedKey::changed(Transaction& within) const {
  // To ask for the version may find that the key has expired.
  return version_of(within, key()) != version_ || watch_.touched;
}

}  // namespace sojourn::server
