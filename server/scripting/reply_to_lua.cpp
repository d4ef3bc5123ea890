#include <charconv>
#include <limits>

#include "protocol/limits.h"
#include "server/base/check.h"
#include "server/base/numbers.h"
#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

// Reads what our own writer wrote, and pushes it.
class ReplyPusher {
 public:
  ReplyPusher(lua_State* lua, std::string_view reply) : lua_(lua), rest_(reply) {}

  void push() {
    luaL_checkstack(lua_, 6, "a reply that nests too deeply");
    const std::string_view line = take_line();
    const std::string_view text = line.substr(1);
    switch (line.front()) {
      case '+':
        return push_field("ok", text);
      case '-':
        push_error(lua_, line);
        lua_pushboolean(lua_, 1);
        return lua_setfield(lua_, -2, "ignore_error_stats_update");
      case ':':
        return lua_pushnumber(lua_, static_cast<lua_Number>(number(text)));
      case '$':
        return push_bulk(number(text));
      case '*':
        return push_array(number(text));
      case '_':
        return lua_pushnil(lua_);
      case '#':
        return lua_pushboolean(lua_, text == "t");
      case ',':
        lua_createtable(lua_, 0, 1);
        lua_pushnumber(lua_, real(text));
        return lua_setfield(lua_, -2, "double");
      case '(':
        return push_field("big_number", text);
      case '=':
        return push_verbatim(number(text));
      case '%':
        return push_map(number(text));
      case '~':
      case '>':
        return push_set(number(text));
      default:
        CHECK(!"a reply of no type");
    }
  }

 private:
  std::string_view take(std::size_t bytes) {
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes + 2);
    return taken;
  }
  std::string_view take_line() { return take(rest_.find('\r')); }

  static std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  static double real(std::string_view text) {
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    return parse_double(text).value_or(0);
  }

  void push_field(const char* name, std::string_view text) {
    lua_createtable(lua_, 0, 1);
    push_view(lua_, text);
    lua_setfield(lua_, -2, name);
  }
  // A null is false, as scripts have known it since there was nothing else.
  void push_bulk(std::int64_t bytes) {
    if (bytes < 0) return lua_pushboolean(lua_, 0);
    push_view(lua_, take(static_cast<std::size_t>(bytes)));
  }
  void push_array(std::int64_t count) {
    if (count < 0) return lua_pushboolean(lua_, 0);
    lua_createtable(lua_, static_cast<int>(count), 0);
    for (int i = 1; i <= count; ++i) {
      push();
      lua_rawseti(lua_, -2, i);
    }
  }
  void push_verbatim(std::int64_t bytes) {
    const std::string_view text = take(static_cast<std::size_t>(bytes));
    lua_createtable(lua_, 0, 1);
    lua_createtable(lua_, 0, 2);
    push_view(lua_, text.substr(4));
    lua_setfield(lua_, -2, "string");
    push_view(lua_, text.substr(0, 3));
    lua_setfield(lua_, -2, "format");
    lua_setfield(lua_, -2, "verbatim_string");
  }
  void push_map(std::int64_t pairs) {
    lua_createtable(lua_, 0, 1);
    lua_createtable(lua_, 0, static_cast<int>(pairs));
    for (std::int64_t i = 0; i < pairs; ++i) {
      push();
      push();
      lua_rawset(lua_, -3);
    }
    lua_setfield(lua_, -2, "map");
  }
  void push_set(std::int64_t count) {
    lua_createtable(lua_, 0, 1);
    lua_createtable(lua_, 0, static_cast<int>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      push();
      lua_pushboolean(lua_, 1);
      lua_rawset(lua_, -3);
    }
    lua_setfield(lua_, -2, "set");
  }

  lua_State* lua_;
  std::string_view rest_;
};

}  // namespace

void push_reply(lua_State* lua, std::string_view reply) { ReplyPusher(lua, reply).push(); }

}  // namespace sojourn::server
