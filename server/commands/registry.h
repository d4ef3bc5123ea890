#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/result.h"
#include "server/commands/command.h"

namespace sojourn::server {

// All commands by name. Built once from the families' tables, of which it keeps copies with each
// row's full name, container and index filled in; constant afterwards.
// Threading: any thread once rename() is done with. Rows live as long as the registry.
class Registry {
 public:
  Registry();  // the families of registry.cpp
  explicit Registry(std::span<const std::span<const Command>> families);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Any case; nullptr when there is none. Allocates nothing.
  const Command* find(std::string_view name) const;
  // The subcommand of a container, any case.
  static const Command* find_sub(const Command& container, std::string_view name);
  // The row a request runs: of a container, the subcommand its second word names.
  const Command* find_row(std::span<const std::string_view> words) const;
  // "get", "CLIENT|KILL", as COMMAND INFO and COMMAND DOCS name commands.
  const Command* find_full_name(std::string_view full_name) const;

  // The commands that can be called, in the order of the families, without subcommands.
  std::span<const Command* const> all() const { return all_; }
  // Every row, subcommands too, by its index.
  std::span<const Command> rows() const { return rows_; }
  static std::size_t index_of(const Command& command) { return command.index; }

  // rename-command: `to` empty removes it. Fails, in Redis's words, when there is no such command
  // or `to` is taken. The row keeps its own name, as in Redis.
  Result<void> rename(std::string_view from, std::string_view to);
  // A command of Redis 7.2 that Sojourn does not have, by its full name: an operator's file may
  // rename it, and rules may name it.
  static bool only_in_redis(std::string_view name);

 private:
  // A name in lower case, padded with zeros; longer ones are in long_names_.
  static constexpr std::size_t kNameMax = 32;
  struct Name {
    std::array<std::uint64_t, kNameMax / 8> words{};
    std::size_t size = 0;
    bool operator==(const Name&) const = default;
  };
  struct Slot {
    Name name;
    const Command* command = nullptr;
  };
  static Name fold(std::string_view name);
  std::size_t slot_of(const Name& name) const;
  void insert(std::string_view name, const Command* command);
  void rebuild();

  std::vector<Command> rows_;
  std::vector<std::string> full_names_;
  std::vector<const Command*> all_;
  // What each command of all_ is called.
  std::vector<std::string> names_;
  std::vector<Slot> slots_;  // open addressing, sparse; a power of two
  std::vector<std::pair<std::string, const Command*>> long_names_;
};

// The tables, one a family, each defined in its family's file.
std::span<const Command> connection_commands();
std::span<const Command> transaction_commands();
std::span<const Command> generic_commands();  // keys
std::span<const Command> string_commands();
std::span<const Command> compare_commands();  // strings, too
std::span<const Command> hash_commands();
std::span<const Command> field_deadline_commands();  // hashes, too
std::span<const Command> timed_field_commands();
std::span<const Command> set_commands();
std::span<const Command> sorted_set_commands();
std::span<const Command> pubsub_commands();
std::span<const Command> script_commands();
std::span<const Command> server_commands();
std::span<const Command> debug_commands();
std::span<const Command> latency_commands();
std::span<const Command> monitor_commands();
std::span<const Command> wait_commands();
std::span<const Command> cluster_commands();
std::span<const Command> acl_commands();

}  // namespace sojourn::server
