#pragma once

#include <string_view>

namespace sojourn::server {

// Whether `text` fits the pattern as Redis understands it: * ? [abc] [^a] [a-z] and backslash. Runs
// in O(pattern x text) at worst, without recursion, whatever the pattern (CVE-2022-36021,
// 2024-31228).
bool glob_match(std::string_view pattern, std::string_view text, bool any_case = false);

}  // namespace sojourn::server
