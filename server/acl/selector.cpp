#include "server/acl/selector.h"

#include <algorithm>

#include "server/acl/rule_words.h"
#include "server/base/glob.h"
#include "server/base/numbers.h"

namespace sojourn::server {
namespace {

bool is(std::string_view rule, std::string_view word, std::string_view sign) {
  return equal_any_case(rule, word) || equal_any_case(rule, sign);
}

std::string_view prefix_of(const Selector::KeyPattern& pattern) {
  if (pattern.read && pattern.write) return "~";
  return pattern.read ? "%R~" : "%W~";
}

// "%R~", "%W~", "%RW~" or "~" in front of a pattern; moves `at` behind it. False if it is none.
bool read_key_use(std::string_view rule, std::size_t& at, bool& read, bool& write) {
  if (rule[at++] == '~') {
    read = write = true;
    return true;
  }
  for (; at < rule.size(); ++at) {
    const char c = rule[at];
    if (c == '~') {
      ++at;
      break;
    }
    bool& use = c == 'R' || c == 'r' ? read : write;
    if ((&use == &write && c != 'W' && c != 'w') || use) return false;
    use = true;
  }
  return read || write;
}

}  // namespace

RuleError Selector::apply(std::string_view rule, const CommandCatalogue& commands) {
  if (rule.empty() || apply_word(rule)) return RuleError::none;
  const char sign = rule.front();
  const std::string_view rest = rule.substr(1);
  if (sign == '~' || sign == '%') return add_keys(rule);
  if (sign == '&') return add_channels(rest);
  if (sign != '+' && sign != '-') return RuleError::syntax;
  const bool allowed = sign == '+';
  if (rest.starts_with('@')) return change_category(rest.substr(1), allowed, commands);
  return allowed ? allow_command(rest, commands) : refuse_command(rest, commands);
}

// The rules that are one word.
bool Selector::apply_word(std::string_view rule) {
  if (is(rule, "allkeys", "~*") || equal_any_case(rule, "resetkeys")) {
    all_keys_ = !equal_any_case(rule, "resetkeys");
    keys_.clear();
  } else if (is(rule, "allchannels", "&*") || equal_any_case(rule, "resetchannels")) {
    all_channels_ = !equal_any_case(rule, "resetchannels");
    channels_.clear();
  } else if (is(rule, "allcommands", "+@all")) {
    set_all_commands(true);
  } else if (is(rule, "nocommands", "-@all")) {
    set_all_commands(false);
  } else {
    return false;
  }
  return true;
}

void Selector::set_all_commands(bool allowed) {
  all_commands_ = begins_with_all_ = allowed;
  allowed ? allowed_.set() : allowed_.reset();
  first_arguments_.clear();
  command_rules_.clear();
}

RuleError Selector::allow_command(std::string_view name, const CommandCatalogue& commands) {
  const std::size_t bar = name.rfind('|');
  const auto command = commands.find(name.substr(0, bar));
  if (!command) return RuleError::unknown_command;
  if (bar == name.npos) {
    change(*command, true);
    note_rule(command->full_name, true);
    return RuleError::none;
  }
  if (command->is_subcommand()) return RuleError::first_argument_of_subcommand;
  const std::string_view argument = name.substr(bar + 1);
  if (argument.empty() || has_space_or_nul(argument)) return RuleError::syntax;
  if (command->has_subcommands()) {
    const auto subcommand = commands.find(name);
    if (!subcommand) return RuleError::unknown_command;
    change(*subcommand, true);
  } else if (command->entry != nullptr) {
    std::vector<std::string>& arguments = first_arguments_[command->index];
    const bool known = std::any_of(arguments.begin(), arguments.end(), [&](const std::string& one) {
      return equal_any_case(one, argument);
    });
    if (!known) arguments.emplace_back(argument);
  }
  note_rule(lower_case(name), true);
  return RuleError::none;
}

RuleError Selector::refuse_command(std::string_view name, const CommandCatalogue& commands) {
  const auto command = commands.find(name);
  if (!command) return RuleError::unknown_command;
  change(*command, false);
  note_rule(command->full_name, false);
  return RuleError::none;
}

RuleError Selector::change_category(std::string_view name, bool allowed,
                                    const CommandCatalogue& commands) {
  const auto category = category_named(name);
  if (!category) return RuleError::unknown_command;
  note_rule("@" + lower_case(name), allowed);
  const auto all = commands.all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if ((all[i].categories & bit_of(*category)) == 0) continue;
    change(static_cast<Index>(i), all[i], allowed);
  }
  return RuleError::none;
}

void Selector::change(const CommandCatalogue::Found& found, bool allowed) {
  if (found.entry != nullptr) change(found.index, *found.entry, allowed);
}

// A container stands for its subcommands, too.
void Selector::change(Index index, const CommandCatalogue::Entry& entry, bool allowed) {
  change_bit(index, allowed);
  first_arguments_.erase(index);
  for (const Index subcommand : entry.subcommands) change_bit(subcommand, allowed);
}

void Selector::change_bit(Index index, bool allowed) {
  allowed_.set(index, allowed);
  if (!allowed) all_commands_ = false;
}

// What was said before of the same, or of its subcommands, counts no more.
void Selector::note_rule(std::string name, bool allowed) {
  const std::string of_it = name + '|';
  std::erase_if(command_rules_, [&](const auto& rule) {
    return rule.second == name || rule.second.starts_with(of_it);
  });
  command_rules_.emplace_back(allowed, std::move(name));
}

RuleError Selector::add_keys(std::string_view rule) {
  if (all_keys_) return RuleError::keys_after_all;
  KeyPattern pattern;
  std::size_t at = 0;
  if (!read_key_use(rule, at, pattern.read, pattern.write)) return RuleError::syntax;
  pattern.glob = rule.substr(at);
  if (has_space_or_nul(pattern.glob)) return RuleError::syntax;
  const auto same = std::find_if(keys_.begin(), keys_.end(), [&](const KeyPattern& known) {
    return known.glob == pattern.glob;
  });
  if (same == keys_.end()) {
    keys_.push_back(std::move(pattern));
  } else {
    same->read |= pattern.read;
    same->write |= pattern.write;
  }
  return RuleError::none;
}

RuleError Selector::add_channels(std::string_view glob) {
  if (all_channels_) return RuleError::channels_after_all;
  if (has_space_or_nul(glob)) return RuleError::syntax;
  if (std::find(channels_.begin(), channels_.end(), glob) == channels_.end()) {
    channels_.emplace_back(glob);
  }
  return RuleError::none;
}

bool Selector::allows_command(Index command, std::span<const std::string_view> words) const {
  if (all_commands_ || allowed_[command]) return true;
  const auto found = first_arguments_.find(command);
  if (found == first_arguments_.end() || words.size() < 2) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& one) { return equal_any_case(one, words[1]); });
}

bool Selector::allows_key(std::string_view key, bool read, bool write) const {
  if (all_keys_) return true;
  return std::any_of(keys_.begin(), keys_.end(), [&](const KeyPattern& pattern) {
    if ((read && !pattern.read) || (write && !pattern.write)) return false;
    return glob_match(pattern.glob, key);
  });
}

bool Selector::allows_channel(std::string_view name, bool is_pattern) const {
  if (all_channels_) return true;
  return std::any_of(channels_.begin(), channels_.end(), [&](const std::string& glob) {
    return is_pattern ? glob == name : glob_match(glob, name);
  });
}

std::string Selector::describe() const {
  const std::string channels = describe_channels();
  std::string text = all_keys_ ? "~* " : "";
  for (const KeyPattern& pattern : keys_) {
    // "%RW~*" is one of several patterns; "~*" would be all keys, and the end of patterns.
    text.append(pattern.glob == "*" && pattern.read && pattern.write ? "%RW~" : prefix_of(pattern));
    text.append(pattern.glob).append(" ");
  }
  if (!all_channels_) text += "resetchannels ";
  text += channels;
  if (!channels.empty()) text += ' ';
  return text + describe_commands();
}

std::string Selector::describe_commands() const {
  std::string text = begins_with_all_ ? "+@all" : "-@all";
  for (const auto& [allowed, name] : command_rules_) {
    text.append(allowed ? " +" : " -").append(name);
  }
  return text;
}

std::string Selector::describe_keys() const {
  if (all_keys_) return "~*";
  std::string text;
  for (const KeyPattern& pattern : keys_) {
    if (!text.empty()) text += ' ';
    text.append(prefix_of(pattern)).append(pattern.glob);
  }
  return text;
}

std::string Selector::describe_channels() const {
  if (all_channels_) return "&*";
  std::string text;
  for (const std::string& glob : channels_) {
    if (!text.empty()) text += ' ';
    text.append("&").append(glob);
  }
  return text;
}

}  // namespace sojourn::server
