// What scripts can get at: the attacks of the published advisories, and their like.

#include <gmock/gmock.h>

#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Sandbox : public MemoryCommandTest {
 protected:
  std::string eval(const std::string& script) { return run_words({"EVAL", script, "0"}); }
};

// CVE-2022-0543 and older: what reaches files, code or the interpreter itself.
TEST_F(Sandbox, HasNothingThatReachesOut) {
  for (const std::string name :
       {"package", "require", "module", "io", "debug", "dofile", "loadfile", "loadstring", "load",
        "print", "newproxy", "getfenv", "setfenv", "jit", "ffi"}) {
    EXPECT_THAT(eval("return type(" + name + ")"),
                HasSubstr("Script attempted to access nonexistent global variable '" + name + "'"));
    EXPECT_EQ(eval("return type(rawget(_G, '" + name + "'))"), "nil") << name;
  }
  EXPECT_EQ(eval("return type(os.clock())"), "number");
  EXPECT_EQ(eval("local n = {} for k in pairs(os) do n[#n + 1] = k end return n"), "1) \"clock\"");
  EXPECT_EQ(eval("return type(string.dump)"), "nil");
}

// CVE-2015-4335: bytecode.
TEST_F(Sandbox, RefusesBytecode) {
  EXPECT_THAT(eval("\x1bLuaQ\0\1\4\10\4\10\0"), StartsWith("(error) ERR Error compiling script"));
  EXPECT_THAT(run_words({"SCRIPT", "LOAD", "\x1bLua"}),
              StartsWith("(error) ERR Error compiling script"));
}

// CVE-2021-32672: the debugger's own protocol.
TEST_F(Sandbox, HasNoDebugger) {
  for (const std::string mode : {"YES", "SYNC"}) {
    EXPECT_EQ(run("SCRIPT DEBUG " + mode), "(error) ERR There is no debugger for scripts");
  }
  EXPECT_EQ(eval("redis.breakpoint() redis.debug('x') return 1"), "(integer) 1");
}

// CVE-2022-24736: a text that is no script, as one that ends the function it would be the body of.
TEST_F(Sandbox, RefusesTextsThatAreNoScripts) {
  for (const std::string text : {"end",
                                 "return 1 end",
                                 "end function f() return 1",
                                 "return 1 end return 2 --",
                                 "return 1 end)",
                                 "function",
                                 "local",
                                 "return return",
                                 "x",
                                 "'",
                                 "[[",
                                 "--[[",
                                 "#!",
                                 "#!lua x",
                                 "#!lua flags=x",
                                 "return 1 \\",
                                 "goto x",
                                 "a.b:c = 1",
                                 "local function f(... ,a) end",
                                 "for i = 1 do end",
                                 "break",
                                 "return ...,",
                                 "\xff\xfe",
                                 "local t <const> = 1"}) {
    EXPECT_THAT(eval(text), StartsWith("(error) ERR ")) << text;
    EXPECT_THAT(run_words({"SCRIPT", "LOAD", text}), StartsWith("(error) ERR ")) << text;
  }
  EXPECT_THAT(eval(std::string("return 1 \0 x", 12)), StartsWith("(error) ERR "));
  EXPECT_EQ(eval(""), "(nil)");
  EXPECT_EQ(eval("return 1"), "(integer) 1");
}

// CVE-2022-24735, CVE-2025-46818: one user's script changes what the next one's sees.
TEST_F(Sandbox, IsTheSameForTheNextScript) {
  constexpr const char* kReadOnly = "Attempt to modify a readonly table";
  constexpr const char* kBoolean = "user_script:1: attempt to index a boolean value";
  constexpr const char* kNil = "user_script:1: attempt to index a nil value";
  const struct {
    const char* attack;
    const char* error;
  } kAttacks[] = {
      {"foo = 1", kReadOnly},
      {"_G.foo = 1", kReadOnly},
      {"redis = nil", kReadOnly},
      {"KEYS = {}", kReadOnly},
      {"ARGV = nil", kReadOnly},
      {"tostring = nil", kReadOnly},
      {"redis.call = nil", kReadOnly},
      {"string.format = nil", kReadOnly},
      {"table.insert(string, 1)", kReadOnly},
      {"os.clock = nil", kReadOnly},
      {"table.sort({3, 2, 1}) table.sort(math)", kReadOnly},
      {"table.remove(redis)", kReadOnly},
      {"rawset(_G, 'foo', 1)", kReadOnly},
      {"rawset(redis, 'call', nil)", kReadOnly},
      {"setmetatable(_G, {})", kReadOnly},
      {"setmetatable(cjson, {})", kReadOnly},
      {"cjson.encode = function() return 'mine' end", kReadOnly},
      {"bit.band = nil", kReadOnly},
      {"struct.pack = nil", kReadOnly},
      {"cmsgpack.pack = nil", kReadOnly},
      {"coroutine.wrap = nil", kReadOnly},
      {"math.random = function() return 4 end", kReadOnly},
      {"getmetatable('').__index = function() return 'mine' end", kReadOnly},
      {"getmetatable('').__eq = function() return true end", kReadOnly},
      {"getmetatable('').__index.upper = function() return 'mine' end", kReadOnly},
      {"rawset(getmetatable(''), '__index', {})", kReadOnly},
      {"local s = '' s.format = 1", "user_script:1: attempt to index local 's' (a string value)"},
      {"for _, t in pairs(_G) do if type(t) == 'table' then t.x = 1 end end", kReadOnly},
      {"getmetatable(_G).__index = nil", kBoolean},
      {"getmetatable(redis).__newindex = nil", kBoolean},
      {"getmetatable(1).__index = {}", kNil},
      {"getmetatable(nil).__index = {}", kNil},
      {"getmetatable(true).__index = {}", kNil},
      {"getmetatable(function() end).__index = {}", kNil},
      {"getmetatable(coroutine.create(function() end)).__index = {}", kNil},
  };
  for (const auto& [attack, error] : kAttacks) {
    EXPECT_THAT(eval(attack), HasSubstr(error)) << attack;
  }
  EXPECT_THAT(eval("return foo"), HasSubstr("nonexistent global variable 'foo'"));
  EXPECT_EQ(eval("return {redis.call('PING').ok, ('x'):upper(), cjson.encode({1}), "
                 "tostring(math.random() < 1), type(KEYS), tostring(#ARGV)}"),
            "1) \"PONG\"\n2) \"X\"\n3) \"[1]\"\n4) \"true\"\n5) \"table\"\n6) \"0\"");
}

// What is thrown may be what all scripts share. Nothing is written into it on its way out.
TEST_F(Sandbox, WritesNothingIntoWhatIsThrown) {
  for (const std::string shared : {"_G", "redis", "string", "cjson", "getmetatable('')"}) {
    for (const std::string& raise :
         {"error(" + shared + ")", "error(" + shared + ", 2)",
          "coroutine.wrap(function() error(" + shared + ") end)()",
          "pcall(pcall, error, " + shared + ") error(" + shared + ")",
          "xpcall(function() error(" + shared + ") end, function(e) e.source = 1 end) error(" +
              shared + ")",
          "table.sort({1, 2}, function() error(" + shared + ") end)"}) {
      EXPECT_THAT(eval(raise), StartsWith("(error) ERR unknown error script: ")) << raise;
    }
    EXPECT_THAT(eval("local t = " + shared + " return t.source"),
                ::testing::AnyOf("(nil)", HasSubstr("nonexistent global variable 'source'")))
        << shared;
    EXPECT_THAT(eval("local t = " + shared + " return t.line"),
                ::testing::AnyOf("(nil)", HasSubstr("nonexistent global variable 'line'")))
        << shared;
  }
  // Nor are functions of the script called for it.
  EXPECT_THAT(eval("local function wrote() redis.call('SET', 'written', 1) end "
                   "error(setmetatable({err = 'MY x'}, {__newindex = wrote, __index = wrote, "
                   "__tostring = wrote}))"),
              StartsWith("(error) MY x script: "));
  EXPECT_EQ(run("EXISTS written"), "(integer) 0");
}

// CVE-2025-46818: what values of the basic types have in common.
TEST_F(Sandbox, HasNoMetatablesOfBasicTypes) {
  for (const char* value : {"1", "nil", "true", "function() end", "cjson.null",
                            "coroutine.create(function() end)", "redis.call"}) {
    EXPECT_EQ(eval(std::string("return type(getmetatable(") + value + "))"), "nil") << value;
    EXPECT_THAT(eval(std::string("setmetatable(") + value + ", {__index = {x = 1}})"),
                HasSubstr("table expected"))
        << value;
  }
  EXPECT_EQ(eval("return tostring(getmetatable(redis))"), "false");
  EXPECT_THAT(eval("setmetatable('', {})"), HasSubstr("table expected"));
  EXPECT_EQ(eval("local n = {} for k in pairs(getmetatable('')) do n[#n + 1] = k end return n"),
            "1) \"__index\"");
}

TEST_F(Sandbox, ForgetsSettingsWithTheScript) {
  eval("cjson.encode_sparse_array(true) cjson.encode_number_precision(3)");
  EXPECT_EQ(eval("return cjson.encode(1/3)"), "0.33333333333333");
  EXPECT_THAT(eval("return cjson.encode({[1] = 1, [100] = 2})"), HasSubstr("sparse"));
  eval("redis.setresp(3)");
  EXPECT_EQ(eval("return type(redis.call('GET', 'none'))"), "boolean");
  eval("collectgarbage('stop')");
  eval("math.randomseed(7)");
  EXPECT_EQ(run_words({"EVAL", "return KEYS[1] .. #ARGV", "1", "k"}), "k0");
  EXPECT_EQ(eval("return #KEYS"), "(integer) 0");
}

TEST_F(Sandbox, ShowsItsTablesAllTheSame) {
  EXPECT_EQ(eval("local n = 0 for k, v in pairs(bit) do n = n + 1 end return n"), "(integer) 12");
  EXPECT_EQ(eval("local k = next(struct) return type(k)"), "string");
  EXPECT_EQ(eval("return type(rawget(redis, 'call'))"), "function");
  EXPECT_EQ(eval("return type(redis)"), "table");
  EXPECT_EQ(eval("return tostring(_G._G == _G)"), "true");
}

// CVE-2025-46817: a range that wraps around.
TEST_F(Sandbox, UnpacksNoMoreThanThereIsRoomFor) {
  for (const char* range : {"0, 2147483647", "-2147483648, 2147483647", "1, 1e9", "-1e18, 1e18",
                            "2147483647, 2^53", "0, 0/0 ~= 0 and 2^31 or 1"}) {
    EXPECT_THAT(eval(std::string("return {unpack({}, ") + range + ")}"),
                HasSubstr("too many results to unpack"))
        << range;
  }
  EXPECT_EQ(eval("return {unpack({1, 2, 3}, 2)}"), "1) (integer) 2\n2) (integer) 3");
  EXPECT_EQ(eval("return {unpack({1, 2, 3}, 3, 2)}"), "(empty array)");
}

// CVE-2024-31449: a number of digits whose sign cannot be taken away.
TEST_F(Sandbox, WritesEightHexadecimalDigitsAtMost) {
  EXPECT_EQ(eval("return bit.tohex(65535, -2147483648)"), "0000FFFF");
  EXPECT_EQ(eval("return bit.tohex(1, 2147483647)"), "00000001");
  EXPECT_EQ(eval("return bit.tohex(255, 4)"), "00ff");
}

// CVE-2025-46819, CVE-2025-49844: the parser.
TEST_F(Sandbox, ParsesWhatIsHard) {
  const std::string many(10'000, '=');
  EXPECT_THAT(eval("return [" + many + "[x]" + many + "]"), "x");
  EXPECT_THAT(eval("return [" + many), HasSubstr("invalid long string delimiter"));
  EXPECT_THAT(eval("return [" + many + "[x"), HasSubstr("unfinished long string"));
  EXPECT_THAT(eval("--[" + many + "[ x"), HasSubstr("unfinished long comment"));
  EXPECT_THAT(eval("return " + std::string(10'000, '(') + "1"),
              HasSubstr("too many syntax levels"));
  EXPECT_THAT(eval(std::string(10'000, '{')), StartsWith("(error) ERR Error compiling script"));
  // Garbage is collected while the name of what is parsed is in use.
  for (int i = 0; i < 300; ++i) {
    const std::string number = std::to_string(i);
    std::string script = "local t = {";
    for (int j = 0; j < 200; ++j) script += "'" + number + "-" + std::to_string(j) + "',";
    EXPECT_EQ(eval(script + "} error('end " + number + "')").substr(0, 35),
              ("(error) ERR user_script:1: end " + number + " script").substr(0, 35));
  }
}

// CVE-2015-8080, CVE-2018-11218, CVE-2018-11219, CVE-2020-14147, CVE-2022-24834.
TEST_F(Sandbox, BelievesNoLengthInWhatItUnpacks) {
  EXPECT_THAT(eval("return struct.pack('>I2147483647', 10)"), HasSubstr("integral size"));
  EXPECT_THAT(eval("return struct.pack('>I2147483648', '10')"), HasSubstr("integral size"));
  EXPECT_THAT(eval("return struct.pack('>I4294967297', '10')"), HasSubstr("integral size"));
  EXPECT_THAT(eval("return struct.pack('I99999999999999999999', 1)"), HasSubstr("integral size"));
  EXPECT_THAT(eval("return struct.unpack('I', 'abc', 2147483647)"), HasSubstr("too short"));
  EXPECT_THAT(eval("return struct.unpack('I', 'abcd', 9007199254740992)"), HasSubstr("too short"));
  EXPECT_THAT(eval("return struct.unpack('c2147483647', 'abc')"), HasSubstr("too short"));
  EXPECT_THAT(eval("return struct.unpack('c4294967295', 'abc')"), HasSubstr("integral size"));
  EXPECT_THAT(eval("return struct.unpack('dc0', struct.pack('d', 1e300) .. 'x')"),
              HasSubstr("too short"));
  EXPECT_THAT(eval("return struct.unpack('bc0', '\\255x')"), HasSubstr("too short"));
  EXPECT_THAT(eval("return struct.pack('!3i', 1)"), HasSubstr("power of 2"));
  EXPECT_THAT(eval("return struct.pack('!0i', 1)"), HasSubstr("power of 2"));
  for (const char* bytes : {"\\221", "\\220\\221", "\\220\\221\\191", "\\221\\255\\255\\255\\255",
                            "\\223\\255\\255\\255\\255", "\\219\\255\\255\\255\\255",
                            "\\219\\127\\255\\255\\255", "\\203", "\\211\\1", "\\143"}) {
    EXPECT_THAT(eval(std::string("return cmsgpack.unpack('") + bytes + "')"),
                HasSubstr("Missing bytes in input."))
        << bytes;
  }
  EXPECT_THAT(eval("return cmsgpack.unpack('\\193')"), HasSubstr("Bad data format"));
  EXPECT_THAT(eval("return cmsgpack.unpack('\\129\\192\\1')"), HasSubstr("table index is nil"));
  EXPECT_THAT(eval("return cmsgpack.unpack(string.rep('\\145', 100000))"),
              StartsWith("(error) ERR user_script:1: "));
  EXPECT_THAT(eval("return cmsgpack.unpack_limit('abc', 2147483647, 4)"), HasSubstr("offset"));
  EXPECT_THAT(eval("cjson.decode_max_depth(2147483647) return cjson.decode(string.rep('[', 1e6))"),
              HasSubstr("too many nested"));
  EXPECT_THAT(eval("cjson.encode_max_depth(2147483647) local t = {} t[1] = t "
                   "return cjson.encode(t)"),
              HasSubstr("excessive nesting"));
  EXPECT_EQ(eval("return #cjson.encode(string.rep('\\0', 1e6))"), "(integer) 6000002");
  EXPECT_EQ(eval("return {struct.unpack('i0I0', 'x')}"),
            "1) (integer) 0\n2) (integer) 0\n3) (integer) 1");
  EXPECT_EQ(eval("return #struct.pack('i0I0', 7, 7)"), "(integer) 0");
}

TEST_F(Sandbox, BoundsMemory) {
  EXPECT_THAT(eval("local s = 'x' while true do s = s .. s end"), HasSubstr("not enough memory"));
  EXPECT_THAT(eval("return string.rep('x', 2147483647)"), HasSubstr("not enough memory"));
  EXPECT_THAT(eval("local t = {} for i = 1, 1e9 do t[i] = i end"), HasSubstr("not enough memory"));
  EXPECT_EQ(eval("return string.rep('', 2147483647)"), "");
  EXPECT_EQ(eval("return #string.rep('x', 1e6)"), "(integer) 1000000");
  EXPECT_LT(services->scripts->figures().machine_bytes, 64u << 20);
}

// One text, given so often that reading it takes hours.
TEST_F(Sandbox, BoundsTheTextsOfOneCall) {
  const std::string many = "local s = ('1'):rep(1e6) local t = {} for i = 1, 1000 do t[i] = s end ";
  for (const std::string call : {"math.max(unpack(t))", "math.min(unpack(t))",
                                 "string.char(unpack(t))", "('%d'):rep(1000):format(unpack(t))"}) {
    EXPECT_THAT(eval(many + "return " + call), HasSubstr("not enough memory")) << call;
  }
  EXPECT_EQ(eval("return {math.max('7', 3), math.min('7', 3), string.char('65', 66)}"),
            "1) (integer) 7\n2) (integer) 3\n3) \"AB\"");
}

// CVE-2021-32626: more on Lua's stack than it has room for.
TEST_F(Sandbox, BoundsTheStack) {
  EXPECT_THAT(eval("local function f() return f() + 1 end return f()"), HasSubstr("overflow"));
  EXPECT_EQ(eval("local function f() return pcall(f) end return tostring(f())"), "true");
  EXPECT_THAT(eval("local function f() return pcall(f) end return (select(-1, f()))"),
              HasSubstr("stack overflow"));
  EXPECT_THAT(eval("local s = string.rep('a', 200000) return s:find(string.rep('a?', 200000))"),
              HasSubstr("pattern too complex"));
  EXPECT_THAT(eval("local s = string.rep('a', 1e5) return s:gsub(string.rep('(a', 1e5), 'x')"),
              HasSubstr("too many captures"));
  EXPECT_EQ(eval("local s = string.rep('a', 1e5) return s:find(s)"), "(integer) 1");
  EXPECT_EQ(eval("local s = string.rep('a', 1e5) return #s:match(string.rep('.', 1e5))"),
            "(integer) 100000");
  EXPECT_EQ(eval("return ('abc'):match(string.rep('%a', 1e5))"), "(nil)");
  EXPECT_EQ(eval("local s = string.rep('a', 16000) return #s:match(string.rep('a?', 16000))"),
            "(integer) 16000");
  EXPECT_EQ(eval("local s = string.rep('+', 1e5) return s:find(s, 1, true)"), "(integer) 1");
  EXPECT_THAT(*client().try_raw({"EVAL", "local t = {} t[1] = t return t", "0"}),
              HasSubstr("-ERR reached lua stack limit"));
  const std::string many = "local t = {} for i = 1, 7900 do t[i] = i end ";
  EXPECT_EQ(eval(many + "return redis.call('SADD', 's', unpack(t))"), "(integer) 7900");
  EXPECT_EQ(eval("return #redis.call('SMEMBERS', 's')"), "(integer) 7900");
  EXPECT_EQ(eval(many + "return select('#', cmsgpack.unpack(cmsgpack.pack(unpack(t))))"),
            "(integer) 7900");
  EXPECT_EQ(eval("return select('#', struct.unpack(string.rep('B', 7900), string.rep('x', 7900)))"),
            "(integer) 7901");
  for (const char* call : {"cmsgpack.unpack(string.rep('\\1', 1e6))",
                           "struct.unpack(string.rep('B', 1e6), string.rep('x', 1e6))",
                           "redis.call('SADD', 's', unpack(t, 1, 1e6))"}) {
    EXPECT_THAT(eval(std::string("local t = {} return select('#', ") + call + ")"),
                StartsWith("(error) ERR "))
        << call;
  }
}

// CVE-2024-46981: collecting that is under way when all scripts are forgotten, and their machine
// ends.
TEST_F(Sandbox, EndsInTheMidstOfCollecting) {
  const std::string litter =
      "local kept = {} for i = 1, 500 do kept[i] = setmetatable({('x'):rep(i)}, "
      "{__mode = 'kv', __gc = function() redis.call('SET', 'collected', 1) end}) "
      "local pending = coroutine.wrap(function() coroutine.yield(cjson.encode(kept[i])) end) "
      "pending() end ";
  for (const std::string collect :
       {"collectgarbage('step')", "collectgarbage('step', 1)", "collectgarbage('stop')",
        "collectgarbage('setpause', 1)", "collectgarbage('setstepmul', 1)", "kept = nil"}) {
    for (int i = 0; i < 5; ++i) eval(litter + "pcall(function() " + collect + " end) return 1");
    EXPECT_EQ(run("SCRIPT FLUSH"), "OK");
    EXPECT_EQ(eval("collectgarbage() return 1"), "(integer) 1") << collect;
  }
  EXPECT_EQ(run("EXISTS collected"), "(integer) 0");
}

// CVE-2025-67733: line ends in what becomes a line.
TEST_F(Sandbox, LetsNoTextForgeAReply) {
  EXPECT_EQ(eval("return redis.error_reply('A b\\r\\n+OK')"), "(error) A b  +OK");
  EXPECT_EQ(eval("return {ok = 'x\\r\\n$3'}"), "x  $3");
  EXPECT_EQ(eval("return {err = 'E x\\n:1'}"), "(error) E x :1");
  EXPECT_THAT(eval("error('a\\r\\nb')"), HasSubstr("a  b script: "));
  EXPECT_THAT(eval("error({err = 'X a\\r\\nb'})"), StartsWith("(error) X a  b script: "));
  EXPECT_THAT(eval("return redis.call('a\\r\\nb')"),
              StartsWith("(error) ERR Unknown Redis command"));
  resp3();
  EXPECT_EQ(*client().try_raw({"EVAL", "return {big_number = '1\\r\\n:2'}", "0"}), "(1  :2\r\n");
}

TEST_F(Sandbox, SurvivesErrorsOfAnyKind) {
  EXPECT_THAT(eval("error()"), StartsWith("(error) ERR nil script: "));
  EXPECT_THAT(eval("error({})"), StartsWith("(error) ERR unknown error script: "));
  EXPECT_THAT(eval("error(setmetatable({}, {__index = error, __tostring = error}))"),
              StartsWith("(error) ERR unknown error"));
  EXPECT_THAT(eval("return setmetatable({}, {__index = error})"), "(empty array)");
  EXPECT_THAT(eval("xpcall(error, error) return 1"), "(integer) 1");
  EXPECT_THAT(eval("return coroutine.wrap(function() error('in') end)()"), HasSubstr("in"));
  EXPECT_THAT(eval("coroutine.yield(1)"), HasSubstr("attempt to yield"));
}

}  // namespace
}  // namespace sojourn::server
