#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sojourn::server {

// What rules call @read, @write, ...: all of Redis's, in its order.
enum class Category : std::uint8_t {
  keyspace,
  read,
  write,
  set,
  sortedset,
  list,
  hash,
  string,
  bitmap,
  hyperloglog,
  geo,
  stream,
  pubsub,
  admin,
  fast,
  slow,
  blocking,
  dangerous,
  connection,
  transaction,
  scripting,
};

// Several of them, a bit each.
using Categories = std::uint32_t;
constexpr Categories bit_of(Category category) {
  return Categories{1} << static_cast<unsigned>(category);
}

// All names, without the @; a category's own is at its number.
std::span<const std::string_view> category_names();
// Any case, without the @.
std::optional<Category> category_named(std::string_view name);

}  // namespace sojourn::server
