#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/categories.h"

namespace sojourn::server {

// The commands as rules know them: by the names they were born with, whatever rename-command made
// of them. Constant once it is filled; then for any thread.
class CommandCatalogue {
 public:
  // A command's number: its place in the order of add().
  using Index = std::uint16_t;
  static constexpr std::size_t kCommandsMax = 512;

  struct Entry {
    std::string full_name;  // "get", "config|set"; lower case
    Categories categories = 0;
    std::optional<Index> container;  // of a subcommand
    std::vector<Index> subcommands;  // of a container; filled in
  };
  // A container comes before its subcommands.
  Index add(std::string full_name, Categories categories, std::optional<Index> container);

  // Says of a full name whether Redis has such a command, though this server has not: an operator's
  // rules may well name it, and allow or take away nothing by that.
  using OnlyInRedis = bool (*)(std::string_view full_name);
  void know_of_others(OnlyInRedis only_in_redis) { only_in_redis_ = only_in_redis; }

  struct Found {
    const Entry* entry = nullptr;  // null: only Redis has it
    Index index = 0;
    std::string full_name;
    bool is_subcommand() const { return full_name.find('|') != full_name.npos; }
    bool has_subcommands() const { return entry != nullptr && !entry->subcommands.empty(); }
  };
  // By its full name, any case.
  std::optional<Found> find(std::string_view full_name) const;
  std::span<const Entry> all() const { return entries_; }

 private:
  std::vector<Entry> entries_;
  std::map<std::string, Index, std::less<>> by_name_;
  OnlyInRedis only_in_redis_ = [](std::string_view) { return false; };
};

}  // namespace sojourn::server
