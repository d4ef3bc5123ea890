#include "server/tracking/prefixes.h"

#include <algorithm>
#include <mutex>

namespace sojourn::server {

void Prefixes::add(std::string_view prefix, Reader reader) {
  const std::lock_guard lock(mutex_);
  auto found = prefixes_.find(prefix);
  if (found == prefixes_.end()) found = prefixes_.try_emplace(std::string(prefix)).first;
  found->second.push_back(reader);
  count_.store(prefixes_.size(), std::memory_order_relaxed);
}

void Prefixes::remove(std::string_view prefix, Reader reader) {
  const std::lock_guard lock(mutex_);
  const auto found = prefixes_.find(prefix);
  if (found == prefixes_.end()) return;
  std::erase(found->second, reader);
  if (found->second.empty()) prefixes_.erase(found);
  count_.store(prefixes_.size(), std::memory_order_relaxed);
}

void Prefixes::match(std::span<const std::string_view> names, const Visit& visit) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::string_view> fitting;
  for (const auto& [prefix, readers] : prefixes_) {
    fitting.clear();
    std::copy_if(names.begin(), names.end(), std::back_inserter(fitting),
                 [&](std::string_view name) { return name.starts_with(prefix); });
    if (!fitting.empty()) visit(fitting, readers);
  }
}

}  // namespace sojourn::server
