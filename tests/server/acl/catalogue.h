#pragma once

#include "server/acl/command_catalogue.h"

namespace sojourn::server {

// A few commands for tests: get and set, config with get and set, select, ping.
inline CommandCatalogue small_catalogue() {
  const auto in = [](Category category) { return bit_of(category); };
  CommandCatalogue catalogue;
  catalogue.add("get", in(Category::read) | in(Category::fast), std::nullopt);
  catalogue.add("set", in(Category::write) | in(Category::slow), std::nullopt);
  const auto config = catalogue.add("config", in(Category::slow), std::nullopt);
  catalogue.add("config|get", in(Category::admin) | in(Category::slow), config);
  catalogue.add("config|set", in(Category::admin) | in(Category::slow), config);
  catalogue.add("select", in(Category::fast) | in(Category::connection), std::nullopt);
  catalogue.add("ping", in(Category::fast) | in(Category::connection), std::nullopt);
  catalogue.know_of_others(
      [](std::string_view name) { return name == "lpush" || name == "config|resetstat"; });
  return catalogue;
}

}  // namespace sojourn::server
