#include "server/scripting/stand_ins.h"

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

const char kStandIn = 0;  // its address marks a stand-in's metatable

int refuse_write(lua_State* lua) { return luaL_error(lua, kReadOnly); }

}  // namespace

void protect(lua_State* lua) {
  luaL_checkstack(lua, 5, nullptr);
  lua_newtable(lua);
  lua_createtable(lua, 0, 4);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  put_function(lua, "__newindex", refuse_write);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pushlightuserdata(lua, const_cast<char*>(&kStandIn));
  lua_pushboolean(lua, 1);
  lua_rawset(lua, -3);
  lua_setmetatable(lua, -2);
  lua_remove(lua, -2);
}

bool push_real(lua_State* lua, int index) {
  if (lua_getmetatable(lua, index) == 0) return false;
  lua_pushlightuserdata(lua, const_cast<char*>(&kStandIn));
  lua_rawget(lua, -2);
  const bool stand_in = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  if (!stand_in) {
    lua_pop(lua, 1);
    return false;
  }
  lua_pushliteral(lua, "__index");
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
  return true;
}

bool is_stand_in(lua_State* lua, int index) {
  if (!push_real(lua, index)) return false;
  lua_pop(lua, 1);
  return true;
}

void wrap(lua_State* lua, const char* name, lua_CFunction by) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, by, 1);
  lua_setfield(lua, -2, name);
}

int call_original(lua_State* lua) { return lua_tocfunction(lua, lua_upvalueindex(1))(lua); }

int call_dear(lua_State* lua) {
  const int results = call_original(lua);
  look_at_time(lua);
  return results;
}

int call_with_texts(lua_State* lua) {
  std::size_t bytes = 0;
  for (int i = lua_gettop(lua); i > 0; --i) {
    if (lua_type(lua, i) == LUA_TSTRING) bytes += lua_objlen(lua, i);
  }
  if (bytes > context_of(lua).bytes_max) refuse_memory(lua);
  return call_dear(lua);
}

void refuse_stand_in(lua_State* lua, int index) {
  if (!is_stand_in(lua, index)) return;
  lua_pushstring(lua, kReadOnly);
  lua_error(lua);
}

int writes_first(lua_State* lua) {
  refuse_stand_in(lua, 1);
  return call_original(lua);
}

}  // namespace sojourn::server
