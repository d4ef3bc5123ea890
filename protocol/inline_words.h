#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sojourn::protocol {

enum class InlineSplit { whole, unbalanced_quotes, too_many_words };

// Splits an inline request's line (without its end) as redis-cli users and configuration files
// know it: words between white space; "double quotes" with \n \r \t \b \a \xHH and \ before any
// other byte for the byte itself; 'single quotes' with \' alone. A quote may open in the middle of
// a word, and one that closes must be followed by white space or the line's end.
//
// `words` gets views of `line`, and of `unquoted` for words that had quotes; both are replaced.
InlineSplit split_inline(std::string_view line, std::size_t words_max,
                         std::vector<std::string_view>& words, std::string& unquoted);

}  // namespace sojourn::protocol
