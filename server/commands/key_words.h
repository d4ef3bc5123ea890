#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "protocol/request_parser.h"
#include "server/base/numbers.h"
#include "server/cache/key.h"
#include "server/commands/command.h"

namespace sojourn::server {

// The keys that a word counts, which stand behind it; none when it is no number of them.
inline protocol::Words counted_keys_of(const KeySpec& keys, protocol::Words words) {
  const auto at = static_cast<std::size_t>(keys.counted);
  const auto count = at < words.size() ? parse_integer(words[at]) : std::nullopt;
  const protocol::Words behind = words.subspan(std::min(at + 1, words.size()));
  if (!count || *count <= 0 || static_cast<std::uint64_t>(*count) > behind.size()) return {};
  return behind.first(static_cast<std::size_t>(*count));
}

// Calls visit(name, use) for each key among a request's words, in order, as its row declares them.
// The one place that knows; execution and COMMAND GETKEYS go through it.
template <class Visit>
void for_each_key(const Command& command, protocol::Words words, Visit&& visit) {
  const KeySpec& keys = command.keys;
  if (keys.first == 0) return;
  if (keys.counted != 0) [[unlikely]] {
    if (keys.first < keys.counted) visit(words[static_cast<std::size_t>(keys.first)], keys.use);
    for (const std::string_view& name : counted_keys_of(keys, words)) visit(name, keys.use_rest);
    return;
  }
  const auto count = static_cast<std::ptrdiff_t>(words.size());
  const std::ptrdiff_t last = keys.last < 0 ? count + keys.last : keys.last;
  for (std::ptrdiff_t i = keys.first; i <= last && i < count; i += keys.step) {
    const bool rest = i != keys.first && keys.use_rest != 0;
    visit(words[static_cast<std::size_t>(i)], rest ? keys.use_rest : keys.use);
  }
}

// Whether it is one of the names, which stand with spaces between them; any case.
inline bool is_one_of(std::string_view word, std::string_view names) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    if (equal_any_case(word, names.substr(0, end))) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

// The request goes without the options that its keys' full use depends on. Options follow the words
// that every request of the command has.
inline bool lacks_key_option(const Command& command, protocol::Words words) {
  const std::string_view options = command.keys.options;
  if (options.empty()) return false;
  const auto fixed = static_cast<std::size_t>(std::abs(command.arity.words));
  return std::none_of(words.begin() + static_cast<std::ptrdiff_t>(fixed), words.end(),
                      [&](std::string_view word) { return is_one_of(word, options); });
}

// What this request needs of its keys.
inline Need need_of(const Command& command, protocol::Words words) {
  if ((command.flags & kMovesDeadlines) != 0) return Need::touch;
  if ((command.flags & kKeysOnly) == 0) return Need::value;
  const bool option = !command.keys.options.empty() && !lacks_key_option(command, words);
  return option ? Need::value : Need::key;
}

// for_each_key with what this very request does with its keys: less than the row says, if it goes
// without an option. Its words fit the row's arity.
template <class Visit>
void for_each_key_use(const Command& command, protocol::Words words, Visit&& visit) {
  const bool less = lacks_key_option(command, words);
  for_each_key(command, words, [&](const std::string_view& name, KeyUse use) {
    visit(name, less ? command.keys.use_without_option : use);
  });
}

}  // namespace sojourn::server
