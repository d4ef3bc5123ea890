#pragma once

#include <lua.hpp>

namespace sojourn::server {

// Puts find, match, gmatch and gsub into the table on the top.
void put_string_patterns(lua_State* lua);

}  // namespace sojourn::server
