#pragma once

#include <bitset>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/acl/command_catalogue.h"
#include "server/acl/rule_error.h"

namespace sojourn::server {

// One set of permissions: commands, keys and channels that go together. A user may do what any of
// his selectors allows whole.
class Selector {
 public:
  struct KeyPattern {
    std::string glob;
    bool read = false, write = false;
  };

  // Allows nothing but, perhaps, all channels.
  explicit Selector(bool all_channels) : all_channels_(all_channels) {}

  // One rule, "+get" or "~a:*"; nothing is changed by one that is wrong.
  RuleError apply(std::string_view rule, const CommandCatalogue& commands);

  // There is nothing it would refuse.
  bool unrestricted() const { return all_commands_ && all_keys_ && all_channels_; }
  // `words`: the request's, of which the second may be what the command is allowed for.
  bool allows_command(CommandCatalogue::Index command,
                      std::span<const std::string_view> words) const;
  bool all_keys() const { return all_keys_; }
  // For both if both is wanted.
  bool allows_key(std::string_view key, bool read, bool write) const;
  bool all_channels() const { return all_channels_; }
  // A pattern that is subscribed to must be one of those given, letter by letter.
  bool allows_channel(std::string_view name, bool is_pattern) const;
  std::span<const std::string> channels() const { return channels_; }

  // As rules that make the same selector; the three together, and each alone.
  std::string describe() const;
  std::string describe_commands() const;
  std::string describe_keys() const;
  std::string describe_channels() const;

 private:
  using Index = CommandCatalogue::Index;

  bool apply_word(std::string_view rule);
  void set_all_commands(bool allowed);
  RuleError allow_command(std::string_view name, const CommandCatalogue& commands);
  RuleError refuse_command(std::string_view name, const CommandCatalogue& commands);
  RuleError change_category(std::string_view name, bool allowed, const CommandCatalogue& commands);
  void change(const CommandCatalogue::Found& found, bool allowed);
  void change(Index index, const CommandCatalogue::Entry& entry, bool allowed);
  void change_bit(Index index, bool allowed);
  void note_rule(std::string name, bool allowed);
  RuleError add_keys(std::string_view rule);
  RuleError add_channels(std::string_view glob);

  // All commands, those too that are not there yet; taken back by the first that is refused.
  bool all_commands_ = false;
  bool begins_with_all_ = false;  // the last rule on all commands allowed them
  bool all_keys_ = false;
  bool all_channels_;
  std::bitset<CommandCatalogue::kCommandsMax> allowed_;
  // Commands that are refused but for these first arguments ("+select|0").
  std::map<Index, std::vector<std::string>> first_arguments_;
  // What was said of commands and categories since then, in order: "config|get", "@read".
  std::vector<std::pair<bool, std::string>> command_rules_;
  std::vector<KeyPattern> keys_;
  std::vector<std::string> channels_;
};

}  // namespace sojourn::server
