// cmsgpack.*: MessagePack, as the library of that name in Redis writes and reads it.

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

constexpr int kNestingMax = 16;  // deeper tables are packed as nil

void add_big_endian(BoundedText& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.add(static_cast<char>(value >> (8 * i)));
}

void add_tag(BoundedText& out, int tag) { out.add(static_cast<char>(tag)); }

// A count in as few bytes as it takes: in the tag itself up to `small_max`, then by tags that
// follow one another. A tag of 0 is missing.
void add_count(BoundedText& out, std::size_t count, int small_tag, std::size_t small_max, int tag8,
               int tag16) {
  if (count <= small_max) return add_tag(out, small_tag | static_cast<int>(count));
  if (tag8 != 0 && count <= 0xff) {
    add_tag(out, tag8);
    return add_big_endian(out, count, 1);
  }
  const bool fits = count <= 0xffff;
  add_tag(out, fits ? tag16 : tag16 + 1);
  add_big_endian(out, count, fits ? 2 : 4);
}

void add_integer(BoundedText& out, std::int64_t value) {
  if (value >= 0) {
    if (value <= 127) return add_tag(out, static_cast<int>(value));
    const int bytes = value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
    add_tag(out, 0xcc + std::countr_zero(static_cast<unsigned>(bytes)));
    return add_big_endian(out, static_cast<std::uint64_t>(value), bytes);
  }
  if (value >= -32) return add_tag(out, static_cast<int>(value) & 0xff);
  const int bytes = value >= -128 ? 1 : value >= -32768 ? 2 : value >= INT32_MIN ? 4 : 8;
  add_tag(out, 0xd0 + std::countr_zero(static_cast<unsigned>(bytes)));
  add_big_endian(out, static_cast<std::uint64_t>(value), bytes);
}

void add_number(BoundedText& out, double value) {
  if (value >= -0x1p63 && value < 0x1p63 && std::trunc(value) == value) {
    return add_integer(out, static_cast<std::int64_t>(value));
  }
  const auto single = static_cast<float>(value);
  if (static_cast<double>(single) == value) {
    add_tag(out, 0xca);
    return add_big_endian(out, std::bit_cast<std::uint32_t>(single), 4);
  }
  add_tag(out, 0xcb);
  add_big_endian(out, std::bit_cast<std::uint64_t>(value), 8);
}

void add_value(lua_State* lua, BoundedText& out, int level);

// Whether the keys of the table at the top are 1, 2 ... n; how many there are is in `count`.
bool is_array(lua_State* lua, std::size_t& count) {
  count = 0;
  double most = 0;
  bool integers = true;
  for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1), ++count) {
    spend(lua, kWorkOfValue);
    const double key = lua_type(lua, -2) == LUA_TNUMBER ? lua_tonumber(lua, -2) : 0;
    integers = integers && key > 0 && std::floor(key) == key;
    most = std::max(most, key);
  }
  return integers && most == static_cast<double>(count);
}

void add_table(lua_State* lua, BoundedText& out, int level) {
  luaL_checkstack(lua, 3, "a table that nests too deeply");
  look_at_time(lua);  // for nobody knows how many of its places are empty
  std::size_t count;
  if (is_array(lua, count)) {
    add_count(out, count, 0x90, 15, 0, 0xdc);
    for (std::size_t i = 1; i <= count; ++i) {
      lua_rawgeti(lua, -1, static_cast<int>(i));
      add_value(lua, out, level + 1);
    }
    return;
  }
  add_count(out, count, 0x80, 15, 0, 0xde);
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pushvalue(lua, -2);
    add_value(lua, out, level + 1);
    add_value(lua, out, level + 1);
  }
}

// Pops the value.
void add_value(lua_State* lua, BoundedText& out, int level) {
  spend(lua, kWorkOfValue);
  const int type = lua_type(lua, -1);
  if (type == LUA_TSTRING) {
    const std::string_view text = to_view(lua, -1);
    add_count(out, text.size(), 0xa0, 31, 0xd9, 0xda);
    out.add(text);
  } else if (type == LUA_TBOOLEAN) {
    add_tag(out, lua_toboolean(lua, -1) != 0 ? 0xc3 : 0xc2);
  } else if (type == LUA_TNUMBER) {
    add_number(out, lua_tonumber(lua, -1));
  } else if (type == LUA_TTABLE && level < kNestingMax) {
    add_table(lua, out, level);
  } else {
    add_tag(out, 0xc0);
  }
  lua_pop(lua, 1);
}

int pack(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
  BoundedText out(lua);
  luaL_checkstack(lua, 2, "too many arguments");
  for (int i = 1; i <= count; ++i) {
    lua_pushvalue(lua, i);
    add_value(lua, out, 0);
  }
  push_view(lua, out.view());
  return 1;
}

// Reads values and pushes them. No count is believed: each element must be there before the next.
class Reader {
 public:
  Reader(lua_State* lua, std::string_view input) : lua_(lua), rest_(input) {}

  std::size_t left() const { return rest_.size(); }
  void push() {
    spend(lua_, kWorkOfValue);
    luaL_checkstack(lua_, 4, "a message that nests too deeply");
    const auto tag = static_cast<unsigned>(number(1));
    if (tag <= 0x7f) return lua_pushnumber(lua_, tag);
    if (tag >= 0xe0) return lua_pushnumber(lua_, static_cast<std::int8_t>(tag));
    if (tag <= 0x8f) return push_map(tag & 0xf);
    if (tag <= 0x9f) return push_array(tag & 0xf);
    if (tag <= 0xbf) return push_bytes(tag & 0x1f);
    push_tagged(tag);
  }

 private:
  void push_tagged(unsigned tag) {
    switch (tag) {
      case 0xc0:
        return lua_pushnil(lua_);
      case 0xc2:
      case 0xc3:
        return lua_pushboolean(lua_, tag == 0xc3);
      case 0xca:
        return lua_pushnumber(lua_, std::bit_cast<float>(static_cast<std::uint32_t>(number(4))));
      case 0xcb:
        return lua_pushnumber(lua_, std::bit_cast<double>(number(8)));
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:  // what 63 bits do not hold is negative, as in Redis
        return lua_pushinteger(lua_, static_cast<lua_Integer>(number(1 << (tag - 0xcc))));
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return push_signed(1 << (tag - 0xd0));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return push_bytes(number(1 << (tag - 0xd9)));
      case 0xdc:
      case 0xdd:
        return push_array(number(2 << (tag - 0xdc)));
      case 0xde:
      case 0xdf:
        return push_map(number(2 << (tag - 0xde)));
      default:
        luaL_error(lua_, "Bad data format in input.");
    }
  }
  std::string_view take(std::uint64_t bytes) {
    if (bytes > rest_.size()) luaL_error(lua_, "Missing bytes in input.");
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    for (const char byte : take(static_cast<std::uint64_t>(bytes))) {
      value = value << 8 | static_cast<unsigned char>(byte);
    }
    return value;
  }
  void push_signed(int bytes) {
    const int unused = 64 - 8 * bytes;
    const auto value = static_cast<std::int64_t>(number(bytes) << unused) >> unused;
    lua_pushnumber(lua_, static_cast<lua_Number>(value));
  }
  void push_bytes(std::uint64_t bytes) {
    push_view(lua_, take(bytes));
    spend(lua_, bytes);
  }
  void push_array(std::uint64_t count) {
    lua_newtable(lua_);
    for (std::uint64_t i = 1; i <= count; ++i) {
      lua_pushnumber(lua_, static_cast<lua_Number>(i));
      push();
      lua_rawset(lua_, -3);
    }
  }
  void push_map(std::uint64_t count) {
    lua_newtable(lua_);
    for (std::uint64_t i = 0; i < count; ++i) {
      push();
      push();
      lua_rawset(lua_, -3);  // an error for nil and NaN
    }
  }

  lua_State* lua_;
  std::string_view rest_;
};

// Up to `limit` values from an offset on (0: all), in front of them where to go on, if asked for:
// -1 at the end.
int unpack_from(lua_State* lua, lua_Integer limit, lua_Integer offset) {
  luaL_checkstring(lua, 1);
  const std::string_view input = to_view(lua, 1);
  const auto size = static_cast<lua_Integer>(input.size());
  if (offset < 0 || limit < 0) {
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.",
                      static_cast<int>(offset), static_cast<int>(size));
  }
  if (offset > size) {
    return luaL_error(lua, "Start offset %d greater than input length %d.",
                      static_cast<int>(offset), static_cast<int>(size));
  }
  const bool all = limit == 0 && offset == 0;
  Reader reader(lua, input.substr(static_cast<std::size_t>(offset)));
  int values = 0;
  for (; reader.left() > 0 && (all || values < limit); ++values) reader.push();
  if (all) return values;
  luaL_checkstack(lua, 1, "too many results");
  const auto left = static_cast<lua_Integer>(reader.left());
  lua_pushinteger(lua, left == 0 ? -1 : size - left);
  lua_insert(lua, -1 - values);
  return values + 1;
}

int unpack(lua_State* lua) { return unpack_from(lua, 0, 0); }
int unpack_one(lua_State* lua) { return unpack_from(lua, 1, luaL_optinteger(lua, 2, 0)); }
int unpack_limit(lua_State* lua) {
  const lua_Integer limit = luaL_checkinteger(lua, 2);
  return unpack_from(lua, limit, luaL_optinteger(lua, 3, 0));
}

void put_text(lua_State* lua, const char* name, const char* text) {
  lua_pushstring(lua, text);
  lua_setfield(lua, -2, name);
}

}  // namespace

void push_msgpack(lua_State* lua) {
  lua_createtable(lua, 0, 8);
  put_function(lua, "pack", pack);
  put_function(lua, "unpack", unpack);
  put_function(lua, "unpack_one", unpack_one);
  put_function(lua, "unpack_limit", unpack_limit);
  put_text(lua, "_NAME", "cmsgpack");
  put_text(lua, "_VERSION", "lua-cmsgpack 0.4.0");
  put_text(lua, "_DESCRIPTION", "MessagePack for Lua");
  put_text(lua, "_COPYRIGHT", "");
}

}  // namespace sojourn::server
