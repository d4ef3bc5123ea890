// The environment of scripts. What all of them share is seen through stand-ins; functions that
// write to a table, or look at it, without asking its metatable are wrapped.

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "server/scripting/machine.h"
#include "server/scripting/stand_ins.h"
#include "server/scripting/string_patterns.h"
#include "server/scripting/table_library.h"

namespace sojourn::server {
namespace {

int refuse_unknown_global(lua_State* lua) {
  const char* const name = lua_tostring(lua, 2);
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'",
                    name != nullptr ? name : "?");
}

// --- wrapped functions: upvalue 1 is the original, a C function without upvalues ---

int reads_first(lua_State* lua) {
  if (push_real(lua, 1)) lua_replace(lua, 1);
  return call_original(lua);
}

// Who catches errors: one that ends the script is for nobody to catch.
int catches(lua_State* lua) {
  const int results = call_original(lua);
  const LuaContext& context = context_of(lua);
  if (context.ending) end_script(lua, context.why);
  return results;
}

// Nothing, however often, takes no time; too much is known to be before it is begun.
int rep(lua_State* lua) {
  std::size_t bytes;
  luaL_checklstring(lua, 1, &bytes);
  const lua_Integer times = luaL_checkinteger(lua, 2);
  if (bytes == 0 || times <= 0) {
    lua_pushliteral(lua, "");
    return 1;
  }
  const LuaContext& context = context_of(lua);
  if (static_cast<std::size_t>(times) > context.bytes_max / bytes) {
    refuse_memory(lua);
  }
  spend(lua, static_cast<std::size_t>(times) * bytes);
  return call_original(lua);
}

// --- functions of our own in the place of Lua's ---

// As in Redis, what redis.call() raised is caught as its text.
int protected_call(lua_State* lua) {
  luaL_checkany(lua, 1);
  const int status = lua_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0);
  const LuaContext& context = context_of(lua);
  if (context.ending) end_script(lua, context.why);
  if (status != 0 && lua_istable(lua, -1)) {
    lua_getfield(lua, -1, "err");
    if (lua_isstring(lua, -1) != 0) lua_replace(lua, -2);
  }
  lua_pushboolean(lua, status == 0);
  lua_insert(lua, 1);
  return lua_gettop(lua);
}

// Upvalue 1: the script's own. For the end of a script it is not called: it may take for ever, and
// nobody looks at the time then.
int handle_error(lua_State* lua) {
  if (context_of(lua).ending) return 1;
  lua_settop(lua, 1);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, 1, 1);
  return 1;
}

int protected_call_with_handler(lua_State* lua) {
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  lua_pushcclosure(lua, handle_error, 1);
  lua_insert(lua, 1);
  const int status = lua_pcall(lua, 0, LUA_MULTRET, 1);
  const LuaContext& context = context_of(lua);
  if (context.ending) end_script(lua, context.why);
  lua_pushboolean(lua, status == 0);
  lua_replace(lua, 1);
  return lua_gettop(lua);
}

int next_of_real(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 2);
  if (push_real(lua, 1)) lua_replace(lua, 1);
  if (lua_next(lua, 1) != 0) return 2;
  lua_pushnil(lua);
  return 1;
}

// Upvalue 1: Lua's next, for tables that are what they seem.
int pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (is_stand_in(lua, 1)) {
    lua_pushcfunction(lua, next_of_real);
  } else {
    lua_pushvalue(lua, lua_upvalueindex(1));
  }
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

// Counts in 64 bits: Lua's own can be made to wrap around.
int unpack(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const lua_Integer begin = luaL_optinteger(lua, 2, 1);
  const lua_Integer end =
      luaL_opt(lua, luaL_checkinteger, 3, static_cast<lua_Integer>(lua_objlen(lua, 1)));
  if (begin > end) return 0;
  constexpr lua_Integer kMost = 1 << 20;
  if (begin < INT32_MIN || end > INT32_MAX || end - begin >= kMost ||
      lua_checkstack(lua, static_cast<int>(end - begin) + 1) == 0) {
    return luaL_error(lua, "too many results to unpack");
  }
  spend(lua, static_cast<std::size_t>(end - begin) + 1);
  for (lua_Integer i = begin; i <= end; ++i) lua_rawgeti(lua, 1, static_cast<int>(i));
  return static_cast<int>(end - begin) + 1;
}

// As much as some hundred kilobytes are worth; true at the end of a round.
bool collect_some(lua_State* lua) {
  constexpr int kStep = 256;
  const bool ended = lua_gc(lua, LUA_GCSTEP, kStep) != 0;
  look_at_time(lua);
  return ended;
}

// Step by step, to the end of the round that has begun and then all over: who was seen to be in use
// may not be any more.
void collect_all(lua_State* lua) {
  for (int rounds = 0; rounds < 2;) rounds += collect_some(lua) ? 1 : 0;
}

// What would change how the next script's garbage is collected does nothing.
int collect_garbage(lua_State* lua) {
  const std::string_view what = luaL_optstring(lua, 1, "collect");
  if (what == "count") {
    lua_pushnumber(lua, static_cast<lua_Number>(context_of(lua).bytes) / 1024);
  } else if (what == "step") {
    lua_pushboolean(lua, collect_some(lua));
  } else if (what == "collect") {
    collect_all(lua);
    lua_pushinteger(lua, 0);
  } else if (what == "stop" || what == "restart") {
    lua_pushinteger(lua, 0);
  } else if (what == "setpause" || what == "setstepmul") {
    lua_pushinteger(lua, 200);  // in percent, as it was and stays
  } else {
    const char* const why = lua_pushfstring(lua, "invalid option '%s'", what.data());
    return luaL_argerror(lua, 1, why);
  }
  return 1;
}

// A number below 1 from the script's own sequence.
double next_random(lua_State* lua) {
  constexpr double kMost = INT32_MAX;
  return static_cast<double>(::nrand48(context_of(lua).random.data()) % INT32_MAX) / kMost;
}

int random_number(lua_State* lua) {
  const double random = next_random(lua);
  const int arguments = lua_gettop(lua);
  if (arguments == 0) {
    lua_pushnumber(lua, random);
    return 1;
  }
  if (arguments > 2) return luaL_error(lua, "wrong number of arguments");
  const auto low = arguments == 1 ? 1 : static_cast<std::int32_t>(luaL_checkinteger(lua, 1));
  const auto high = static_cast<std::int32_t>(luaL_checkinteger(lua, arguments));
  luaL_argcheck(lua, low <= high, arguments, "interval is empty");
  const double values = static_cast<double>(high) - low + 1;
  lua_pushnumber(lua, std::floor(random * values) + low);
  return 1;
}

int random_seed(lua_State* lua) {
  const auto seed = static_cast<std::uint32_t>(luaL_checkinteger(lua, 1));
  context_of(lua).random = {0x330e, static_cast<unsigned short>(seed),
                            static_cast<unsigned short>(seed >> 16)};
  return 0;
}

// --- the libraries ---

// Opens one of Lua's own and pushes its table.
void open_library(lua_State* lua, const char* name, lua_CFunction open) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
  lua_getglobal(lua, name);
}

void push_string_library(lua_State* lua) {
  open_library(lua, LUA_STRLIBNAME, luaopen_string);
  put_string_patterns(lua);
  wrap(lua, "rep", rep);
  for (const char* name : {"lower", "reverse", "upper"}) wrap(lua, name, call_dear);
  for (const char* name : {"char", "format"}) wrap(lua, name, call_with_texts);
  lua_pushnil(lua);  // what it makes cannot be loaded
  lua_setfield(lua, -2, "dump");
}

void push_table_library(lua_State* lua) {
  open_library(lua, LUA_TABLIBNAME, luaopen_table);
  limit_table_library(lua);
}

void push_math_library(lua_State* lua) {
  open_library(lua, LUA_MATHLIBNAME, luaopen_math);
  for (const char* name : {"max", "min"}) wrap(lua, name, call_with_texts);
  put_function(lua, "random", random_number);
  put_function(lua, "randomseed", random_seed);
}

void push_coroutine_library(lua_State* lua) {
  lua_getglobal(lua, LUA_COLIBNAME);
  wrap(lua, "resume", catches);
}

void push_os_library(lua_State* lua) {
  open_library(lua, LUA_OSLIBNAME, luaopen_os);
  lua_createtable(lua, 0, 1);
  lua_getfield(lua, -2, "clock");
  lua_setfield(lua, -2, "clock");
  lua_remove(lua, -2);
}

// Those of Lua's global functions that scripts may have, into the table on the top.
void put_base(lua_State* lua) {
  for (const char* name :
       {"_VERSION", "assert", "error", "gcinfo", "getmetatable", "ipairs", "next", "rawequal",
        "rawget", "rawset", "select", "setmetatable", "tonumber", "tostring", "type"}) {
    lua_getglobal(lua, name);
    lua_setfield(lua, -2, name);
  }
  wrap(lua, "rawset", writes_first);
  wrap(lua, "setmetatable", writes_first);
  wrap(lua, "rawget", reads_first);
  lua_getfield(lua, -1, "next");
  lua_pushcclosure(lua, pairs, 1);
  lua_setfield(lua, -2, "pairs");
  wrap(lua, "next", reads_first);
  put_function(lua, "pcall", protected_call);
  put_function(lua, "xpcall", protected_call_with_handler);
  put_function(lua, "unpack", unpack);
  put_function(lua, "collectgarbage", collect_garbage);
}

// getmetatable("") shows where strings have their functions from, and nothing can be changed there.
void protect_strings(lua_State* lua) {
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  lua_createtable(lua, 0, 1);
  lua_getfield(lua, -4, "string");
  lua_setfield(lua, -2, "__index");
  protect(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);
}

}  // namespace

void push_sandbox(lua_State* lua, std::string_view redis_version) {
  lua_pushcfunction(lua, luaopen_base);
  lua_pushliteral(lua, "");
  lua_call(lua, 1, 0);

  lua_newtable(lua);  // the real globals
  put_base(lua);
  const auto put = [lua](const char* name, auto&& push) {
    push(lua);
    protect(lua);
    lua_setfield(lua, -2, name);
  };
  put("string", push_string_library);
  put("table", push_table_library);
  put("math", push_math_library);
  put("coroutine", push_coroutine_library);
  put("os", push_os_library);
  put("bit", push_bit);
  put("struct", push_struct);
  put("cjson", push_json);
  put("cmsgpack", push_msgpack);
  put("redis", [&](lua_State* state) { push_redis(state, redis_version); });
  protect_strings(lua);
  lua_createtable(lua, 0, 1);
  put_function(lua, "__index", refuse_unknown_global);
  lua_setmetatable(lua, -2);

  lua_pushvalue(lua, -1);
  protect(lua);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, "_G");
  // Functions that are compiled from now on see this and nothing else; nothing that was opened on
  // the way is left to be found.
  lua_replace(lua, LUA_GLOBALSINDEX);
  lua_pushnil(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, "_LOADED");
}

}  // namespace sojourn::server
