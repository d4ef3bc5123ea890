#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_writer.h"
#include "server/scripting/bounded_text.h"
#include "server/scripting/script_host.h"

// What the files of this room share; nobody else includes it. Lua is Debian's build of it as C++:
// its errors are exceptions, so that what stands on the stack is destroyed.
namespace sojourn::server {

// cjson's settings, which a script may change for itself.
struct JsonSettings {
  bool sparse_convert = false;
  int sparse_ratio = 2;
  int sparse_safe = 10;
  int encode_depth_max = 1000;
  int decode_depth_max = 1000;
  int digits = 14;
  bool encode_invalid_numbers = false;
  bool encode_null_numbers = false;  // invalid ones become null
  bool decode_invalid_numbers = true;
  bool keep_buffer = true;  // does nothing: buffers are kept or not as it suits us
};

// Work is what functions of C do, which instructions do not tell of: about the bytes they handle.
// After as much somebody looks at the clock.
constexpr std::size_t kWorkBetweenLooks = 64u << 10;
// What a value is worth that is read, written, compared or handed on, however small it is.
constexpr std::size_t kWorkOfValue = 16;
// What a call is worth that a function of C makes of whatever it was given: it may be as dear as
// any instruction.
constexpr std::size_t kWorkOfCall = kWorkBetweenLooks / 50;

// Scratch buffers that have grown larger are given back.
constexpr std::size_t kBufferKeptMax = 64u << 10;

// Stands behind every lua_State of the machine: context_of().
struct LuaContext {
  // Memory: what Lua has, and how much it may have.
  std::size_t bytes = 0;
  std::size_t bytes_max = 0;
  std::size_t bytes_left() const { return bytes < bytes_max ? bytes_max - bytes : 0; }

  void* machine = nullptr;  // whose it is

  // Looks at the clock, while a script runs: it may be left here and gone on with in a later turn,
  // and be `ending` then.
  void (*look)(LuaContext&) = nullptr;
  std::size_t work = 0;  // since somebody looked
  // False: the script ends here.
  bool spend(std::size_t amount) {
    work += amount;
    if (work < kWorkBetweenLooks || look == nullptr) [[likely]]
      return true;
    work = 0;
    look(*this);
    return !ending;
  }

  // The script that runs.
  ScriptHost* host = nullptr;
  protocol::Version version = protocol::Version::resp2;  // in which it sees replies
  JsonSettings json;
  std::array<unsigned short, 3> random{};
  // Not one more instruction, and nothing of the host: each attempt is an error with this text.
  bool ending = false;
  std::string_view why;

  // Scratch space of one redis.call().
  std::vector<std::string_view> words;
  std::vector<std::array<char, 48>> numbers;
  std::string reply;
};

inline LuaContext& context_of(lua_State* lua) {
  void* context;
  lua_getallocf(lua, &context);
  return *static_cast<LuaContext*>(context);
}

inline std::string_view to_view(lua_State* lua, int index) {
  std::size_t size;
  const char* const bytes = lua_tolstring(lua, index, &size);
  return bytes != nullptr ? std::string_view(bytes, size) : std::string_view();
}
// What of a text is one to C.
inline std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }
inline void push_view(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}
inline void put_function(lua_State* lua, const char* name, lua_CFunction function) {
  lua_pushcfunction(lua, function);
  lua_setfield(lua, -2, name);
}

// From here on the script gets nowhere: error() with its context's `why`.
[[noreturn]] void end_script(lua_State* lua, std::string_view why);

// Counts work. Whoever calls it may be left in its midst, or leave with an error.
inline void spend(lua_State* lua, std::size_t work) {
  LuaContext& context = context_of(lua);
  if (!context.spend(work)) end_script(lua, context.why);
}
// Before a value is read as a number: its text, if it is one, may be long.
inline void spend_text(lua_State* lua, int index) {
  if (lua_type(lua, index) == LUA_TSTRING) spend(lua, lua_objlen(lua, index));
}
// After what may have been dear, whatever it was.
inline void look_at_time(lua_State* lua) { spend(lua, kWorkBetweenLooks); }

// --- errors (script_errors.cpp) ---
[[noreturn]] void refuse_memory(lua_State* lua);
// Pushes {err = "..."}. `text` is an error reply with its '-', or gets the code ERR.
void push_error(lua_State* lua, std::string_view text);
// What an error that nobody caught is as a reply, "ERR ..." with its place; it is on the top. An
// endless text is cut.
std::string describe_error(lua_State* lua, std::string_view sha);
// For lua_pcall: makes the error a table that knows where it came from.
int error_with_place(lua_State* lua);

// --- replies ---
// Pushes what a reply is in Lua (reply_to_lua.cpp). It is a whole one, from our own writer.
void push_reply(lua_State* lua, std::string_view reply);
// Pops a value and adds it as a reply (lua_to_reply.cpp).
void write_value(lua_State* lua, BoundedText& reply, protocol::Version version);

// --- what scripts see: each pushes a table ---
void push_redis(lua_State* lua, std::string_view redis_version);  // redis_api.cpp
void push_bit(lua_State* lua);                                    // bit_library.cpp
void push_struct(lua_State* lua);                                 // struct_library.cpp
void push_msgpack(lua_State* lua);                                // msgpack_library.cpp
void push_json(lua_State* lua);                                   // json_library.cpp
// The global environment, with nothing else in the state reachable. Pushes the table that KEYS and
// ARGV go into (sandbox.cpp).
void push_sandbox(lua_State* lua, std::string_view redis_version);

}  // namespace sojourn::server
