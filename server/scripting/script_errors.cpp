#include <fmt/format.h>

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

// Of an error's text, which a script may have made as long as its memory.
constexpr std::size_t kErrorBytesMax = 1u << 20;

// The field of the table on the top, if it is a string or a number; popped.
std::string take_text_field(lua_State* lua, const char* name, std::string_view otherwise) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  std::string text(lua_isstring(lua, -1) != 0
                       ? until_nul(to_view(lua, -1)).substr(0, kErrorBytesMax)
                       : otherwise);
  lua_pop(lua, 1);
  return text;
}

// Pushes what tostring() says of what is no table.
void push_text(lua_State* lua, int index) {
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
      return lua_pushvalue(lua, index);
    case LUA_TBOOLEAN:
      return lua_pushstring(lua, lua_toboolean(lua, index) != 0 ? "true" : "false");
    case LUA_TNIL:
    case LUA_TNONE:
      return lua_pushliteral(lua, "nil");
    default:
      lua_pushfstring(lua, "%s: %p", luaL_typename(lua, index), lua_topointer(lua, index));
  }
}

// Pushes a new table that says what was thrown. Nothing is written into what was: it may be a table
// that the script does not own.
void push_what_was_thrown(lua_State* lua, int index) {
  lua_createtable(lua, 0, 3);
  if (lua_istable(lua, index)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, index);
  } else {
    lua_pushliteral(lua, "ERR ");
    push_text(lua, index);
    lua_concat(lua, 2);
  }
  lua_setfield(lua, -2, "err");
}

}  // namespace

void end_script(lua_State* lua, std::string_view why) {
  LuaContext& context = context_of(lua);
  context.ending = true;
  context.why = why;
  push_view(lua, why);
  lua_error(lua);
  __builtin_unreachable();
}

void push_error(lua_State* lua, std::string_view text) {
  std::string_view code = "ERR";
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    const std::size_t space = text.find(' ');
    if (space != std::string_view::npos) {
      code = text.substr(0, space);
      text.remove_prefix(space + 1);
    }
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  }
  lua_createtable(lua, 0, 2);
  push_view(lua, code);
  lua_pushliteral(lua, " ");
  push_view(lua, text);
  lua_concat(lua, 3);
  lua_setfield(lua, -2, "err");
}

void refuse_memory(lua_State* lua) {
  lua_pushliteral(lua, "not enough memory");
  lua_error(lua);
  __builtin_unreachable();
}

std::string describe_error(lua_State* lua, std::string_view sha) {
  const LuaContext& context = context_of(lua);
  if (!lua_istable(lua, -1)) {
    if (context.ending) return std::string("ERR ").append(context.why);
    // What never came through error_with_place(): there was no memory, or no stack, for it.
    const std::string_view text =
        lua_isstring(lua, -1) != 0 ? to_view(lua, -1) : std::string_view("execution failure");
    return fmt::format("ERR Error running script {}, {}", sha, text.substr(0, 100));
  }
  std::string error = take_text_field(lua, "err", "ERR unknown error");
  const std::string source = take_text_field(lua, "source", {});
  const std::string line = take_text_field(lua, "line", {});
  if (source.empty() || line.empty()) return error;
  return fmt::format("{} script: {}, on {}:{}.", error, sha, source, line);
}

int error_with_place(lua_State* lua) {
  push_what_was_thrown(lua, 1);
  lua_replace(lua, 1);
  lua_settop(lua, 1);
  // Whoever raised it; what a C function raised belongs to its caller.
  lua_Debug where;
  for (int level = 1; level <= 2; ++level) {
    if (lua_getstack(lua, level, &where) == 0) return 1;
    lua_getinfo(lua, "Sl", &where);
    if (std::string_view(where.what) != "C") break;
  }
  lua_pushliteral(lua, "source");
  lua_pushstring(lua, where.source);
  lua_rawset(lua, 1);
  lua_pushliteral(lua, "line");
  lua_pushinteger(lua, where.currentline);
  lua_rawset(lua, 1);
  return 1;
}

}  // namespace sojourn::server
