// cjson.*: writing JSON, and the settings. Reading it: json_reader.cpp.

#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "server/scripting/json_reader.h"
#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

class JsonWriter {
 public:
  explicit JsonWriter(lua_State* lua) : lua_(lua), settings_(context_of(lua).json), out_(lua) {}

  // The value on the top, which stays.
  void write(int depth) {
    spend(lua_, kWorkOfValue);
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        return write_string(to_view(lua_, -1));
      case LUA_TNUMBER:
        return write_number();
      case LUA_TBOOLEAN:
        return out_.add(lua_toboolean(lua_, -1) != 0 ? "true" : "false");
      case LUA_TTABLE:
        return write_table(depth + 1);
      case LUA_TNIL:
        return out_.add("null");
      case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua_, -1) != nullptr) break;
        return out_.add("null");
      default:
        break;
    }
    fail("type not supported");
  }
  std::string_view text() const { return out_.view(); }

 private:
  void fail(const char* why) {
    luaL_error(lua_, "Cannot serialise %s: %s", luaL_typename(lua_, -1), why);
  }

  void write_string(std::string_view text) {
    out_.add('"');
    for (const char c : text) write_character(c);
    out_.add('"');
  }
  void write_character(char c) {
    constexpr std::string_view kPlain = "\"\\/\b\f\n\r\t", kEscaped = "\"\\/bfnrt";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && c != '"' && c != '\\' && c != '/') {
      out_.add(c);
    } else if (const std::size_t at = kPlain.find(c); at != kPlain.npos) {
      out_.add('\\');
      out_.add(kEscaped[at]);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out_.add(escape);
    }
  }

  void write_number() {
    const double value = lua_tonumber(lua_, -1);
    if (!std::isfinite(value)) {
      if (settings_.encode_null_numbers) return out_.add("null");
      if (!settings_.encode_invalid_numbers) fail("must not be NaN or Inf");
      if (std::isnan(value)) return out_.add("nan");
    }
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.*g", settings_.digits, value);
    out_.add(digits);
  }

  // The last element of the table at the top if its keys are those of an array; -1 if it is an
  // object.
  int array_length() {
    double most = 0;
    double items = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; lua_pop(lua_, 1)) {
      spend(lua_, kWorkOfValue);
      const double key = lua_type(lua_, -2) == LUA_TNUMBER ? lua_tonumber(lua_, -2) : 0;
      if (!(key >= 1 && std::floor(key) == key && key <= INT32_MAX)) {
        lua_pop(lua_, 2);
        return -1;
      }
      most = std::max(most, key);
      ++items;
    }
    const bool sparse = settings_.sparse_ratio > 0 && most > items * settings_.sparse_ratio &&
                        most > settings_.sparse_safe;
    if (!sparse) return static_cast<int>(most);
    if (!settings_.sparse_convert) fail("excessively sparse array");
    return -1;
  }
  void write_table(int depth) {
    if (depth > settings_.encode_depth_max || lua_checkstack(lua_, 4) == 0) {
      luaL_error(lua_, "Cannot serialise, excessive nesting (%d)", depth);
    }
    look_at_time(lua_);  // for nobody knows how many of its places are empty
    const int length = array_length();
    length > 0 ? write_array(length, depth) : write_object(depth);
  }
  void write_array(int length, int depth) {
    out_.add('[');
    for (int i = 1; i <= length; ++i) {
      if (i > 1) out_.add(',');
      lua_rawgeti(lua_, -1, i);
      write(depth);
      lua_pop(lua_, 1);
    }
    out_.add(']');
  }
  void write_object(int depth) {
    out_.add('{');
    bool first = true;
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      if (!std::exchange(first, false)) out_.add(',');
      write_key();
      out_.add(':');
      write(depth);
      lua_pop(lua_, 1);
    }
    out_.add('}');
  }
  void write_key() {
    lua_pushvalue(lua_, -2);
    const int type = lua_type(lua_, -1);
    if (type == LUA_TNUMBER) {
      out_.add('"');
      write_number();
      out_.add('"');
    } else if (type == LUA_TSTRING) {
      write_string(to_view(lua_, -1));
    } else {
      fail("table key must be a number or string");
    }
    lua_pop(lua_, 1);
  }

  lua_State* lua_;
  const JsonSettings& settings_;
  BoundedText out_;
};

int encode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  JsonWriter writer(lua);
  writer.write(0);
  push_view(lua, writer.text());
  return 1;
}

int decode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  luaL_checkstring(lua, 1);
  read_json(lua, to_view(lua, 1));
  return 1;
}

// --- settings: each returns what it is, after setting what was given ---

void at_most(lua_State* lua, int arguments) {
  luaL_argcheck(lua, lua_gettop(lua) <= arguments, arguments + 1, "found too many arguments");
  lua_settop(lua, arguments);
}

int integer_setting(lua_State* lua, int argument, int& setting, int min, int max) {
  if (!lua_isnil(lua, argument)) {
    const auto value = static_cast<int>(luaL_checkinteger(lua, argument));
    if (value < min || value > max) {
      const char* const why = lua_pushfstring(lua, "expected integer between %d and %d", min, max);
      luaL_argerror(lua, 1, why);
    }
    setting = value;
  }
  lua_pushinteger(lua, setting);
  return 1;
}

int boolean_setting(lua_State* lua, int argument, bool& setting) {
  if (!lua_isnil(lua, argument)) {
    if (lua_isboolean(lua, argument)) {
      setting = lua_toboolean(lua, argument) != 0;
    } else {
      const char* const names[] = {"off", "on", nullptr};
      setting = luaL_checkoption(lua, argument, nullptr, names) == 1;
    }
  }
  lua_pushboolean(lua, setting);
  return 1;
}

int encode_sparse_array(lua_State* lua) {
  at_most(lua, 3);
  JsonSettings& settings = context_of(lua).json;
  boolean_setting(lua, 1, settings.sparse_convert);
  integer_setting(lua, 2, settings.sparse_ratio, 0, INT32_MAX);
  integer_setting(lua, 3, settings.sparse_safe, 0, INT32_MAX);
  return 3;
}

int encode_max_depth(lua_State* lua) {
  at_most(lua, 1);
  return integer_setting(lua, 1, context_of(lua).json.encode_depth_max, 1, INT32_MAX);
}

int decode_max_depth(lua_State* lua) {
  at_most(lua, 1);
  return integer_setting(lua, 1, context_of(lua).json.decode_depth_max, 1, INT32_MAX);
}

int encode_number_precision(lua_State* lua) {
  at_most(lua, 1);
  return integer_setting(lua, 1, context_of(lua).json.digits, 1, 14);
}

int encode_keep_buffer(lua_State* lua) {
  at_most(lua, 1);
  return boolean_setting(lua, 1, context_of(lua).json.keep_buffer);
}

int encode_invalid_numbers(lua_State* lua) {
  at_most(lua, 1);
  JsonSettings& settings = context_of(lua).json;
  if (lua_type(lua, 1) == LUA_TSTRING && to_view(lua, 1) == "null") {
    settings.encode_null_numbers = true;
  } else if (!lua_isnil(lua, 1)) {
    settings.encode_null_numbers = false;
    boolean_setting(lua, 1, settings.encode_invalid_numbers);
  }
  if (!settings.encode_null_numbers) {
    lua_pushboolean(lua, settings.encode_invalid_numbers);
  } else {
    lua_pushliteral(lua, "null");
  }
  return 1;
}

int decode_invalid_numbers(lua_State* lua) {
  at_most(lua, 1);
  return boolean_setting(lua, 1, context_of(lua).json.decode_invalid_numbers);
}

// Settings belong to the script, so there is but one cjson.
int make_new(lua_State* lua) {
  push_json(lua);
  return 1;
}

}  // namespace

void push_json(lua_State* lua) {
  lua_createtable(lua, 0, 14);
  put_function(lua, "encode", encode);
  put_function(lua, "decode", decode);
  put_function(lua, "encode_sparse_array", encode_sparse_array);
  put_function(lua, "encode_max_depth", encode_max_depth);
  put_function(lua, "decode_max_depth", decode_max_depth);
  put_function(lua, "encode_number_precision", encode_number_precision);
  put_function(lua, "encode_keep_buffer", encode_keep_buffer);
  put_function(lua, "encode_invalid_numbers", encode_invalid_numbers);
  put_function(lua, "decode_invalid_numbers", decode_invalid_numbers);
  put_function(lua, "new", make_new);
  lua_pushlightuserdata(lua, nullptr);
  lua_setfield(lua, -2, "null");
  lua_pushliteral(lua, "cjson");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "2.1.0");
  lua_setfield(lua, -2, "_VERSION");
}

}  // namespace sojourn::server
