// How scripts run: as one command, whatever they touch, for however long.

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/scripting/long_scripts.h"
#include "tests/support/wait_for.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using Outcome = Dispatcher::Outcome;

class ScriptRuns : public CommandTest {
 protected:
  std::string eval(const std::string& script) { return run_words({"EVAL", script, "0"}); }
};

TEST_F(ScriptRuns, AreOneUnitOnDisk) {
  const JournalPosition before = journal->appended();
  EXPECT_EQ(eval("redis.call('SET', 'a', 1) redis.call('SET', 'b', 2) redis.call('HSET', 'h', 'f', "
                 "'v') redis.call('DEL', 'b') return redis.call('INCR', 'a')"),
            "(integer) 2");
  EXPECT_EQ(journal->appended(), before + 1);
  EXPECT_EQ(client().state.hold_until, before + 1);
  restart();
  EXPECT_EQ(run("MGET a b"), "1) \"2\"\n2) (nil)");
  EXPECT_EQ(run("HGET h f"), "v");
}

TEST_F(ScriptRuns, KeepWhatTheyWroteBeforeAnError) {
  EXPECT_THAT(eval("redis.call('SET', 'a', 1) error('x')"), StartsWith("(error) ERR"));
  restart();
  EXPECT_EQ(run("GET a"), "1");
}

TEST_F(ScriptRuns, TouchKeysTheyDidNotDeclareWhileTheServerWarms) {
  run("MSET a 1 b 2 c 3");
  run("SELECT 1");
  run("SET a elsewhere");
  run("SELECT 0");
  restart();
  EXPECT_EQ(run_words({"EVAL",
                       "local b = redis.call('GET', 'b') local c = redis.call('GET', 'c') "
                       "redis.call('SELECT', 1) local a = redis.call('GET', 'a') "
                       "return {redis.call('GET', 'none'), b, c, a}",
                       "1", "a"}),
            "1) (nil)\n2) \"2\"\n3) \"3\"\n4) \"elsewhere\"");
  restart();
  EXPECT_EQ(eval("return redis.call('DBSIZE')"), "(integer) 3");
  // What it has changed cannot be taken back to wait for the rest.
  restart();
  EXPECT_EQ(eval("redis.call('SET', 'new', 1) return redis.call('GET', 'c')"), "3");
  restart();
  EXPECT_EQ(run_words({"EVAL", "redis.call('DEL', KEYS[1]) return redis.call('INCR', KEYS[2])", "2",
                       "a", "b"}),
            "(integer) 3");
}

TEST_F(ScriptRuns, KeepTheDatabaseOfTheirCaller) {
  EXPECT_THAT(eval("redis.call('SELECT', 3) redis.call('SET', 'a', 1) error('x')"), HasSubstr("x"));
  EXPECT_EQ(client().state.database, 0);
  run("SELECT 3");
  EXPECT_EQ(run("GET a"), "1");
}

TEST_F(ScriptRuns, AreRefusedWhatNeedsMemoryWhenThereIsNone) {
  run("SET a 1");
  configure("maxmemory 1mb");
  advance(1s);
  EXPECT_THAT(run("SET b 1"), StartsWith("(error) OOM"));
  EXPECT_EQ(eval("return redis.pcall('SET', 'b', 1)"),
            "(error) OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_THAT(eval("redis.call('PUBLISH', 'news', 1) return redis.pcall('SET', 'b', 1)"),
              StartsWith("(error) OOM"));
  EXPECT_EQ(eval("return redis.call('GET', 'a')"), "1");
  EXPECT_EQ(
      eval("#!lua\nreturn 1"),
      "(error) OOM allow-oom flag is not set on the script, can not run it when used memory > "
      "'maxmemory'");
  EXPECT_EQ(eval("#!lua flags=no-writes\nreturn 1"), "(integer) 1");
  EXPECT_EQ(eval("#!lua flags=allow-oom\nreturn redis.call('SET', 'b', 1)"), "OK");
  // Who has freed some may go on.
  EXPECT_EQ(eval("redis.call('DEL', 'a') return redis.call('SET', 'c', 1)"), "OK");
}

TEST_F(ScriptRuns, AreCountedAndShown) {
  run_words({"SCRIPT", "LOAD", "return 1"});
  eval("return 2");
  eval("return 2");
  EXPECT_THAT(run("INFO memory"), HasSubstr("number_of_cached_scripts:2"));
  EXPECT_EQ(run("SCRIPT FLUSH"), "OK");
  EXPECT_THAT(run("INFO memory"), HasSubstr("number_of_cached_scripts:0"));
}

TEST_F(ScriptRuns, ForgetTheOldestThatEvalBrought) {
  run_words({"SCRIPT", "LOAD", "return 'kept'"});
  for (std::size_t i = 0; i < Scripts::kEvaluatedMax + 20; ++i) {
    eval("return " + std::to_string(i));
    eval("return 'used'");
  }
  EXPECT_EQ(services->scripts->figures().scripts, Scripts::kEvaluatedMax + 1);
  EXPECT_EQ(run("SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), "1) (integer) 0");
  EXPECT_EQ(run_words({"EVALSHA", run_words({"SCRIPT", "LOAD", "return 'kept'"}), "0"}), "kept");
}

TEST_F(ScriptRuns, PublishAndAreToldOfKeys) {
  auto& listener = connect();
  listener.run("SUBSCRIBE news");
  listener.messages();
  EXPECT_EQ(eval("return redis.call('PUBLISH', 'news', 'hello')"), "(integer) 1");
  EXPECT_THAT(listener.messages(), ::testing::SizeIs(1));
}

TEST_F(ScriptRuns, AreWatched) {
  run("WATCH a");
  run("MULTI");
  run("SET b 1");
  connect().run_words({"EVAL", "redis.call('SET', 'a', 1)", "0"});
  EXPECT_EQ(run("EXEC"), "(nil)");
}

// Scripts of two connections and plain commands on the same keys, on three threads, in any order of
// keys: all of them end, and nothing is lost.
TEST_F(ScriptRuns, NeitherMeetNorBlockOneAnother) {
  constexpr int kRounds = 300;
  const auto work = [this](std::vector<std::string> words) {
    Metrics counters;
    Dispatcher dispatcher(*services, counters.add_worker());
    ConnectionState state;
    state.authenticated = true;
    const std::vector<std::string_view> views(words.begin(), words.end());
    for (int i = 0; i < kRounds; ++i) {
      std::string out;
      // Where the machine is busy some are slow enough to be set aside, and waited for.
      Outcome outcome;
      do {
        auto woken = std::make_shared<std::atomic<bool>>(false);
        outcome = dispatcher.run(state, views, out, clock.now(), [woken] { *woken = true; });
        if (outcome == Outcome::wait_wakeup) wait_for([&] { return woken->load(); });
      } while (outcome != Outcome::done);
      EXPECT_NE(out.front(), '-') << out;
    }
  };
  std::vector<std::string> forth{"EVAL", "for i = 1, 20 do redis.call('INCR', 'k' .. i) end", "1",
                                 "k20"};
  std::vector<std::string> back{"EVAL", "for i = 20, 1, -1 do redis.call('INCR', 'k' .. i) end",
                                "1", "k1"};
  std::vector<std::string> many{"MGET"};
  for (int i = 20; i > 0; --i) many.push_back("k" + std::to_string(i));
  std::thread a([&] { work(forth); });
  std::thread b([&] { work(back); });
  std::thread c([&] { work(many); });
  std::thread d([&] { work({"EVAL", "return redis.call('DBSIZE')", "0"}); });
  for (std::thread* thread : {&a, &b, &c, &d}) thread->join();
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(run("GET k" + std::to_string(i)), std::to_string(2 * kRounds));
  }
}

TEST_F(LongScripts, MakeOthersBusyUntilTheyAreKilled) {
  EXPECT_EQ(run("SCRIPT KILL"), "(error) NOTBUSY No scripts in execution right now.");
  ASSERT_EQ(begin("while true do redis.call('GET', KEYS[1]) end"), Outcome::next_turn);
  for (const char* request :
       {"GET held", "SET held 1", "PING", "GET other", "MSET a 1 held 2", "DBSIZE", "WATCH held",
        "EVAL \"return 1\" 0", "SCRIPT LOAD x", "SHUTDOWN", "INFO"}) {
    EXPECT_EQ(run(request), kBusyReply) << request;
  }
  EXPECT_EQ(run("MULTI"), "OK");
  EXPECT_EQ(run("GET held"), kBusyReply);
  EXPECT_EQ(run("DISCARD"), "OK");
  upkeep();
  ASSERT_EQ(go_on(), Outcome::next_turn);
  EXPECT_EQ(run("SCRIPT KILL"), "OK");
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_THAT(out, StartsWith("-ERR Script killed by user with SCRIPT KILL... script: "));
  EXPECT_EQ(run("SET held 1"), "OK");
  EXPECT_EQ(eval("return redis.call('GET', 'held')"), "1");
}

TEST_F(LongScripts, CannotCatchTheirEnd) {
  for (const char* script :
       {"while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) "
        "end",
        "local function f() while true do end end "
        "while true do coroutine.resume(coroutine.create(f)) end",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
        "local ok repeat ok = pcall(redis.call, 'GET', 'held') until false",
        "table.sort({1, 2, 3}, function() while true do end end)",
        "return ('x'):gsub('x', function() while true do end end)",
        "return setmetatable({}, {__index = function() while true do end end}).x"}) {
    out.clear();
    ASSERT_EQ(begin(script), Outcome::next_turn) << script;
    EXPECT_EQ(run("SCRIPT KILL"), "OK");
    ASSERT_EQ(go_on(), Outcome::done) << script;
    EXPECT_THAT(out, HasSubstr("Script killed by user with SCRIPT KILL...")) << script;
  }
}

TEST_F(LongScripts, ThatHaveWrittenGoOn) {
  begin_to_write(
      "redis.call('SET', KEYS[1], 1) "
      "while redis.call('INCR', 'n') < 300000 do end return 'ended'");
  EXPECT_EQ(run("SCRIPT KILL"),
            "(error) UNKILLABLE Sorry the script already executed write commands against the "
            "dataset. You can either wait the script termination or kill the server in a hard way "
            "using the SHUTDOWN NOSAVE command.");
  EXPECT_EQ(run("GET n"), kBusyReply);
  while (go_on() != Outcome::done) {
  }
  EXPECT_EQ(out, "$5\r\nended\r\n");
  EXPECT_EQ(run("MGET held n"), "1) \"1\"\n2) \"300000\"");
}

// To publish is not to write: nothing is left half done.
TEST_F(LongScripts, ThatHavePublishedAreKilled) {
  ASSERT_EQ(begin("redis.call('PUBLISH', 'news', 1) while true do end"), Outcome::next_turn);
  EXPECT_EQ(run("SCRIPT KILL"), "OK");
  EXPECT_EQ(go_on(), Outcome::done);
}

TEST_F(LongScripts, LeaveWhoWasBlockedBeforeAsHeWas) {
  ConnectionState other;
  other.authenticated = true;
  std::string reply;
  const std::vector<std::string_view> wait{"WAIT", "1", "1000"};
  ASSERT_EQ(own->run(other, wait, reply, clock.now(), [] {}), Outcome::wait_until);
  ASSERT_EQ(begin("while true do redis.call('GET', KEYS[1]) end"), Outcome::next_turn);
  EXPECT_EQ(own->run(other, wait, reply, clock.now(), [] {}), Outcome::wait_until);
  advance(1001ms);
  EXPECT_EQ(own->run(other, wait, reply, clock.now(), [] {}), Outcome::done);
  EXPECT_EQ(reply, ":0\r\n");
  EXPECT_EQ(run("WAIT 1 1000"), kBusyReply);
  EXPECT_EQ(run("SCRIPT KILL"), "OK");
  EXPECT_EQ(go_on(), Outcome::done);
}

// One command of theirs may take many steps: nobody sleeps until the last of them.
TEST_F(LongScripts, SayThatTheyAreLongBeforeTheSecondStepOfACommand) {
  for (int i = 0; i < 50'000; ++i) run("SET k" + std::to_string(i) + " 1");
  const std::vector<std::string_view> keys{"KEYS", "*"};
  Transaction transaction(*keyspace, Transaction::AllShards(), clock.now());
  EXPECT_FALSE(keyspace->totals_at_once());
  protocol::ReplyWriter writer(out, state.version);
  const std::function<void()> wake = [] {};
  Request request{.services = *services,
                  .settings = *config.current(),
                  .connection = state,
                  .words = keys,
                  .reply = writer,
                  .now = clock.now(),
                  .wake = wake,
                  .command = registry.find_row(keys)};
  EXPECT_TRUE(own->run_held(request, transaction, {}));
  EXPECT_TRUE(keyspace->totals_at_once());
}

TEST_F(LongScripts, EndWithTheServerAndLeaveNoHalfBehind) {
  begin_to_write("redis.call('SET', KEYS[1], 1) while true do end");
  EXPECT_EQ(run("SHUTDOWN NOSAVE"), "");
  EXPECT_EQ(connections.shutdowns, 1);
  services->scripts->stop();
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_EQ(run("GET held"), kBusyReply);
  state = {};
  own.reset();
  restart();
  EXPECT_EQ(run("GET held"), "(nil)");
  own = std::make_unique<Dispatcher>(*services);
}

TEST_F(LongScripts, EndWithTheirConnection) {
  ASSERT_EQ(begin("while true do end"), Outcome::next_turn);
  state.unfinished = {};
  EXPECT_FALSE(own->has_orphan());
  EXPECT_EQ(run("SET held 1"), "OK");
}

// Nobody can end them any more, but whoever has seen a part of what they do must see all of it.
TEST_F(LongScripts, ThatHaveWrittenGoOnWithoutTheirConnectionTurnByTurn) {
  begin_to_write(
      "redis.call('SELECT', 2) redis.call('SET', KEYS[1], 1) "
      "while redis.call('INCR', 'n') < 300000 do end");
  state = {};
  ASSERT_TRUE(own->has_orphan());
  int turns = 0;
  for (; own->has_orphan(); ++turns) {
    EXPECT_EQ(run("GET held"), kBusyReply);
    own->go_on_with_orphan();
  }
  EXPECT_GT(turns, 1);
  EXPECT_EQ(run("DBSIZE"), "(integer) 0");
  run("SELECT 2");
  EXPECT_EQ(run("MGET held n"), "1) \"1\"\n2) \"300000\"");
  EXPECT_EQ(eval("return 1"), "(integer) 1");
}

TEST_F(LongScripts, WithoutTheirConnectionEndWithTheServer) {
  begin_to_write("redis.call('SET', KEYS[1], 1) while true do end");
  state = {};
  own->go_on_with_orphan();
  ASSERT_TRUE(own->has_orphan());
  services->scripts->stop();
  own->go_on_with_orphan();
  EXPECT_FALSE(own->has_orphan());
  own.reset();
  restart();
  EXPECT_EQ(run("GET held"), "(nil)");
}

TEST_F(LongScripts, WithoutTheirConnectionLeaveNothingBehindWhenNoTurnFollows) {
  begin_to_write("redis.call('SET', KEYS[1], 1) while true do end");
  state = {};
  own.reset();
  restart();
  EXPECT_EQ(run("GET held"), "(nil)");
}

TEST_F(LongScripts, GoOnDuringAPause) {
  begin_to_write(
      "redis.call('SET', KEYS[1], 1) "
      "while redis.call('INCR', 'n') < 300000 do end return 'ended'");
  connections.pause(Connections::Pause::all, clock.now() + 1h);
  ASSERT_EQ(go_on(), Outcome::next_turn);
  end();
  EXPECT_EQ(out, "$5\r\nended\r\n");
}

TEST_F(LongScripts, AreKilledEachForItself) {
  ASSERT_EQ(begin("while true do end"), Outcome::next_turn);
  EXPECT_EQ(run("SCRIPT KILL"), "OK");
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_EQ(run("SCRIPT KILL"), "(error) NOTBUSY No scripts in execution right now.");
  out.clear();
  ASSERT_EQ(begin("while redis.call('INCR', 'n') < 300000 do end return 'ended'"),
            Outcome::next_turn);
  end();
  EXPECT_EQ(out, "$5\r\nended\r\n");
}

TEST_F(LongScripts, LetGoWhoWaitsForTheirKeys) {
  ASSERT_EQ(begin("while true do redis.call('GET', 'other') end"), Outcome::next_turn);
  // Past the gate already, as a request is that came just before.
  for (const char* name : {"held", "other"}) {
    const std::vector<Key> keys{keyspace->key(0, name), keyspace->key(0, "a"),
                                keyspace->key(0, "b")};
    EXPECT_FALSE(Transaction(*keyspace, keys, clock.now()).began());
    EXPECT_FALSE(Transaction(*keyspace, {&keys[0], 1}, clock.now()).began());
  }
  EXPECT_FALSE(Transaction(*keyspace, Transaction::Growing(), {}, clock.now()).began());
  const Key free = keyspace->key(0, "free");
  EXPECT_TRUE(Transaction(*keyspace, {&free, 1}, clock.now()).began());
  run("SCRIPT KILL");
  EXPECT_EQ(go_on(), Outcome::done);
}

}  // namespace
}  // namespace sojourn::server
