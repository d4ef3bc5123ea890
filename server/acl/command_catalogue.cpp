#include "server/acl/command_catalogue.h"

#include <utility>

#include "server/acl/rule_words.h"
#include "server/base/check.h"
#include "server/base/numbers.h"

namespace sojourn::server {

CommandCatalogue::Index CommandCatalogue::add(std::string full_name, Categories categories,
                                              std::optional<Index> container) {
  CHECK(entries_.size() < kCommandsMax);
  const auto index = static_cast<Index>(entries_.size());
  if (container) entries_.at(*container).subcommands.push_back(index);
  by_name_.emplace(full_name, index);
  entries_.push_back({std::move(full_name), categories, container, {}});
  return index;
}

std::optional<CommandCatalogue::Found> CommandCatalogue::find(std::string_view full_name) const {
  std::string name = lower_case(full_name);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) {
    return Found{&entries_[found->second], found->second, std::move(name)};
  }
  if (has_space_or_nul(name) || !only_in_redis_(name)) return std::nullopt;
  return Found{nullptr, 0, std::move(name)};
}

}  // namespace sojourn::server
