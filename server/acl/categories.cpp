#include "server/acl/categories.h"

#include <array>

#include "server/base/numbers.h"

namespace sojourn::server {
namespace {

constexpr auto kNames = std::to_array<std::string_view>(
    {"keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
     "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
     "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting"});
static_assert(kNames.size() == static_cast<std::size_t>(Category::scripting) + 1);

}  // namespace

std::span<const std::string_view> category_names() { return kNames; }

std::optional<Category> category_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (equal_any_case(kNames[i], name)) return static_cast<Category>(i);
  }
  return std::nullopt;
}

}  // namespace sojourn::server
