#include "server/scripting/json_reader.h"

#include <cstdlib>
#include <optional>

#include "server/base/numbers.h"
#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

class JsonReader {
 public:
  JsonReader(lua_State* lua, std::string_view text)
      : lua_(lua), settings_(context_of(lua).json), text_(text), string_(lua) {}

  void read() {
    next();
    read_value();
    next();
    if (token_.kind != Kind::end) expected("the end");
  }

 private:
  enum class Kind : std::uint8_t {
    object_begin,
    object_end,
    array_begin,
    array_end,
    string,
    number,
    boolean,
    null,
    colon,
    comma,
    end,
    error,  // `found` says what is wrong
  };
  struct Token {
    Kind kind = Kind::end;
    std::size_t at = 0;
    double number = 0;  // or a boolean
    const char* found = "";
  };

  char character() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void expected(const char* what) {
    luaL_error(lua_, "Expected %s but found %s at character %d", what, token_.found,
               static_cast<int>(token_.at + 1));
  }
  void fail(const char* why, std::size_t at) {
    token_ = {.kind = Kind::error, .at = at, .found = why};
  }
  void set(Kind kind, const char* name, std::size_t bytes, double number = 0) {
    token_ = {.kind = kind, .at = at_, .number = number, .found = name};
    at_ += bytes;
  }

  void next() {
    spend(lua_, kWorkOfValue);
    skip_space();
    if (character() == '\0') return set(Kind::end, "T_END", 0);
    switch (character()) {
      case '{':
        return set(Kind::object_begin, "T_OBJ_BEGIN", 1);
      case '}':
        return set(Kind::object_end, "T_OBJ_END", 1);
      case '[':
        return set(Kind::array_begin, "T_ARR_BEGIN", 1);
      case ']':
        return set(Kind::array_end, "T_ARR_END", 1);
      case ':':
        return set(Kind::colon, "T_COLON", 1);
      case ',':
        return set(Kind::comma, "T_COMMA", 1);
      case '"':
        return next_string();
      default:
        return next_word();
    }
  }
  void skip_space() {
    for (; at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos;
         ++at_) {
      spend(lua_, 1);
    }
  }
  void next_word() {
    const std::string_view rest = text_.substr(at_);
    const char c = rest.front();
    if (c == '-' || (c >= '0' && c <= '9')) {
      if (!settings_.decode_invalid_numbers && is_odd_number(rest)) {
        return fail("invalid number", at_);
      }
      return next_number();
    }
    if (rest.starts_with("true")) return set(Kind::boolean, "T_BOOLEAN", 4, 1);
    if (rest.starts_with("false")) return set(Kind::boolean, "T_BOOLEAN", 5, 0);
    if (rest.starts_with("null")) return set(Kind::null, "T_NULL", 4);
    if (settings_.decode_invalid_numbers && is_odd_number(rest)) return next_number();
    fail("invalid token", at_);
  }
  // What strtod takes and JSON does not: infinity, nan, hexadecimal digits, zeros in front.
  static bool is_odd_number(std::string_view rest) {
    if (rest.starts_with('+')) return true;
    if (rest.starts_with('-')) rest.remove_prefix(1);
    if (rest.starts_with('0')) {
      const char c = rest.size() > 1 ? rest[1] : '\0';
      return c == 'x' || c == 'X' || (c >= '0' && c <= '9');
    }
    return equal_any_case(rest.substr(0, 3), "inf") || equal_any_case(rest.substr(0, 3), "nan");
  }
  // Lua ends every string with a NUL, so strtod stops.
  void next_number() {
    char* end;
    const double value = std::strtod(text_.data() + at_, &end);
    const auto bytes = static_cast<std::size_t>(end - (text_.data() + at_));
    if (bytes == 0) return fail("invalid number", at_);
    spend(lua_, bytes);
    set(Kind::number, "T_NUMBER", bytes, value);
  }

  void next_string() {
    const std::size_t begin = at_++;
    string_.clear();
    while (true) {
      const char c = character();
      if (c == '\0') return fail("unexpected end of string", at_);
      if (c == '"') break;
      if (c == '\\') {
        if (!take_escape()) return;
        continue;
      }
      string_.add(c);
      ++at_;
    }
    ++at_;
    token_ = {.kind = Kind::string, .at = begin, .found = "T_STRING"};
  }
  bool take_escape() {
    constexpr std::string_view kEscaped = "\"\\/bfnrt", kPlain = "\"\\/\b\f\n\r\t";
    const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (c == 'u') {
      if (take_unicode()) return true;
      fail("invalid unicode escape code", at_);
      return false;
    }
    const std::size_t which = kEscaped.find(c);
    if (c == '\0' || which == kEscaped.npos) {
      fail("invalid escape code", at_);
      return false;
    }
    string_.add(kPlain[which]);
    at_ += 2;
    return true;
  }
  std::optional<std::uint32_t> hex4(std::size_t at) const {
    if (at + 4 > text_.size()) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : text_.substr(at, 4)) {
      const std::size_t digit = std::string_view("0123456789abcdef0123456789ABCDEF").find(c);
      if (digit == std::string_view::npos) return std::nullopt;
      value = value << 4 | (digit & 15);
    }
    return value;
  }
  bool take_unicode() {
    auto code = hex4(at_ + 2);
    if (!code) return false;
    std::size_t bytes = 6;
    if ((*code & 0xf800) == 0xd800) {  // the first half of a pair; the second alone is nothing
      if ((*code & 0x400) != 0 || text_.substr(at_ + 6, 2) != "\\u") return false;
      const auto low = hex4(at_ + 8);
      if (!low || (*low & 0xfc00) != 0xdc00) return false;
      code = 0x10000 + ((*code & 0x3ff) << 10 | (*low & 0x3ff));
      bytes = 12;
    }
    append_utf8(*code);
    at_ += bytes;
    return true;
  }
  void append_utf8(std::uint32_t code) {
    const auto add = [this](std::uint32_t byte) { string_.add(static_cast<char>(byte)); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
      add(0xc0 | code >> 6);
    } else {
      if (code < 0x10000) {
        add(0xe0 | code >> 12);
      } else {
        add(0xf0 | code >> 18);
        add(0x80 | (code >> 12 & 0x3f));
      }
      add(0x80 | (code >> 6 & 0x3f));
    }
    add(0x80 | (code & 0x3f));
  }

  void read_value() {
    switch (token_.kind) {
      case Kind::string:
        return push_view(lua_, string_.view());
      case Kind::number:
        return lua_pushnumber(lua_, token_.number);
      case Kind::boolean:
        return lua_pushboolean(lua_, token_.number != 0);
      case Kind::null:
        return lua_pushlightuserdata(lua_, nullptr);
      case Kind::object_begin:
        return read_object();
      case Kind::array_begin:
        return read_array();
      default:
        expected("value");
    }
  }
  void descend() {
    ++depth_;
    if (depth_ <= settings_.decode_depth_max && lua_checkstack(lua_, 5) != 0) return;
    luaL_error(lua_, "Found too many nested data structures (%d) at character %d", depth_,
               static_cast<int>(at_));
  }
  void read_object() {
    descend();
    lua_newtable(lua_);
    next();
    if (token_.kind == Kind::object_end) return ascend();
    while (true) {
      if (token_.kind != Kind::string) expected("object key string");
      push_view(lua_, string_.view());
      next();
      if (token_.kind != Kind::colon) expected("colon");
      next();
      read_value();
      lua_rawset(lua_, -3);
      next();
      if (token_.kind == Kind::object_end) return ascend();
      if (token_.kind != Kind::comma) expected("comma or object end");
      next();
    }
  }
  void read_array() {
    descend();
    lua_newtable(lua_);
    next();
    if (token_.kind == Kind::array_end) return ascend();
    for (int i = 1;; ++i) {
      read_value();
      lua_rawseti(lua_, -2, i);
      next();
      if (token_.kind == Kind::array_end) return ascend();
      if (token_.kind != Kind::comma) expected("comma or array end");
      next();
    }
  }
  void ascend() { --depth_; }

  lua_State* lua_;
  const JsonSettings& settings_;
  std::string_view text_;
  std::size_t at_ = 0;
  Token token_;
  BoundedText string_;
  int depth_ = 0;
};

}  // namespace

void read_json(lua_State* lua, std::string_view text) {
  if (text.size() >= 2 && (text[0] == '\0' || text[1] == '\0')) {
    luaL_error(lua, "JSON parser does not support UTF-16 or UTF-32");
  }
  JsonReader(lua, text).read();
}

}  // namespace sojourn::server
