#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sojourn::server {

// The rules that these words are: a selector, "(+get ~a:*)", may come in several words, and is one
// rule. nullopt when one does not end; `unmatched` is then the number of the word it begins with.
std::optional<std::vector<std::string>> join_selectors(std::span<const std::string> words,
                                                       std::size_t& unmatched);

// The same words, which stand with single spaces between them, each quoted if it must be.
std::string quote_each(std::string_view words);
// A selector of these words, so that it reads back.
std::string put_in_brackets(std::string_view words);

// What no user's name and no pattern may have in it.
bool has_space_or_nul(std::string_view text);

}  // namespace sojourn::server
