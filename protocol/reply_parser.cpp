#include "protocol/reply_parser.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "protocol/wire.h"

namespace sojourn::protocol {
namespace {

// An aggregate's elements are set aside up to this many at once; a longer one grows as they come.
constexpr std::size_t kElementsAtOnce = 64;

// Any integer a server may print, "+" and leading zeros included.
std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == "inf" || text == "+inf") return kInfinity;
  if (text == "-inf") return -kInfinity;
  if (text == "nan" || text == "-nan") return std::numeric_limits<double>::quiet_NaN();
  // from_chars knows further names for these, RESP does not.
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool is_big_number(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Reply::Type aggregate_type(char type) {
  switch (type) {
    case '~':
      return Reply::Type::set;
    case '>':
      return Reply::Type::push;
    case '*':
      return Reply::Type::array;
    default:
      return Reply::Type::map;
  }
}

}  // namespace

ReplyParser::ReplyParser(std::size_t bulk_bytes_max, std::size_t elements_max)
    : bulk_bytes_max_(bulk_bytes_max), elements_max_(elements_max) {}

ReplyParser::Status ReplyParser::parse(std::string_view input) {
  if (!error_.empty()) return Status::error;
  while (true) {
    switch (step(input)) {
      case Step::need_more:
        return Status::need_more;
      case Step::failed:
        return Status::error;
      case Step::opened:
        break;
      case Step::value:
        if (!close()) break;
        consumed_ = std::exchange(position_, 0);
        elements_ = 0;
        return Status::reply;
    }
  }
}

Reply ReplyParser::take() { return std::exchange(reply_, {}); }

void ReplyParser::reset() {
  open_.clear();
  reply_ = {};
  error_ = {};
  position_ = 0;
  scanned_ = 0;
  elements_ = 0;
  body_.reset();
}

ReplyParser::Step ReplyParser::step(std::string_view input) {
  return body_ ? read_body(input) : read_header(input);
}

ReplyParser::Step ReplyParser::read_header(std::string_view input) {
  if (position_ >= input.size()) return wait_for(position_ + 1);
  const Line line = find_line(input.substr(position_), scanned_, kReplyLineBytesMax);
  switch (line.state) {
    case Line::State::incomplete:
      scanned_ = line.size;
      return wait_for(input.size() + 1);
    case Line::State::too_long:
      return fail("a line is too long");
    case Line::State::broken:
      return fail("a line ends in CR without LF");
    case Line::State::whole:
      break;
  }
  const std::string_view text = input.substr(position_, line.size);
  if (text.empty()) return fail("an empty line where a reply should begin");
  position_ += line.size + 2;
  scanned_ = 0;
  return take_line(text.front(), text.substr(1));
}

ReplyParser::Step ReplyParser::take_line(char type, std::string_view line) {
  switch (type) {
    case '$':
    case '!':
    case '=':
      return begin_body(type, line);
    case '*':
    case '%':
    case '~':
    case '>':
    case '|':
      return open(type, line);
    case '+':
      return take_text(Reply::Type::simple, line);
    case '-':
      return take_text(Reply::Type::error, line);
    case ':':
      return take_integer(line);
    case ',':
      return take_real(line);
    case '#':
      if (line != "t" && line != "f") return fail("a boolean is neither t nor f");
      reply_ = {.type = Reply::Type::boolean, .integer = line == "t"};
      return Step::value;
    case '(':
      if (!is_big_number(line)) return fail("a big number has other bytes than digits");
      return take_text(Reply::Type::big_number, line);
    case '_':
      if (!line.empty()) return fail("a null is not empty");
      reply_ = {};
      return Step::value;
    default:
      return fail("an unknown type of reply");
  }
}

ReplyParser::Step ReplyParser::take_text(Reply::Type type, std::string_view text) {
  if (text.find('\n') != std::string_view::npos) return fail("a line ends in LF without CR");
  reply_ = {.type = type, .text = std::string(text)};
  return Step::value;
}

ReplyParser::Step ReplyParser::take_integer(std::string_view text) {
  const std::optional<std::int64_t> value = parse_integer(text);
  if (!value) return fail("an integer is not one of 64 bits");
  reply_ = {.type = Reply::Type::integer, .integer = *value};
  return Step::value;
}

ReplyParser::Step ReplyParser::take_real(std::string_view text) {
  const std::optional<double> value = parse_real(text);
  if (!value) return fail("a double is not one");
  reply_ = {.type = Reply::Type::real, .real = *value};
  return Step::value;
}

ReplyParser::Step ReplyParser::begin_body(char type, std::string_view length) {
  const std::optional<std::int64_t> bytes = parse_length(length);
  if (bytes == -1 && type == '$') {
    reply_ = {};
    return Step::value;
  }
  if (!bytes || *bytes < 0) return fail("a string's length is invalid");
  if (static_cast<std::uint64_t>(*bytes) > bulk_bytes_max_) return fail("a string is too long");
  body_ = Body{type, static_cast<std::size_t>(*bytes)};
  return Step::opened;
}

ReplyParser::Step ReplyParser::read_body(std::string_view input) {
  const auto [type, bytes] = *body_;
  if (input.size() < position_ + bytes + 2) return wait_for(position_ + bytes + 2);
  std::string_view text = input.substr(position_, bytes);
  if (!is_crlf(input.data() + position_ + bytes)) return fail("a string lacks its CRLF");
  reply_ = {.type = type == '$' ? Reply::Type::bulk : Reply::Type::error};
  if (type == '=') {
    if (text.size() < 4 || text[3] != ':') return fail("a verbatim string lacks its format");
    text.remove_prefix(4);
    reply_.type = Reply::Type::verbatim;
  }
  reply_.text = text;
  position_ += bytes + 2;
  body_.reset();
  return Step::value;
}

ReplyParser::Step ReplyParser::open(char type, std::string_view length) {
  const std::optional<std::int64_t> count = parse_length(length);
  if (count == -1 && type == '*') {
    reply_ = {};
    return Step::value;
  }
  if (!count || *count < 0) return fail("an aggregate's length is invalid");
  if (type == '>' && !open_.empty()) return fail("a push within another reply");
  if (open_.size() == kReplyDepthMax) return fail("replies are nested too deeply");

  const bool pairs = type == '%' || type == '|';
  const std::size_t room = elements_max_ - elements_;
  if (static_cast<std::uint64_t>(*count) > (pairs ? room / 2 : room)) {
    return fail("a reply has too many elements");
  }
  const std::size_t elements = static_cast<std::size_t>(*count) * (pairs ? 2 : 1);
  elements_ += elements;
  if (type == '|') {
    // Even empty attributes count: a reply that never comes must not grow for ever.
    if (elements_ == elements_max_) return fail("a reply has too many elements");
    ++elements_;
    if (elements == 0) return Step::opened;
  } else if (elements == 0) {
    reply_ = {.type = aggregate_type(type)};
    return Step::value;
  }
  open_.push_back({{.type = aggregate_type(type)}, elements, type == '|'});
  open_.back().reply.elements.reserve(std::min(elements, kElementsAtOnce));
  return Step::opened;
}

// Puts the value in reply_ where it belongs. True when that makes the whole reply, now in reply_.
bool ReplyParser::close() {
  while (!open_.empty()) {
    Open& parent = open_.back();
    parent.reply.elements.push_back(std::move(reply_));
    if (--parent.missing > 0) return false;
    reply_ = std::move(parent.reply);
    const bool dropped = parent.attribute;
    open_.pop_back();
    // What an attribute speaks of follows it, and takes its place.
    if (dropped) return false;
  }
  return true;
}

ReplyParser::Step ReplyParser::wait_for(std::size_t bytes) {
  bytes_wanted_ = bytes;
  return Step::need_more;
}

ReplyParser::Step ReplyParser::fail(std::string_view why) {
  error_ = why;
  return Step::failed;
}

}  // namespace sojourn::protocol
