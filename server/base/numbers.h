#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sojourn::server {

// A 64-bit integer written as Redis accepts it: no sign but '-', no leading zeros or spaces.
std::optional<std::int64_t> parse_integer(std::string_view text);
// A float as Redis's strtold-based commands accept it (also inf; not nan, no spaces, no empty
// text).
std::optional<long double> parse_real(std::string_view text);
// The same as a double: what Redis takes for a score.
std::optional<double> parse_double(std::string_view text);
// As Redis prints INCRBYFLOAT's result: %.17Lf without trailing zeros.
std::string format_real(long double value);
bool equal_any_case(std::string_view a, std::string_view b);
std::string lower_case(std::string_view text);

}  // namespace sojourn::server
