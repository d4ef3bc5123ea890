#include "server/tracking/tracking.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "protocol/reply_writer.h"

namespace sojourn::server {
namespace {

// A request gives up so many keys at most: nearly always it has added the only one over the limit.
constexpr int kGivenUpAtOnce = 100;
// A multiplier after Fibonacci: successive numbers spread over all of the table.
constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;

}  // namespace

void Tracking::tell_through(Tell tell, std::function<std::size_t()> workers) {
  tell_ = std::move(tell);
  workers_ = std::move(workers);
}

void Tracking::begin(Reader reader) {
  const std::lock_guard lock(mutex_);
  tracking_.insert(reader.connection);
  count_.store(tracking_.size(), std::memory_order_relaxed);
}

void Tracking::end(Reader reader) {
  const std::lock_guard lock(mutex_);
  tracking_.erase(reader.connection);
  count_.store(tracking_.size(), std::memory_order_relaxed);
}

void Tracking::forget_if_last() {
  if (!any()) all_changed();
}

void Tracking::remember(const TrackedName& key, Reader reader) {
  readers_.add(key, reader, [this](std::uint64_t connection) {
    const std::shared_lock lock(mutex_);
    return !tracking_.contains(connection);
  });
}

void Tracking::trim(std::size_t most) {
  if (most == 0) return;
  for (int i = 0; i < kGivenUpAtOnce && readers_.keys() > most; ++i) {
    const auto taken =
        readers_.take_any(kSpread * given_up_.fetch_add(1, std::memory_order_relaxed));
    if (!taken) return;
    const std::string_view key = taken->key;
    tell(Invalidation::To::readers, {&key, 1}, 0, taken->readers);
  }
}

std::vector<Tracking::Taken> Tracking::take(std::span<const TrackedName> keys) {
  std::vector<Taken> taken;
  for (const TrackedName& key : keys) {
    std::vector<Reader> readers = readers_.take(key);
    if (!readers.empty()) taken.push_back({std::string(key.text), std::move(readers)});
  }
  return taken;
}

void Tracking::tell_readers(std::span<const Taken> taken, std::uint64_t by) {
  for (const auto& [key, readers] : taken) {
    const std::string_view name = key;
    tell(Invalidation::To::readers, {&name, 1}, by, readers);
  }
}

void Tracking::tell_subscribers(std::span<const TrackedName> keys, std::uint64_t by) {
  if (prefixes_.count() == 0) return;
  std::vector<std::string_view> names;
  names.reserve(keys.size());
  for (const TrackedName& key : keys) names.push_back(key.text);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  prefixes_.match(names,
                  [&](std::span<const std::string_view> fitting, std::span<const Reader> readers) {
                    tell(Invalidation::To::subscribers, fitting, by, readers);
                  });
}

void Tracking::all_changed() {
  if (!any() && readers_.keys() == 0) return;
  readers_.clear();
  if (!tell_) return;
  for (std::size_t worker = 0; worker < workers_(); ++worker) {
    tell_(worker, {.to = Invalidation::To::everybody, .keys = nullptr, .connections = {}});
  }
}

std::shared_ptr<const std::string> Tracking::encode(std::span<const std::string_view> keys) {
  auto text = std::make_shared<std::string>();
  protocol::ReplyWriter writer(*text);
  writer.array(keys.size());
  for (const std::string_view key : keys) writer.bulk(key);
  return text;
}

void Tracking::tell(Invalidation::To to, std::span<const std::string_view> keys, std::uint64_t by,
                    std::span<const Reader> readers) {
  if (!tell_) return;
  const auto text = encode(keys);
  std::map<std::size_t, std::vector<std::uint64_t>> by_worker;
  for (const Reader& reader : readers) by_worker[reader.worker].push_back(reader.connection);
  for (auto& [worker, connections] : by_worker) {
    tell_(worker, {.to = to, .keys = text, .by = by, .connections = std::move(connections)});
  }
}

}  // namespace sojourn::server
