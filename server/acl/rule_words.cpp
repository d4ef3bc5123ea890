#include "server/acl/rule_words.h"

#include <algorithm>

#include "server/config/words.h"

namespace sojourn::server {

std::optional<std::vector<std::string>> join_selectors(std::span<const std::string> words,
                                                       std::size_t& unmatched) {
  std::vector<std::string> rules;
  bool open = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (open) {
      rules.back().append(" ").append(word);
    } else {
      rules.push_back(word);
      if (word.starts_with('(')) unmatched = i;
    }
    open = (open || word.starts_with('(')) && !word.ends_with(')');
  }
  if (open) return std::nullopt;
  return rules;
}

namespace {

template <class Quote>
std::string change_each(std::string_view words, Quote&& quote) {
  std::string changed;
  for (bool first = true; !words.empty(); first = false) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (!first) changed += ' ';
    changed += quote(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return changed;
}

}  // namespace

std::string quote_each(std::string_view words) { return change_each(words, quote_word); }

std::string put_in_brackets(std::string_view words) {
  return "(" +
         change_each(words,
                     [](std::string_view word) {
                       std::string quoted = quote_word(word);
                       // Would look like the end.
                       return quoted.ends_with(')') ? "'" + quoted + "'" : quoted;
                     }) +
         ")";
}

bool has_space_or_nul(std::string_view text) {
  constexpr std::string_view kRefused(" \t\n\v\f\r\0", 7);
  return text.find_first_of(kRefused) != text.npos;
}

}  // namespace sojourn::server
