#include <algorithm>
#include <string>

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

// Writes values as replies. A small table may be there so often that it is a large reply.
class ValueWriter {
 public:
  ValueWriter(lua_State* lua, BoundedText& out, protocol::Version version)
      : lua_(lua), out_(out), reply_(out.buffer(), version) {}

  // Pops the value.
  void write() {
    make_room(0);
    if (lua_checkstack(lua_, 6) == 0) {
      reply_.error("ERR reached lua stack limit");
      return lua_pop(lua_, 1);
    }
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        make_room(text().size());
        reply_.bulk(text());
        break;
      case LUA_TBOOLEAN:
        write_boolean();
        break;
      case LUA_TNUMBER:
        reply_.integer(lua_tointeger(lua_, -1));
        break;
      case LUA_TTABLE:
        if (write_named()) {
          lua_pop(lua_, 1);
        } else {
          write_array();
        }
        break;
      default:
        reply_.null();
    }
    lua_pop(lua_, 1);
  }

 private:
  // For what a reply has beside its text, too.
  void make_room(std::size_t bytes) {
    constexpr std::size_t kFrame = 64;
    out_.make_room(bytes + kFrame);
  }
  std::string_view text() { return to_view(lua_, -1); }
  std::string_view error_text() {
    const std::string_view error = until_nul(text());
    return error.substr(0, error.find_last_not_of("\r\n") + 1);
  }

  // A script that never chose RESP3 says true and false as it did before there were any: 1 and
  // null.
  void write_boolean() {
    const bool value = lua_toboolean(lua_, -1) != 0;
    if (context_of(lua_).version == protocol::Version::resp3) return reply_.boolean(value);
    value ? reply_.integer(1) : reply_.null();
  }

  // Pushes a field of the table at the top. True if it is of this type; otherwise it is popped.
  bool push_field(const char* name, int type) {
    lua_pushstring(lua_, name);
    lua_rawget(lua_, -2);
    if (lua_type(lua_, -1) == type) return true;
    lua_pop(lua_, 1);
    return false;
  }
  bool push_text_field(const char* name) {
    if (!push_field(name, LUA_TSTRING)) return false;
    make_room(text().size());
    return true;
  }

  std::size_t count_pairs() {
    look_at_time(lua_);  // for nobody knows how many of its places are empty
    std::size_t pairs = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; lua_pop(lua_, 1)) {
      spend(lua_, kWorkOfValue);
      ++pairs;
    }
    return pairs;
  }
  // The table at the top; the keys of a set are its members.
  void write_pairs(bool values) {
    const std::size_t pairs = count_pairs();
    values ? reply_.map(pairs) : reply_.set(pairs);
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      lua_pushvalue(lua_, -2);
      write();
      if (values) {
        write();
      } else {
        lua_pop(lua_, 1);
      }
    }
  }

  void write_array() {
    int count = 0;
    while (true) {
      lua_rawgeti(lua_, -1, count + 1);
      const bool end = lua_isnil(lua_, -1);
      lua_pop(lua_, 1);
      if (end) break;
      spend(lua_, kWorkOfValue);
      ++count;
    }
    reply_.array(static_cast<std::size_t>(count));
    for (int i = 1; i <= count; ++i) {
      lua_rawgeti(lua_, -1, i);
      write();
    }
  }

  // It is a line, also where it is written as a text.
  void write_big_number() {
    constexpr std::ptrdiff_t kLineEnd = 2;
    reply_.big_number(text());
    const auto end = out_.buffer().end() - kLineEnd;
    const auto is_line_end = [](char c) { return c == '\r' || c == '\n'; };
    std::replace_if(end - static_cast<std::ptrdiff_t>(text().size()), end, is_line_end, ' ');
  }

  // True when it stands for something with a name: the field is then on the top.
  bool write_verbatim() {
    if (!push_field("verbatim_string", LUA_TTABLE)) return false;
    bool whole = false;
    if (push_field("format", LUA_TSTRING)) {
      std::string format(text().substr(0, 3));
      format.resize(3, ' ');
      lua_pop(lua_, 1);
      if (push_text_field("string")) {
        reply_.verbatim(format, text());
        lua_pop(lua_, 1);
        whole = true;
      }
    }
    if (!whole) lua_pop(lua_, 1);
    return whole;
  }

  // The same: what was written left its field on the top.
  bool write_named() {
    if (push_text_field("err")) return reply_.error(error_text()), true;
    if (push_text_field("ok")) return reply_.simple(until_nul(text())), true;
    if (push_field("double", LUA_TNUMBER)) return reply_.real(lua_tonumber(lua_, -1)), true;
    if (push_field("map", LUA_TTABLE)) return write_pairs(true), true;
    if (push_field("set", LUA_TTABLE)) return write_pairs(false), true;
    if (push_text_field("big_number")) return write_big_number(), true;
    return write_verbatim();
  }

  lua_State* lua_;
  BoundedText& out_;
  protocol::ReplyWriter reply_;
};

}  // namespace

void write_value(lua_State* lua, BoundedText& reply, protocol::Version version) {
  ValueWriter(lua, reply, version).write();
}

}  // namespace sojourn::server
