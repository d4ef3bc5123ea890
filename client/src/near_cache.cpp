#include "sojourn/near_cache.h"

namespace sojourn {
namespace {

std::shared_ptr<detail::NearStore> make_store(const NearCache::Limits& limits) {
  return std::make_shared<detail::NearStore>(
      detail::NearStore::Limits{limits.entries_max, limits.bytes_max, limits.age_max});
}

}  // namespace

Options NearCache::with_tracking(Options options, const std::shared_ptr<detail::NearStore>& store) {
  options.connections = 1;
  options.protocol = 3;
  // A server without RESP3 answers the second greeting with an error, and so is not used: it could
  // not say that anything has changed.
  options.setup.push("HELLO", "3").push("CLIENT", "TRACKING", "ON");
  options.on_push = [store, also = std::move(options.on_push)](Reply push) {
    store->on_push(push);
    if (also) also(std::move(push));
  };
  options.on_lost = [store, also = std::move(options.on_lost)] {
    store->drop_all();
    if (also) also();
  };
  return options;
}

NearCache::NearCache(Options options) : NearCache(std::move(options), Limits()) {}

NearCache::NearCache(Options options, Limits limits)
    : store_(make_store(limits)), client_(with_tracking(std::move(options), store_)) {}

NearCache::NearCache(boost::asio::any_io_executor executor, Options options, Limits limits)
    : store_(make_store(limits)),
      client_(std::move(executor), with_tracking(std::move(options), store_)) {}

Request NearCache::request_for(std::string_view key) {
  return std::move(Request().push("GET", key).idempotent());
}

Result<NearCache::Value> NearCache::get(std::string_view key) {
  if (std::optional<Value> kept = store_->find(key)) return std::move(*kept);
  const auto reading = store_->begin(key);
  return reading->take(client_.exec(request_for(key)));
}

void NearCache::close() {
  client_.close();
  store_->drop_all();
}

}  // namespace sojourn
