#pragma once

#include <lua.hpp>
#include <string_view>

namespace sojourn::server {

// Pushes what the JSON text says; what is none is a Lua error that names the place.
void read_json(lua_State* lua, std::string_view text);

}  // namespace sojourn::server
