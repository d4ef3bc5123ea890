#include "server/config/values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "server/base/numbers.h"

namespace sojourn::server {
namespace {

using Type = Kind::Type;

Error wrong(std::string text) { return {Errc::invalid_argument, std::move(text)}; }

// Built in its place: g++ 12 with ASan takes the move of a temporary variant for a read of what was
// never set.
template <class T>
Result<Value> right(T&& value) {
  return Result<Value>(boost::system::in_place_value, std::forward<T>(value));
}

Result<Value> in_range(const Kind& kind, std::int64_t number) {
  if (number >= kind.min && number <= kind.max) return right(number);
  if (kind.type == Type::octal) {
    return wrong(
        fmt::format("argument must be between {:o} and {:o} inclusive", kind.min, kind.max));
  }
  return wrong(fmt::format("argument must be between {} and {} inclusive", kind.min, kind.max));
}

Result<Value> parse_yes_no(const std::string& word) {
  if (equal_any_case(word, "yes")) return right(true);
  if (equal_any_case(word, "no")) return right(false);
  return wrong("argument must be 'yes' or 'no'");
}

Result<Value> parse_number(const Kind& kind, const std::string& word) {
  const auto number = parse_integer(word);
  if (!number) return wrong("argument couldn't be parsed into an integer");
  return in_range(kind, *number);
}

Result<Value> parse_octal(const Kind& kind, const std::string& word) {
  std::int64_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, number, 8);
  if (error != std::errc{} || stop != end) {
    return wrong("argument couldn't be parsed as an octal number");
  }
  return in_range(kind, number);
}

Result<Value> parse_memory_or_percent(const std::string& word) {
  if (word.ends_with('%')) {
    const auto percent = parse_integer(std::string_view(word).substr(0, word.size() - 1));
    if (!percent || *percent < 0) return wrong("argument must be a memory or percent value");
    if (*percent > 100) return wrong("percentage argument must be less or equal to 100");
    return right(word);
  }
  const auto bytes = parse_memory(word);
  if (!bytes) return wrong("argument must be a memory or percent value");
  return right(std::to_string(*bytes));
}

Result<Value> parse_choice(const Kind& kind, const std::string& word) {
  for (const std::string_view choice : kind.choices) {
    if (equal_any_case(choice, word)) return right(std::string(choice));
  }
  return wrong(
      fmt::format("argument(s) must be one of the following: {}", fmt::join(kind.choices, ", ")));
}

Result<Value> parse_one(const Kind& kind, const std::string& word) {
  switch (kind.type) {
    case Type::yes_no:
      return parse_yes_no(word);
    case Type::number:
      return parse_number(kind, word);
    case Type::memory: {
      const auto bytes = parse_memory(word);
      if (!bytes) return bytes.error();
      return in_range(kind, *bytes);
    }
    case Type::memory_or_percent:
      return parse_memory_or_percent(word);
    case Type::octal:
      return parse_octal(kind, word);
    case Type::choice:
      return parse_choice(kind, word);
    case Type::text:
    case Type::words:
      break;
  }
  return right(word);
}

}  // namespace

Result<std::int64_t> parse_memory(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t bytes;
  };
  constexpr Unit kUnits[] = {{"", 1},
                             {"b", 1},
                             {"k", 1000},
                             {"kb", 1 << 10},
                             {"m", 1000 * 1000},
                             {"mb", 1 << 20},
                             {"g", 1000'000'000},
                             {"gb", 1 << 30}};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + digits, number);
  for (const Unit& unit : kUnits) {
    if (error != std::errc{} || !equal_any_case(text.substr(digits), unit.name)) continue;
    std::int64_t bytes;
    if (__builtin_mul_overflow(number, unit.bytes, &bytes)) break;
    return bytes;
  }
  return wrong("argument must be a memory value");
}

Result<Value> parse_value(const Kind& kind, ConfigWords words) {
  for (const std::string& word : words) {
    // What is kept in C strings must not be longer than it looks.
    if (word.find('\0') != std::string::npos) return wrong("argument must not hold a NUL byte");
  }
  if (words.empty() || (!kind.takes_many() && words.size() != 1)) {
    return wrong("wrong number of arguments");
  }
  if (kind.takes_many() && words.size() == 1 && words.front().empty()) words.clear();
  if (kind.check != nullptr) {
    if (std::string problem = kind.check(words); !problem.empty()) return wrong(std::move(problem));
  }
  if (kind.takes_many()) return right(std::move(words));
  return parse_one(kind, words.front());
}

std::string print_value(const Kind& kind, const Value& value) {
  if (const bool* yes = std::get_if<bool>(&value)) return *yes ? "yes" : "no";
  if (const std::int64_t* number = std::get_if<std::int64_t>(&value)) {
    return kind.type == Type::octal ? fmt::format("{:o}", *number) : std::to_string(*number);
  }
  if (const std::string* text = std::get_if<std::string>(&value)) return *text;
  return fmt::format("{}", fmt::join(std::get<ConfigWords>(value), " "));
}

std::string describe(const Kind& kind) {
  switch (kind.type) {
    case Type::yes_no:
      return "yes|no";
    case Type::number:
      return "<number>";
    case Type::memory:
      return "<bytes>";
    case Type::memory_or_percent:
      return "<bytes>|<n>%";
    case Type::octal:
      return "<octal>";
    case Type::choice:
      return fmt::format("{}", fmt::join(kind.choices, "|"));
    case Type::text:
      return "<text>";
    case Type::words:
      break;
  }
  return "<words>";
}

}  // namespace sojourn::server
