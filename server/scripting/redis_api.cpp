// redis.*: what a script asks of the server.

#include <charconv>
#include <cmath>

#include "server/base/numbers.h"
#include "server/scripting/machine.h"
#include "server/scripting/sha1.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kLoggedMax = 1024;  // no more of a line is shown

// An error of the API itself: a table that says no place. Raised, or returned.
int raise(lua_State* lua, std::string_view why) {
  push_error(lua, why);
  return lua_error(lua);
}

std::string_view print_number(double value, std::array<char, 48>& text) {
  char* end;
  // As far as Redis prints whole numbers in full.
  if (value >= -0x1p62 && value <= 0x1p62 && std::trunc(value) == value) {
    end =
        std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(value)).ptr;
  } else {
    const std::string real = protocol::print_real(value);
    end = text.data() + real.copy(text.data(), text.size());
  }
  return {text.data(), static_cast<std::size_t>(end - text.data())};
}

// A request's words from the arguments: strings and numbers. They hold until the next request.
bool take_words(lua_State* lua, LuaContext& context, int count) {
  context.words.clear();
  context.numbers.clear();
  context.numbers.reserve(static_cast<std::size_t>(count));  // words point into it
  for (int i = 1; i <= count; ++i) {
    const int type = lua_type(lua, i);
    if (type == LUA_TSTRING) {
      context.words.push_back(to_view(lua, i));
    } else if (type == LUA_TNUMBER) {
      context.words.push_back(print_number(lua_tonumber(lua, i), context.numbers.emplace_back()));
    } else {
      return false;
    }
  }
  return true;
}

// Gives back what one large reply has taken, however it is left.
struct KeepSmall {
  std::string& text;
  ~KeepSmall() {
    if (text.capacity() > kBufferKeptMax) std::string().swap(text);
  }
};

enum class On : std::uint8_t { error_raise, error_return };

int run(lua_State* lua, On on) {
  LuaContext& context = context_of(lua);
  if (context.ending) end_script(lua, context.why);
  const int count = lua_gettop(lua);
  const auto refuse = [&](std::string_view why) {
    push_error(lua, why);
    return on == On::error_raise ? lua_error(lua) : 1;
  };
  if (count == 0) return refuse("Please specify at least one argument for this redis lib call");
  if (!take_words(lua, context, count)) {
    return refuse("Lua redis lib command arguments must be strings or integers");
  }
  const KeepSmall keep{context.reply};
  context.reply.clear();
  if (!context.host->call(context.words, context.version, context.reply)) {
    end_script(lua, "the script cannot go on");
  }
  look_at_time(lua);
  push_reply(lua, context.reply);
  return on == On::error_raise && context.reply.front() == '-' ? lua_error(lua) : 1;
}

int call(lua_State* lua) { return run(lua, On::error_raise); }
int pcall(lua_State* lua) { return run(lua, On::error_return); }

int acl_check_cmd(lua_State* lua) {
  LuaContext& context = context_of(lua);
  const int count = lua_gettop(lua);
  if (count == 0) return raise(lua, "Please specify at least one argument for this redis lib call");
  if (!take_words(lua, context, count)) {
    return raise(lua, "Lua redis lib command arguments must be strings or integers");
  }
  bool known = false;
  const bool may = context.host->may_call(context.words, known);
  if (!known) return raise(lua, "Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(lua, may);
  return 1;
}

// redis.error_reply("CODE text"), redis.status_reply("text")
// Which end at a NUL, as the texts of C do.
bool one_string(lua_State* lua) { return lua_gettop(lua) == 1 && lua_type(lua, 1) == LUA_TSTRING; }

int error_reply(lua_State* lua) {
  if (one_string(lua)) {
    if (!to_view(lua, 1).starts_with('-')) {
      lua_pushliteral(lua, "-");
      lua_insert(lua, 1);
      lua_concat(lua, 2);
    }
    push_error(lua, until_nul(to_view(lua, 1)));
  } else {
    push_error(lua, "wrong number or type of arguments");
  }
  return 1;
}

int status_reply(lua_State* lua) {
  if (!one_string(lua)) {
    push_error(lua, "wrong number or type of arguments");
    return 1;
  }
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

int sha1hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "wrong number of arguments");
  push_view(lua, sha1_hex(to_view(lua, 1)));
  look_at_time(lua);
  return 1;
}

int log(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 2) return raise(lua, "redis.log() requires two arguments or more.");
  if (lua_isnumber(lua, 1) == 0) return raise(lua, "First argument must be a number (log level).");
  const lua_Integer level = lua_tointeger(lua, 1);
  if (level < 0 || level > 3) return raise(lua, "Invalid debug level.");
  std::string text;
  for (int i = 2; i <= count; ++i) {
    if (i > 2) text += ' ';
    text += to_view(lua, i).substr(0, kLoggedMax);
    if (text.size() > kLoggedMax) break;
  }
  context_of(lua).host->log(static_cast<int>(level), text);
  return 0;
}

int setresp(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "redis.setresp() requires one argument.");
  const lua_Number version = lua_tonumber(lua, 1);
  if (version != 2 && version != 3) return raise(lua, "RESP version must be 2 or 3.");
  context_of(lua).version = version == 3 ? protocol::Version::resp3 : protocol::Version::resp2;
  return 0;
}

// There is nothing else than the effects of scripts to replicate.
int replicate_commands(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int set_repl(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "redis.set_repl() requires two arguments.");
  const lua_Integer flags = lua_tointeger(lua, 1);
  if ((flags & ~3) != 0) {
    return raise(lua,
                 "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  return 0;
}

// There is no debugger.
int breakpoint(lua_State* lua) {
  lua_pushboolean(lua, 0);
  return 1;
}
int debug(lua_State*) { return 0; }

void put_number(lua_State* lua, const char* name, lua_Integer value) {
  lua_pushinteger(lua, value);
  lua_setfield(lua, -2, name);
}

// "7.2.4" as 0x00070204.
lua_Integer version_number(std::string_view version) {
  lua_Integer number = 0;
  lua_Integer part = 0;
  for (const char c : version) {
    if (c == '.') {
      number = (number | part) << 8;
      part = 0;
    } else {
      part = part * 10 + (c - '0');
    }
  }
  return number | part;
}

}  // namespace

void push_redis(lua_State* lua, std::string_view redis_version) {
  lua_createtable(lua, 0, 24);
  put_function(lua, "call", call);
  put_function(lua, "pcall", pcall);
  put_function(lua, "acl_check_cmd", acl_check_cmd);
  put_function(lua, "error_reply", error_reply);
  put_function(lua, "status_reply", status_reply);
  put_function(lua, "sha1hex", sha1hex);
  put_function(lua, "log", log);
  put_function(lua, "setresp", setresp);
  put_function(lua, "replicate_commands", replicate_commands);
  put_function(lua, "set_repl", set_repl);
  put_function(lua, "breakpoint", breakpoint);
  put_function(lua, "debug", debug);
  put_number(lua, "LOG_DEBUG", 0);
  put_number(lua, "LOG_VERBOSE", 1);
  put_number(lua, "LOG_NOTICE", 2);
  put_number(lua, "LOG_WARNING", 3);
  put_number(lua, "REPL_NONE", 0);
  put_number(lua, "REPL_AOF", 1);
  put_number(lua, "REPL_SLAVE", 2);
  put_number(lua, "REPL_REPLICA", 2);
  put_number(lua, "REPL_ALL", 3);
  push_view(lua, redis_version);
  lua_setfield(lua, -2, "REDIS_VERSION");
  put_number(lua, "REDIS_VERSION_NUM", version_number(redis_version));
}

}  // namespace sojourn::server
