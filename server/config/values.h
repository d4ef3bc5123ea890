#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/base/result.h"

namespace sojourn::server {

using ConfigWords = std::vector<std::string>;
// What a directive's words say, in the type its Kind has: yes_no, a number (sizes in bytes), one
// word, or several.
using Value = std::variant<bool, std::int64_t, std::string, ConfigWords>;

// What may stand behind a directive's name. A value, so that a row can say it.
struct Kind {
  enum class Type : std::uint8_t {
    yes_no,
    number,
    memory,
    memory_or_percent,
    octal,
    choice,
    text,
    words
  };
  // Looks at the words once they have the type's form, may bring them into Redis's spelling; what
  // is wrong with them, or "".
  using Check = std::string (*)(ConfigWords& words);

  Type type;
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::span<const std::string_view> choices = {};
  Check check = nullptr;

  bool takes_many() const { return type == Type::words; }
};

// The words' value; an error's detail is Redis's text ("argument must be a memory value").
Result<Value> parse_value(const Kind& kind, ConfigWords words);
// As CONFIG GET shows it: memory in bytes, yes or no, several words with a space between.
std::string print_value(const Kind& kind, const Value& value);
// What is expected, for --help: "yes|no", "0..65535", "<bytes>".
std::string describe(const Kind& kind);

// A size with Redis's units: 1k is 1000, 1kb is 1024; m, mb, g, gb likewise; any case.
Result<std::int64_t> parse_memory(std::string_view text);

}  // namespace sojourn::server
