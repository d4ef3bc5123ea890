#include "protocol/wire.h"

#include <algorithm>
#include <charconv>

namespace sojourn::protocol {

std::optional<std::int64_t> parse_length(std::string_view text) {
  if (text == "0") return 0;
  const std::size_t sign = text.starts_with('-') ? 1 : 0;
  if (text.size() == sign || text[sign] == '0') return std::nullopt;
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return value;
}

Line find_line(std::string_view input, std::size_t scanned, std::size_t line_bytes_max) {
  using State = Line::State;
  const std::size_t window = std::min(input.size(), line_bytes_max + 1);
  const std::size_t end = input.substr(0, window).find('\r', scanned);
  if (end == std::string_view::npos) {
    return {input.size() > line_bytes_max ? State::too_long : State::incomplete, window};
  }
  if (end + 1 == input.size()) return {State::incomplete, end};
  return {input[end + 1] == '\n' ? State::whole : State::broken, end};
}

void append_header(std::string& out, char type, std::uint64_t number) {
  char header[24];  // a type, up to 20 digits, CRLF
  header[0] = type;
  char* end = header + 1;
  if (number < 10) {
    *end++ = static_cast<char>('0' + number);
  } else {
    end = std::to_chars(end, header + sizeof(header), number).ptr;
  }
  *end++ = '\r';
  *end++ = '\n';
  out.append(header, static_cast<std::size_t>(end - header));
}

}  // namespace sojourn::protocol
