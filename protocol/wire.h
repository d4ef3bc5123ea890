#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

// What the parsers and writers share: lines, numbers and headers as RESP has them.
namespace sojourn::protocol {

inline bool is_crlf(const char* at) { return std::memcmp(at, "\r\n", 2) == 0; }

// A 64-bit integer in the only form that counts and lengths may have: digits without a leading
// zero, "-" the only sign, no "-0".
std::optional<std::int64_t> parse_length(std::string_view text);

// The outcome of looking for a line that ends in CRLF.
struct Line {
  enum class State {
    incomplete,  // no CRLF yet
    too_long,    // no CR within the longest line allowed
    broken,      // a CR that no LF follows
    whole,
  };
  State state;
  // whole: bytes before CRLF. incomplete: bytes that need not be looked at again.
  std::size_t size;
};

// Finds the line at the start of `input`, of which the first `scanned` bytes hold no CR.
Line find_line(std::string_view input, std::size_t scanned, std::size_t line_bytes_max);

// Appends a type byte, a number and CRLF: "$512\r\n".
void append_header(std::string& out, char type, std::uint64_t number);

}  // namespace sojourn::protocol
