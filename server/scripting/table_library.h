#pragma once

#include <lua.hpp>

namespace sojourn::server {

// Of Lua's table library, which is on the top.
void limit_table_library(lua_State* lua);

}  // namespace sojourn::server
