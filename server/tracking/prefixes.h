#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/tracking/reader.h"

namespace sojourn::server {

// Who wants to be told of every change of keys whose names begin so (BCAST). Threading: any thread.
class Prefixes {
 public:
  // Once for each prefix and reader.
  void add(std::string_view prefix, Reader reader);
  void remove(std::string_view prefix, Reader reader);

  // Different ones. Who asks with a shard's lock held, which those who ask for one take later to
  // read, sees all that they rely on.
  std::size_t count() const { return count_.load(std::memory_order_relaxed); }

  // Calls `visit` for each prefix that some of the names have, with these names and those who want
  // to know of them, in the order of the prefixes.
  using Visit =
      std::function<void(std::span<const std::string_view> names, std::span<const Reader> readers)>;
  void match(std::span<const std::string_view> names, const Visit& visit) const;

 private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::vector<Reader>, std::less<>> prefixes_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace sojourn::server
