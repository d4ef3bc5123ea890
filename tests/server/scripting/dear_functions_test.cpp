// Functions of C that take long, or make much of little: no script hides in one from the clock, or
// from the bound of its memory.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;

using Outcome = Dispatcher::Outcome;

// A script takes minutes in its end, or for ever, if nobody stops it. What that needs is made
// first.
struct Dear {
  const char* before;
  const char* end;
};
void PrintTo(const Dear& dear, std::ostream* out) { *out << dear.end; }

constexpr Dear kDear[] = {
    {"", "while true do ('x'):rep(1e7) end"},
    {"local s = ('x'):rep(1e7)", "while true do s:reverse() end"},
    {"local s = ('x'):rep(1e7)", "while true do ('%s'):format(s) end"},
    {"local s = ('x'):rep(1e6)", "while true do local t = s .. 'y' end"},
    {"local t = {} for i = 1, 3e5 do t[i] = 'x' end", "while true do table.concat(t) end"},
    {"local t = {} for i = 1, 3e5 do t[i] = '' end", "while true do table.concat(t) end"},
    {"local t = {} for i = 1, 1e5 do t[i] = {} end", "while true do collectgarbage() end"},
    {"", "table.insert({}, -2^31, 1)"},
    {"local t = {} for i = 1, 3e5 do t[i] = i end", "while true do table.insert(t, 1, 1) end"},
    {"local t = {} for i = 1, 3e5 do t[i] = i end", "while true do table.remove(t, 1) end"},
    {"local t = {} for i = 1, 3e5 do t[i] = i end", "while true do table.sort(t) end"},
    {"local t = {} for i = 1, 3e5 do t[i] = i end", "while true do table.sort(t, rawequal) end"},
    {"local mt, t = {__lt = rawequal}, {} for i = 1, 1e5 do t[i] = setmetatable({}, mt) end",
     "while true do table.sort(t) end"},
    {"local t = {} for i = 1, 3e5 do t[i] = i end", "while true do table.maxn(t) end"},
    // Tables that seem long to foreachi() and have but a few elements.
    {"local function f() local t = {} for i = 0, 1023 do t['a' .. i] = 1 end "
     "for i = 0, 1023 do t['a' .. i] = nil end for k = 0, 22 do t[2^k] = 1 end return t end "
     "local o = {} for i = 1, 500 do o[f()] = getmetatable end",
     "while true do table.foreach(o, table.foreachi) end"},
    {"local s = ('a'):rep(1e6)", "return s:find(('.-'):rep(6) .. 'b')"},
    {"local s = ('a'):rep(1e6)", "return s:match(('a*'):rep(6) .. 'b')"},
    {"local s = ('a'):rep(1e6)", "return s:gsub(('a?'):rep(60) .. ('a'):rep(60) .. 'b', '')"},
    {"local s = ('a'):rep(1e6)", "for _ in s:gmatch(('.-'):rep(6) .. 'b') do end"},
    {"local s = ('('):rep(1e6)", "return s:find('%b()')"},
    {"local s = ('a'):rep(1e6)", "return s:find('(a*)%1%1b')"},
    {"local s, set = ('a'):rep(1e7), ('b'):rep(4000)", "return s:find('%f[' .. set .. ']')"},
    {"local s = ('a'):rep(1e7)", "while true do s:gsub('', redis.debug) end"},
    {"local s = ('a'):rep(1e7)", "while true do s:find(('a'):rep(5e6) .. 'b', 1, true) end"},
    {"local s = ('a'):rep(1e7)", "while true do redis.sha1hex(s) end"},
    {"local t = {} for i = 1, 40 do t = {t, t} end", "return #cjson.encode(t)"},
    {"local t = {} for i = 1, 14 do t = {t, t, t, t, t, t, t, t, t, t} end",
     "return #cmsgpack.pack(t)"},
    {"local s = '[' .. ('1,'):rep(1e6) .. '1]'", "while true do cjson.decode(s) end"},
    {"local s = '{' .. ('\"a\":1,'):rep(1e6) .. '\"a\":1}'", "while true do cjson.decode(s) end"},
    {"local s = cmsgpack.pack({('x'):rep(1e6):byte(1, 7000)})",
     "while true do cmsgpack.unpack(s) end"},
    {"local s = '\\221\\0\\15\\66\\64' .. ('\\192'):rep(1e6)",
     "while true do cmsgpack.unpack(s) end"},
    {"local f = ('x'):rep(1e6)", "while true do struct.size(f) end"},
    {"local f = ('x'):rep(1e6)", "while true do struct.pack(f) end"},
    {"", "while true do redis.call('KEYS', 'none*') end"},
    {"local t = {} for i = 1, 40 do t = {t, t} end", "return t"},
    {"local t = {} for i = 1, 40 do t = {map = {a = t, b = t}} end", "return t"},
};

class DearFunctions : public CommandTest, public ::testing::WithParamInterface<Dear> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(config.read("busy-reply-threshold 1", "test"));
    ASSERT_EQ(::pipe2(pipe.data(), O_NONBLOCK | O_CLOEXEC), 0);
    own_log = std::make_unique<Log>(pipe[1], LogLevel::warning);
    own_services = std::make_unique<Services>(
        Services{*keyspace, config, clock, *own_log, connections, metrics, slowlog, registry});
    own = std::make_unique<Dispatcher>(*own_services);
    for (ConnectionState* connection : {&state, &killer}) connection->authenticated = true;
    state.id = 99;
  }
  void TearDown() override {
    state = {};
    own.reset();
    own_services.reset();
    for (const int end : pipe) ::close(end);
  }
  Outcome ask(ConnectionState& connection, const std::vector<std::string>& words,
              std::string& out) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    return own->run(connection, views, out, clock.now(), [] {});
  }
  Outcome go_on() { return ask(state, words, out); }
  std::string reply_to(const std::vector<std::string>& words) {
    std::string reply;
    EXPECT_EQ(ask(killer, words, reply), Outcome::done);
    return reply;
  }
  // Whether the script has written its line into the log.
  bool is_at_its_end() {
    std::array<char, 4096> bytes;
    for (ssize_t size; (size = ::read(pipe[0], bytes.data(), bytes.size())) > 0;) {
      logged.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return logged.find("the end begins") != std::string::npos;
  }

  std::array<int, 2> pipe{};
  std::unique_ptr<Log> own_log;
  std::unique_ptr<Services> own_services;
  std::unique_ptr<Dispatcher> own;
  ConnectionState state;
  ConnectionState killer;
  std::vector<std::string> words;
  std::string out;
  std::string logged;
};

TEST_P(DearFunctions, AreLeftAndEndedInTheirMidst) {
  words = {"EVAL",
           std::string(GetParam().before) + " redis.log(redis.LOG_WARNING, 'the end begins') " +
               GetParam().end,
           "0"};
  while (!is_at_its_end()) ASSERT_EQ(go_on(), Outcome::next_turn) << out;
  const auto begin = std::chrono::steady_clock::now();
  for (int turns = 0; turns < 4; ++turns) ASSERT_EQ(go_on(), Outcome::next_turn) << out;
  EXPECT_EQ(reply_to({"SCRIPT", "KILL"}), "+OK\r\n");
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_THAT(out, HasSubstr("-ERR Script killed by user with SCRIPT KILL..."));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_EQ(reply_to({"EVAL", "return 'next'", "0"}), "$4\r\nnext\r\n");
}

INSTANTIATE_TEST_SUITE_P(All, DearFunctions, ::testing::ValuesIn(kDear));

// What a script has left when it keeps this: so the bound comes soon.
class BoundedTexts : public MemoryCommandTest {
 protected:
  // What one script gave back the next one has without asking the kernel for each page again.
  static void SetUpTestSuite() {
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  }
  std::string eval(const std::string& script) { return run_words({"EVAL", script, "0"}); }
  // s has 50 MB, and about as much is left, which is why what is tried needs more.
  static std::string with_little(const std::string& script) {
    return "local u = ('a'):rep(1e5) local s = u:rep(500) collectgarbage() collectgarbage() "
           "local kept = {} while collectgarbage('count') < 215e3 do kept[#kept + 1] = u .. #kept "
           "end " +
           script;
  }
  std::string eval_with_little(const std::string& script) { return eval(with_little(script)); }
};

TEST_F(BoundedTexts, CountAsTheMemoryOfTheirScript) {
  ASSERT_EQ(run("CONFIG SET busy-reply-threshold 0"), "OK");
  EXPECT_EQ(eval_with_little(
                "local t, wide = {'text'}, {'text'} for i = 1, 40 do t = {t, t} end "
                "for i = 1, 14 do wide = {wide, wide, wide, wide, wide, wide, wide, wide} end "
                "local wrong = {} for i, f in ipairs({"
                "function() return cjson.encode(t) end,"
                "function() return cmsgpack.pack(wide) end,"
                "function() return cjson.encode(s) end,"
                "function() return cmsgpack.pack(s) end,"
                "function() return struct.pack('ss', s, s) end,"
                "function() return s:gsub('a', 'aa') end,"
                "function() return cjson.decode('\"' .. u:rep(120) .. '\"') end,"
                "function() return redis.error_reply(s) end,"
                "function() return s:upper() end}) do "
                "local ok, why = pcall(f) if ok or why ~= 'not enough memory' then "
                "wrong[#wrong + 1] = i .. tostring(ok or why) end why = nil collectgarbage() end "
                "return {#wrong, unpack(wrong)}"),
            "1) (integer) 0");
  EXPECT_EQ(eval("return cjson.encode({1, 2})"), "[1,2]");
}

TEST_F(BoundedTexts, CountAsTheMemoryOfTheirScriptInReplies) {
  for (const char* script : {"local t = {'text'} for i = 1, 40 do t = {t, t} end return t",
                             "local t = {a = 1} for i = 1, 40 do t = {map = {a = t, b = t}} end "
                             "return t",
                             "return {s, s}", "return {{err = s}, {ok = s}}", "error(s)"}) {
    EXPECT_THAT(eval_with_little(script), HasSubstr("not enough memory")) << script;
  }
  EXPECT_LT(services->scripts->figures().machine_bytes, 64u << 20);
}

// Twice the first text would be too much, both of them are not.
TEST_F(BoundedTexts, TakeNoMoreThanTheyNeedWhenLittleIsLeft) {
  const auto reply =
      client().try_raw({"EVAL", with_little("return {s:sub(1, 1.8e7), s:sub(1, 1e6)}"), "0"});
  EXPECT_GT(reply->size(), 19'000'000) << reply->substr(0, 200);
}

TEST_F(BoundedTexts, AreCaughtLikeAnyError) {
  EXPECT_EQ(eval_with_little("local t = {'text'} for i = 1, 40 do t = {t, t} end "
                             "local ok, why = pcall(cjson.encode, t) "
                             "return {tostring(ok), why, cjson.encode({1})}"),
            "1) \"false\"\n2) \"not enough memory\"\n3) \"[1]\"");
}

// As far ahead as anybody can say: it never comes.
TEST_F(BoundedTexts, DoNotMakeAScriptLongThatMayTakeForEver) {
  for (const char* threshold : {"9223372036854775807", "9223372036855", "0"}) {
    ASSERT_EQ(run(std::string("CONFIG SET busy-reply-threshold ") + threshold), "OK");
    EXPECT_EQ(eval("for i = 1, 1e6 do end return redis.call('PING')"), "PONG") << threshold;
    EXPECT_FALSE(services->scripts->runs_long());
  }
}

}  // namespace
}  // namespace sojourn::server
