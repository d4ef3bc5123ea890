#include "server/base/numbers.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sojourn::server {
namespace {

// The longest float there is, 4933 digits before the point and 17 behind it, fits.
constexpr std::size_t kRealCharsMax = 5 * 1024;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text == "0") return 0;
  const std::size_t first_digit = text.starts_with('-') ? 1 : 0;
  if (text.size() == first_digit || text[first_digit] < '1' || text[first_digit] > '9') return {};
  std::int64_t value;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return {};
  return value;
}

namespace {

// As strtod and its like read it, but for spaces and what is none.
template <class Real>
std::optional<Real> parse_with(Real (*read)(const char*, char**), std::string_view text) {
  std::array<char, kRealCharsMax> copy;
  if (text.empty() || text.size() >= copy.size() || is_space(text.front())) return {};
  std::memcpy(copy.data(), text.data(), text.size());
  copy[text.size()] = '\0';
  errno = 0;
  char* stop = nullptr;
  const Real value = read(copy.data(), &stop);
  if (stop != copy.data() + text.size() || std::isnan(value)) return {};
  // A denormal result sets ERANGE too, and is a number.
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return {};
  return value;
}

}  // namespace

std::optional<long double> parse_real(std::string_view text) {
  return parse_with(std::strtold, text);
}

std::optional<double> parse_double(std::string_view text) { return parse_with(std::strtod, text); }

std::string format_real(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, kRealCharsMax> digits;
  const int length = std::snprintf(digits.data(), digits.size(), "%.17Lf", value);
  std::string_view text(digits.data(), static_cast<std::size_t>(length));
  text = text.substr(0, text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.remove_suffix(1);
  return text == "-0" ? "0" : std::string(text);
}

bool equal_any_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = lower(c);
  return lowered;
}

}  // namespace sojourn::server
