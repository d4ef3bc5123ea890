#include "protocol/reply_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "protocol/large_memory.h"
#include "protocol/wire.h"

namespace sojourn::protocol {
namespace {

bool is_line_end(char c) { return c == '\r' || c == '\n'; }

// Appends `text` so that it cannot end its line before its time.
void append_line(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out.append(text);
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_line_end, ' ');
  out.append("\r\n", 2);
}

// Buffers are big enough for any 64-bit integer, and for 17 digits with point, zeros and exponent.
std::string_view print(std::int64_t value, char (&buffer)[32]) {
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr};
}

// Shortest digits and exponent of a finite number other than zero: 1.25e-7 is "125" and -9.
struct Decimal {
  char digits[32];
  int count = 0;
  int exponent = 0;
};

Decimal shortest(double magnitude) {
  char text[32];
  const char* const end =
      std::to_chars(text, text + sizeof(text), magnitude, std::chars_format::scientific).ptr;
  const char* const e = std::find(text, const_cast<char*>(end), 'e');
  Decimal decimal;
  for (const char* at = text; at != e; ++at) {
    if (*at != '.') decimal.digits[decimal.count++] = *at;
  }
  std::from_chars(e + (e[1] == '+' ? 2 : 1), end, decimal.exponent);
  decimal.exponent -= decimal.count - 1;
  return decimal;
}

// Where Redis 7.2 switches between 0.0001, 12.5, 1200 and 1.2e+30.
std::string layout(const Decimal& decimal) {
  const std::string digits(decimal.digits, static_cast<std::size_t>(decimal.count));
  const int point = decimal.count + decimal.exponent;  // digits before the decimal point
  const int scientific = std::abs(point - 1);
  if (decimal.exponent >= 0 && scientific < decimal.count + 7) {
    return digits + std::string(static_cast<std::size_t>(decimal.exponent), '0');
  }
  if (decimal.exponent < 0 && (decimal.exponent > -7 || scientific < 4)) {
    if (point <= 0) return "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
    return std::string(digits).insert(static_cast<std::size_t>(point), ".");
  }
  std::string text = digits.substr(0, 1);
  if (decimal.count > 1) text.append(".").append(digits, 1);
  return text.append(point > 0 ? "e+" : "e-").append(std::to_string(scientific));
}

}  // namespace

std::string print_real(double value) {
  if (std::isnan(value)) return "nan";
  const std::string sign = std::signbit(value) ? "-" : "";
  if (std::isinf(value)) return sign + "inf";
  if (value == 0) return sign + "0";
  // Whole numbers that 64 bits hold with room to spare are printed in full.
  constexpr double kWhole = 4611686018427387904;  // 2^62
  if (std::abs(value) <= kWhole && std::trunc(value) == value) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  return sign + layout(shortest(std::abs(value)));
}

void ReplyWriter::grow(std::size_t bytes) {
  if (spare_ == nullptr || !is_worth_taking(spare_->capacity(), bytes)) return out_.reserve(bytes);
  spare_->assign(out_);
  spare_->swap(out_);
  spare_->clear();
}

void ReplyWriter::simple(std::string_view text) {
  out_.push_back('+');
  append_line(out_, text);
}

void ReplyWriter::error(std::string_view text) {
  out_.push_back('-');
  append_line(out_, text);
}

void ReplyWriter::integer(std::int64_t value) {
  if (value >= 0) return append_header(out_, ':', static_cast<std::uint64_t>(value));
  char buffer[32];
  out_.append(":", 1).append(print(value, buffer)).append("\r\n", 2);
}

void ReplyWriter::unsigned_integer(std::uint64_t value) { append_header(out_, ':', value); }

// Room for all of it first: else the last two bytes would have a large one copied once more.
void ReplyWriter::bulk(std::string_view bytes) {
  append_header(out_, '$', bytes.size());
  if (out_.capacity() - out_.size() < bytes.size() + 2) grow(out_.size() + bytes.size() + 2);
  out_.append(bytes).append("\r\n", 2);
}

void ReplyWriter::bulk_integer(std::int64_t value) {
  char buffer[32];
  bulk(print(value, buffer));
}

void ReplyWriter::null() { out_.append(version_ == Version::resp3 ? "_\r\n" : "$-1\r\n"); }

void ReplyWriter::null_array() { out_.append(version_ == Version::resp3 ? "_\r\n" : "*-1\r\n"); }

void ReplyWriter::array(std::size_t count) { append_header(out_, '*', count); }

void ReplyWriter::map(std::size_t pairs) {
  if (version_ == Version::resp3) return append_header(out_, '%', pairs);
  append_header(out_, '*', pairs * 2);
}

void ReplyWriter::set(std::size_t count) {
  append_header(out_, version_ == Version::resp3 ? '~' : '*', count);
}

void ReplyWriter::push(std::size_t count) {
  append_header(out_, version_ == Version::resp3 ? '>' : '*', count);
}

void ReplyWriter::real(double value) {
  const std::string text = print_real(value);
  if (version_ == Version::resp2) return bulk(text);
  out_.append(",", 1).append(text).append("\r\n", 2);
}

void ReplyWriter::boolean(bool value) {
  if (version_ == Version::resp3) {
    out_.append(value ? "#t\r\n" : "#f\r\n");
  } else {
    out_.append(value ? ":1\r\n" : ":0\r\n");
  }
}

void ReplyWriter::big_number(std::string_view digits) {
  if (version_ == Version::resp2) return bulk(digits);
  out_.push_back('(');
  append_line(out_, digits);
}

void ReplyWriter::verbatim(std::string_view format, std::string_view text) {
  if (version_ == Version::resp2) return bulk(text);
  append_header(out_, '=', format.size() + 1 + text.size());
  out_.append(format).append(":", 1).append(text).append("\r\n", 2);
}

void ReplyWriter::raw(std::string_view bytes) { out_.append(bytes); }

}  // namespace sojourn::protocol
