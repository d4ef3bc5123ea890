// The string functions that look for something: find, match, gmatch and gsub.

#include "server/scripting/string_patterns.h"

#include <string.h>

#include <algorithm>

#include "server/scripting/machine.h"
#include "server/scripting/pattern_matcher.h"

namespace sojourn::server {
namespace {

std::string_view text_argument(lua_State* lua, int argument) {
  luaL_checkstring(lua, argument);
  return to_view(lua, argument);
}

// Takes the '^' off a pattern.
bool take_anchor(std::string_view& pattern) {
  if (!pattern.starts_with('^')) return false;
  pattern.remove_prefix(1);
  return true;
}

// Where to begin, as the third argument says: from 1, or from the end with -1.
std::size_t beginning(lua_State* lua, std::size_t bytes) {
  const auto size = static_cast<lua_Integer>(bytes);
  lua_Integer at = luaL_optinteger(lua, 3, 1);
  if (at < 0) at += size + 1;
  return static_cast<std::size_t>(std::clamp<lua_Integer>(at - 1, 0, size));
}

int found_nothing(lua_State* lua) {
  lua_pushnil(lua);
  return 1;
}

int find_plain(lua_State* lua, std::string_view subject, std::string_view text, std::size_t from) {
  spend(lua, subject.size() - from);
  const void* const found =
      ::memmem(subject.data() + from, subject.size() - from, text.data(), text.size());
  if (found == nullptr) return found_nothing(lua);
  const auto at = static_cast<const char*>(found) - subject.data();
  lua_pushinteger(lua, at + 1);
  lua_pushinteger(lua, at + static_cast<lua_Integer>(text.size()));
  return 2;
}

enum class Answer : std::uint8_t { place, captures };

int find_pattern(lua_State* lua, std::string_view subject, std::string_view pattern,
                 std::size_t from, Answer answer) {
  const bool anchored = take_anchor(pattern);
  PatternMatcher matcher(lua, subject, pattern);
  for (const char* at = matcher.begin() + from; at <= matcher.end(); ++at) {
    if (const char* const end = matcher.match_at(at); end != nullptr) {
      if (answer == Answer::captures) return matcher.push_captures(at, end);
      lua_pushinteger(lua, at - matcher.begin() + 1);
      lua_pushinteger(lua, end - matcher.begin());
      return 2 + matcher.push_own_captures();
    }
    if (anchored) break;
  }
  return found_nothing(lua);
}

int find(lua_State* lua) {
  const std::string_view subject = text_argument(lua, 1);
  const std::string_view pattern = text_argument(lua, 2);
  const std::size_t from = beginning(lua, subject.size());
  if (lua_toboolean(lua, 4) != 0 || !is_pattern(pattern)) {
    return find_plain(lua, subject, pattern, from);
  }
  return find_pattern(lua, subject, pattern, from, Answer::place);
}

int match(lua_State* lua) {
  const std::string_view subject = text_argument(lua, 1);
  const std::string_view pattern = text_argument(lua, 2);
  return find_pattern(lua, subject, pattern, beginning(lua, subject.size()), Answer::captures);
}

// Upvalues: the subject, the pattern, and where to go on.
int next_match(lua_State* lua) {
  PatternMatcher matcher(lua, to_view(lua, lua_upvalueindex(1)), to_view(lua, lua_upvalueindex(2)));
  const lua_Integer from = lua_tointeger(lua, lua_upvalueindex(3));
  for (const char* at = matcher.begin() + from; at <= matcher.end(); ++at) {
    const char* const end = matcher.match_at(at);
    if (end == nullptr) continue;
    lua_pushinteger(lua, end - matcher.begin() + (end == at ? 1 : 0));
    lua_replace(lua, lua_upvalueindex(3));
    return matcher.push_captures(at, end);
  }
  return 0;
}

int gmatch(lua_State* lua) {
  text_argument(lua, 1);
  text_argument(lua, 2);
  lua_settop(lua, 2);
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_match, 3);
  return 1;
}

// --- gsub: its third argument is what to put instead ---

// A text, in which %0 to %9 are captures.
void add_text(lua_State* lua, BoundedText& out, PatternMatcher& matcher, const char* from,
              const char* to) {
  const std::string_view text = to_view(lua, 3);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.add(text[i]);
      continue;
    }
    spend(lua, kWorkOfValue);
    const char c = text.data()[++i];  // the NUL, after the last
    if (c < '0' || c > '9') {
      out.add(c);
    } else if (c == '0') {
      out.add({from, to});
    } else {
      matcher.push_capture(static_cast<std::size_t>(c - '1'), from, to);
      out.add(to_view(lua, -1));
      lua_pop(lua, 1);
    }
  }
}

// What a function or a table says; false and nil leave what is there.
void add_answer(lua_State* lua, BoundedText& out, PatternMatcher& matcher, const char* from,
                const char* to) {
  spend(lua, kWorkOfCall);
  if (lua_istable(lua, 3)) {
    matcher.push_capture(0, from, to);
    lua_gettable(lua, 3);
  } else {
    lua_pushvalue(lua, 3);
    lua_call(lua, matcher.push_captures(from, to), 1);
  }
  if (lua_toboolean(lua, -1) == 0) {
    out.add({from, to});
  } else if (lua_isstring(lua, -1) != 0) {
    out.add(to_view(lua, -1));
  } else {
    luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
  }
  lua_pop(lua, 1);
}

int gsub(lua_State* lua) {
  const std::string_view subject = text_argument(lua, 1);
  std::string_view pattern = text_argument(lua, 2);
  const int type = lua_type(lua, 3);
  const bool is_text = type == LUA_TNUMBER || type == LUA_TSTRING;
  const int most = luaL_optint(lua, 4, static_cast<int>(subject.size()) + 1);
  luaL_argcheck(lua, is_text || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                "string/function/table expected");
  const bool anchored = take_anchor(pattern);
  PatternMatcher matcher(lua, subject, pattern);
  BoundedText out(lua);
  const char* at = matcher.begin();
  int count = 0;
  while (count < most) {
    spend(lua, kWorkOfValue);
    const char* const end = matcher.match_at(at);
    if (end != nullptr) {
      ++count;
      is_text ? add_text(lua, out, matcher, at, end) : add_answer(lua, out, matcher, at, end);
    }
    if (end != nullptr && end > at) {
      at = end;
    } else if (at < matcher.end()) {
      out.add(*at++);
    } else {
      break;
    }
    if (anchored) break;
  }
  out.add({at, matcher.end()});
  push_view(lua, out.view());
  lua_pushinteger(lua, count);
  return 2;
}

}  // namespace

void put_string_patterns(lua_State* lua) {
  put_function(lua, "find", find);
  put_function(lua, "match", match);
  put_function(lua, "gmatch", gmatch);
  put_function(lua, "gfind", gmatch);  // its name in Lua 5.0
  put_function(lua, "gsub", gsub);
}

}  // namespace sojourn::server
