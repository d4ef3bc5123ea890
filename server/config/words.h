#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sojourn::server {

// The words of one line, by the rules of Redis's inline requests: separated by white space, "..."
// with \n \r \t \b \a \xHH and \" inside, '...' with \' inside; a closing quote ends its word.
// nullopt if the quotes are unbalanced.
std::optional<std::vector<std::string>> split_words(std::string_view line);

// The word as a line may hold it: as it is if that reads back the same, else in double quotes.
std::string quote_word(std::string_view word);

}  // namespace sojourn::server
