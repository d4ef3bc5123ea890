// table.*: Lua's own, but that nothing writes to what is shared, and that none of it keeps anybody
// from looking at the time.

#include "server/scripting/table_library.h"

#include "server/scripting/machine.h"
#include "server/scripting/stand_ins.h"

namespace sojourn::server {
namespace {

// Elements that may be sorted without looking at the time: Lua's way of sorting can be made to
// compare each with each.
constexpr int kSortedAtOnce = 256;

// From any place on, however far before the first: what is moved is counted.
int insert(lua_State* lua) {
  refuse_stand_in(lua, 1);
  luaL_checktype(lua, 1, LUA_TTABLE);
  const auto next = static_cast<int>(lua_objlen(lua, 1)) + 1;
  const int arguments = lua_gettop(lua);
  if (arguments == 2) {
    lua_rawseti(lua, 1, next);
    return 0;
  }
  if (arguments != 3) return luaL_error(lua, "wrong number of arguments to 'insert'");
  const int place = luaL_checkint(lua, 2);
  for (int i = next; i > place; --i) {
    lua_rawgeti(lua, 1, i - 1);
    lua_rawseti(lua, 1, i);
    spend(lua, kWorkOfValue);
  }
  lua_rawseti(lua, 1, place);
  return 0;
}

// table.foreach() and foreachi(): each element is handed to a function, until that says something.
// It may be one of C, so that no instruction tells of the time they take.
bool says_something(lua_State* lua) {
  spend(lua, kWorkOfCall);
  lua_call(lua, 2, 1);
  if (!lua_isnil(lua, -1)) return true;
  lua_pop(lua, 1);
  return false;
}

int for_each(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  if (push_real(lua, 1)) lua_replace(lua, 1);
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    lua_pushvalue(lua, 2);
    lua_pushvalue(lua, -3);
    lua_pushvalue(lua, -3);
    if (says_something(lua)) return 1;
    lua_pop(lua, 1);
  }
  return 0;
}

int for_each_index(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  const auto count = static_cast<int>(lua_objlen(lua, 1));
  for (int i = 1; i <= count; ++i) {
    lua_pushvalue(lua, 2);
    lua_pushinteger(lua, i);
    lua_rawgeti(lua, 1, i);
    if (says_something(lua)) return 1;
  }
  return 0;
}

int remove(lua_State* lua) {
  refuse_stand_in(lua, 1);
  return call_dear(lua);
}

int less(lua_State* lua) {
  spend(lua, kWorkOfCall);
  lua_pushboolean(lua, lua_lessthan(lua, 1, 2));
  return 1;
}

// Upvalue 1: a function of C that compares, of which instructions do not tell.
int less_by(lua_State* lua) {
  spend(lua, kWorkOfCall);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, 2, 1);
  return 1;
}

// Whether two values of this type are compared by C: numbers and strings, and tables whose __lt is
// a function of C. Who compares others knows how long it takes, or finds an error at once.
lua_CFunction comparer(lua_State* lua, int type) {
  if (type == LUA_TNUMBER || type == LUA_TSTRING) return less;
  if (type != LUA_TTABLE || lua_getmetatable(lua, -1) == 0) return nullptr;
  lua_pushliteral(lua, "__lt");
  lua_rawget(lua, -2);
  const lua_CFunction by = lua_tocfunction(lua, -1);
  lua_pop(lua, 2);
  return by;
}

// Whether the elements are many, and what less() compares without an error of its own, whose place
// it would not know.
bool are_many_for_less(lua_State* lua) {
  const auto count = static_cast<int>(lua_objlen(lua, 1));
  if (count <= kSortedAtOnce) return false;
  int type = LUA_TNONE;
  lua_CFunction by = nullptr;
  for (int i = 1; i <= count; ++i) {
    spend(lua, 1);
    lua_rawgeti(lua, 1, i);
    if (i == 1) {
      type = lua_type(lua, -1);
      by = comparer(lua, type);
    }
    const bool same = by != nullptr && lua_type(lua, -1) == type && comparer(lua, type) == by;
    lua_pop(lua, 1);
    if (!same) return false;
  }
  return true;
}

int sort(lua_State* lua) {
  refuse_stand_in(lua, 1);
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (lua_iscfunction(lua, 2) != 0) {
    lua_settop(lua, 2);
    lua_pushcclosure(lua, less_by, 1);
  } else if (lua_isnoneornil(lua, 2) && are_many_for_less(lua)) {
    lua_settop(lua, 1);
    lua_pushcfunction(lua, less);
  }
  return call_original(lua);
}

}  // namespace

void limit_table_library(lua_State* lua) {
  put_function(lua, "foreach", for_each);
  put_function(lua, "foreachi", for_each_index);
  put_function(lua, "insert", insert);
  wrap(lua, "remove", remove);
  wrap(lua, "sort", sort);
  wrap(lua, "setn", writes_first);
  wrap(lua, "concat", call_dear);
  wrap(lua, "maxn", call_dear);
}

}  // namespace sojourn::server
