// What functions of C do is counted, all of it: by that alone anybody comes to look at the clock.

#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>
#include <string>

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

// Lua's state on a heap that counts no work, so that what is counted is the function's own.
class Lua {
 public:
  Lua() : state_(lua_newstate(allocate, &context_)) {
    context_.bytes_max = 1u << 30;
    push_sandbox(state_, "7.2.4");
    put_function(state_, "begin", begin);
    lua_pop(state_, 1);
  }
  ~Lua() { lua_close(state_); }
  Lua(const Lua&) = delete;
  Lua& operator=(const Lua&) = delete;

  // Of what comes after the script's begin().
  std::size_t work_of(const std::string& script) {
    const int status =
        luaL_loadstring(state_, script.c_str()) == 0 ? lua_pcall(state_, 0, 0, 0) : LUA_ERRSYNTAX;
    EXPECT_EQ(status, 0) << to_view(state_, -1);
    lua_settop(state_, 0);
    return context_.work;
  }

 private:
  static void* allocate(void*, void* old, std::size_t, std::size_t bytes) {
    if (bytes != 0) return std::realloc(old, bytes);
    std::free(old);
    return nullptr;
  }
  static int begin(lua_State* lua) {
    context_of(lua).work = 0;
    return 0;
  }

  LuaContext context_;
  lua_State* state_;
};

struct Case {
  const char* script;
  std::size_t least;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.script; }

class Work : public ::testing::TestWithParam<Case> {};

TEST_P(Work, IsCounted) {
  Lua lua;
  const std::size_t work = lua.work_of(GetParam().script);
  EXPECT_GE(work, GetParam().least);
  // Nobody is to look at the clock for next to nothing.
  EXPECT_LE(work, 20 * GetParam().least);
}

constexpr Case kElements[] = {
    {"local t = {} for i = 1, 1000 do t[i] = i end begin() table.foreach(t, getmetatable)",
     1'310'000},
    {"local t = {} for i = 1, 1000 do t[i] = i end begin() table.foreachi(t, getmetatable)",
     1'310'000},
    {"local t = {} for i = 1, 300 do t[i] = setmetatable({}, {__lt = rawequal}) end begin() "
     "table.sort(t)",
     2'600'000},
    {"local t = {} for i = 1, 300 do t[i] = i end begin() table.sort(t)", 2'600'000},
    {"local t = {} for i = 1, 300 do t[i] = i end begin() table.sort(t, rawequal)", 2'600'000},
    {"local s, t = ('1'):rep(1000), {} for i = 1, 100 do t[i] = s end begin() bit.band(unpack(t))",
     100'000},
    {"local s, t = ('1'):rep(1000), {} for i = 1, 100 do t[i] = s end "
     "local f = ('b'):rep(100) begin() struct.pack(f, unpack(t))",
     100'000},
    {"begin() return unpack({}, 1, 5000)", 5000},
};
INSTANTIATE_TEST_SUITE_P(OfElements, Work, ::testing::ValuesIn(kElements));

constexpr Case kPatterns[] = {
    {"local s, set = ('a'):rep(1000), ('b'):rep(400) begin() s:find('[' .. set .. ']')", 400'000},
    {"local s, set = ('a'):rep(1000), ('b'):rep(400) begin() s:find('%f[' .. set .. ']')", 800'000},
    {"local s, set = ('a'):rep(1000), ('b'):rep(400) begin() s:gsub('[' .. set .. ']-', '')",
     400'000},
    {"local s = ('a'):rep(1000) begin() s:find('()$')", 1000},
    {"local s = ('a'):rep(1000) begin() s:find('%b()')", 1000},
    {"local s = ('a'):rep(1000) begin() s:find('(b*)' .. ('%1'):rep(100) .. 'b')", 100'000},
    {"local s = ('a'):rep(1000) begin() for _ in s:gmatch('') do end", 1000},
    {"local s = ('a'):rep(1000) begin() s:gsub('', redis.debug)", 1'310'000},
    {"local s = ('a'):rep(1000) begin() s:gsub('', {})", 1'310'000},
    {"local s = ('a'):rep(100) begin() s:gsub('', ('%0'):rep(100))", 160'000},
    {"local s = ('a'):rep(100) begin() s:gsub('()b-()', ('%1'):rep(100))", 160'000},
};
INSTANTIATE_TEST_SUITE_P(OfPatterns, Work, ::testing::ValuesIn(kPatterns));

constexpr Case kReaders[] = {
    {"local s = '{' .. ('\"a\":1,'):rep(1000) .. '\"a\":1}' begin() cjson.decode(s)", 64'000},
    {"local s = (' '):rep(100000) .. '1' begin() cjson.decode(s)", 100'000},
    {"local s = '\"' .. ('a'):rep(100000) .. '\"' begin() cjson.decode(s)", 99'000},
    {"local s = ('1'):rep(100000) begin() cjson.decode(s)", 100'000},
    {"local s = '\\220\\3\\232' .. ('\\192'):rep(1000) begin() cmsgpack.unpack(s)", 16'000},
    {"local s = ('\\1'):rep(1000) begin() cmsgpack.unpack(s)", 16'000},
    {"local s = cmsgpack.pack(('a'):rep(100000)) begin() cmsgpack.unpack(s)", 100'000},
    {"local s = ('x'):rep(1000) begin() struct.size(s)", 16'000},
    {"local s = ('>'):rep(1000) begin() struct.size(s)", 16'000},
    {"local s = 'i' .. ('0'):rep(10000) begin() struct.size(s)", 10'000},
    {"local s = ('x'):rep(1000) begin() struct.unpack(s, s)", 16'000},
};
INSTANTIATE_TEST_SUITE_P(OfReaders, Work, ::testing::ValuesIn(kReaders));

constexpr Case kWriters[] = {
    {"local t = {} for i = 1, 1000 do t[i] = i end begin() cjson.encode(t)", 32'000},
    {"local s = ('a'):rep(100000) begin() cjson.encode(s)", 99'000},
    {"local t = {} for i = 1, 1000 do t[i] = i end begin() cmsgpack.pack(t)", 32'000},
    {"local t = {} for i = 1, 1000 do t['a' .. i] = i end begin() cmsgpack.pack(t)", 48'000},
    {"local s = ('x'):rep(1000) begin() struct.pack(s)", 16'000},
    {"local s = ('a'):rep(99000) .. 'b' begin() s:gsub('b', '')", 99'000},
};
INSTANTIATE_TEST_SUITE_P(OfWriters, Work, ::testing::ValuesIn(kWriters));

}  // namespace
}  // namespace sojourn::server
