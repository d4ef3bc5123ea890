#pragma once

#include <lua.hpp>

namespace sojourn::server {

// What all scripts share they see through stand-ins: empty tables that look things up in the real
// ones and let nobody write. For Debian's Lua knows no read-only tables.

inline constexpr const char* kReadOnly = "Attempt to modify a readonly table";

// Puts a stand-in in the place of the table on the top.
void protect(lua_State* lua);
bool is_stand_in(lua_State* lua, int index);
// Pushes the real table if a stand-in is there; pushes nothing otherwise.
bool push_real(lua_State* lua, int index);

// --- wrapped functions: upvalue 1 is the original, a C function without upvalues ---

// Puts `by` around a function of the library on the top.
void wrap(lua_State* lua, const char* name, lua_CFunction by);
int call_original(lua_State* lua);
// Around who may take long with what is large.
int call_dear(lua_State* lua);
// Around who looks at all of its arguments, however many: one text may be there thousands of times,
// but not make more than the script's memory holds.
int call_with_texts(lua_State* lua);
// Around who writes to its first argument: no stand-in may be that.
int writes_first(lua_State* lua);
void refuse_stand_in(lua_State* lua, int index);

}  // namespace sojourn::server
