// Scripts that run for long within a transaction.

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/server/scripting/long_scripts.h"

namespace sojourn::server {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

class LongTransactions : public LongScripts {
 protected:
  static constexpr const char* kEndless = "while true do redis.call('GET', 'held') end";
  static constexpr const char* kLong =
      "redis.call('SET', 'held', 1) while redis.call('INCR', ARGV[1]) < 300000 do end "
      "return 'ended'";

  void ask(std::vector<std::string> request) {
    out.clear();
    words = std::move(request);
    ASSERT_EQ(go_on(), Outcome::done);
  }
  // MULTI, these, and the first turn of EXEC.
  Outcome begin_exec(const std::vector<std::vector<std::string>>& queued) {
    ask({"MULTI"});
    for (const auto& request : queued) {
      ask(request);
      EXPECT_EQ(out, "+QUEUED\r\n");
    }
    out.clear();
    words = {"EXEC"};
    return go_on();
  }
  void lose_connection() { state = {}; }
  std::string killed() { return run("SCRIPT KILL"); }
};

TEST_F(LongTransactions, MakeOthersBusyUntilTheScriptIsKilled) {
  const JournalPosition before = journal->appended();
  ASSERT_EQ(begin_exec({{"SET", "a", "1"}, {"EVAL", kEndless, "0"}, {"SET", "c", "1"}}),
            Outcome::next_turn);
  EXPECT_EQ(out, "") << "nothing is acknowledged before all of it is done";
  for (const char* request : {"GET a", "GET free", "EVAL \"return 1\" 0", "PING"}) {
    EXPECT_EQ(run(request), kBusyReply) << request;
  }
  ConnectionState other;  // on the same worker
  other.authenticated = true;
  std::string reply;
  const std::vector<std::string_view> words{"GET", "free"};
  EXPECT_EQ(own->run(other, words, reply, clock.now(), [] {}), Outcome::done);
  EXPECT_THAT(reply, StartsWith("-BUSY "));
  ASSERT_EQ(go_on(), Outcome::next_turn);
  EXPECT_EQ(journal->appended(), before);
  EXPECT_EQ(killed(), "OK");
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_THAT(out, StartsWith("*3\r\n+OK\r\n-ERR Script killed by user with SCRIPT KILL..."));
  EXPECT_THAT(out, EndsWith("\r\n+OK\r\n"));
  EXPECT_EQ(journal->appended(), before + 1);
  EXPECT_EQ(state.hold_until, before + 1);
  EXPECT_FALSE(state.multi);
  EXPECT_EQ(run("MGET a c"), "1) \"1\"\n2) \"1\"");
}

TEST_F(LongTransactions, GoOnTurnByTurnWithEachScript) {
  ASSERT_EQ(begin_exec({{"SELECT", "2"},
                        {"EVAL", kLong, "0", "n"},
                        {"GET", "n"},
                        {"EVAL", kLong, "0", "m"},
                        {"GET", "m"}}),
            Outcome::next_turn);
  go_on_for_some_turns();
  EXPECT_THAT(killed(), StartsWith("(error) UNKILLABLE"));
  int turns = 1;
  while (go_on() == Outcome::next_turn) ++turns;
  EXPECT_GT(turns, 2);
  EXPECT_EQ(out, "*5\r\n+OK\r\n$5\r\nended\r\n$6\r\n300000\r\n$5\r\nended\r\n$6\r\n300000\r\n");
  EXPECT_EQ(state.database, 2);
  EXPECT_EQ(run("DBSIZE"), "(integer) 0");
  run("SELECT 2");
  EXPECT_EQ(run("MGET held n m"), "1) \"1\"\n2) \"300000\"\n3) \"300000\"");
  ask({"GET", "n"});
  EXPECT_EQ(out, "$6\r\n300000\r\n");
}

TEST_F(LongTransactions, AreOneCommandInTheFigures) {
  ASSERT_EQ(begin_exec({{"EVAL", kLong, "0", "n"}}), Outcome::next_turn);
  end();
  const std::string info = run("INFO commandstats");
  const auto us_of = [&](const std::string& command) {
    const std::string begin = "cmdstat_" + command + ":calls=1,usec=";
    const std::size_t at = info.find(begin);
    return at == std::string::npos ? 0 : std::stoll(info.substr(at + begin.size()));
  };
  const std::size_t incr = info.find("cmdstat_incr:calls=300000,usec=");
  ASSERT_NE(incr, std::string::npos);
  EXPECT_GE(us_of("eval"), std::stoll(info.substr(incr + 31)));
  EXPECT_GE(us_of("exec"), us_of("eval"));
}

TEST_F(LongTransactions, MakeOtherTransactionsOfTheirWorkerWait) {
  configure("busy-reply-threshold 3600000");
  ASSERT_EQ(begin_exec({{"EVAL", kLong, "0", "n"}}), Outcome::next_turn);
  ConnectionState other;
  other.authenticated = true;
  std::string reply;
  int woken = 0;
  const auto ask_other = [&](const std::vector<std::string_view>& request) {
    reply.clear();
    return own->run(other, request, reply, clock.now(), [&] { ++woken; });
  };
  ask_other({"MULTI"});
  ask_other({"EVAL", "return 1", "0"});
  EXPECT_EQ(ask_other({"EXEC"}), Outcome::wait_wakeup);
  end();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(ask_other({"EXEC"}), Outcome::done);
  EXPECT_EQ(reply, "*1\r\n:1\r\n");
}

TEST_F(LongTransactions, EndWithTheirConnection) {
  ASSERT_EQ(begin_exec({{"GET", "a"}, {"EVAL", kEndless, "0"}, {"SET", "c", "1"}}),
            Outcome::next_turn);
  lose_connection();
  EXPECT_FALSE(own->has_orphan());
  EXPECT_EQ(run("MGET held c"), "1) (nil)\n2) (nil)");
}

// Others may have seen a part of it in memory, and a part is what nobody may ever see.
TEST_F(LongTransactions, ThatHaveWrittenGoOnWithoutTheirConnection) {
  ASSERT_EQ(begin_exec({{"SELECT", "2"},
                        {"SET", "a", "1"},
                        {"EVAL", kEndless, "0"},
                        {"SUBSCRIBE", "news"},
                        {"EVAL", kLong, "0", "n"},
                        {"SET", "c", "1"}}),
            Outcome::next_turn);
  lose_connection();
  ASSERT_TRUE(own->has_orphan());
  own->go_on_with_orphan();
  ASSERT_TRUE(own->has_orphan());
  EXPECT_EQ(run("GET a"), kBusyReply);
  EXPECT_EQ(killed(), "OK");
  int turns = 0;
  for (; own->has_orphan(); ++turns) own->go_on_with_orphan();
  EXPECT_GT(turns, 1);
  EXPECT_EQ(run("DBSIZE"), "(integer) 0");
  run("SELECT 2");
  EXPECT_EQ(run("MGET a n c"), "1) \"1\"\n2) \"300000\"\n3) \"1\"");
  EXPECT_EQ(run("PUBSUB CHANNELS"), "(empty array)");
  EXPECT_EQ(eval("return 1"), "(integer) 1");
}

// What stands before the script was not acknowledged yet, and never will be.
TEST_F(LongTransactions, AreForgottenWhenTheServerStops) {
  run("SET before 1");
  const JournalPosition written = journal->appended();
  ASSERT_EQ(begin_exec({{"DEL", "before"},
                        {"SET", "a", "1"},
                        {"EVAL", "redis.call('SET', 'held', 1) while true do end", "0"},
                        {"SET", "c", "1"}}),
            Outcome::next_turn);
  go_on_for_some_turns();
  services->scripts->stop();
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_EQ(out, "-ERR The server stops; the script was given up\r\n");
  EXPECT_EQ(state.hold_until, 0u);
  EXPECT_EQ(journal->appended(), written);
  for (const char* request : {"GET a", "GET before", "GET held", "EVAL \"return 1\" 0"}) {
    EXPECT_EQ(run(request), kBusyReply) << request;
  }
  own.reset();
  restart();
  EXPECT_EQ(run("MGET before a held c"), "1) \"1\"\n2) (nil)\n3) (nil)\n4) (nil)");
}

// The script has written nothing, but what stands before it has.
TEST_F(LongTransactions, LeaveNothingBehindWhenNoTurnFollows) {
  for (const bool connected : {true, false}) {
    ASSERT_EQ(begin_exec({{"SET", "a", "1"}, {"EVAL", kEndless, "0"}}), Outcome::next_turn);
    if (!connected) lose_connection();
    own->end_scripts();
    EXPECT_FALSE(own->has_orphan());
    state = {};
    own.reset();
    restart();
    EXPECT_EQ(run("GET a"), "(nil)") << connected;
    SetUp();
  }
}

// One that only reads has done nothing that would have to be taken back.
TEST_F(LongTransactions, GoOnBehindAScriptThatReadWhenTheServerStops) {
  ASSERT_EQ(begin_exec({{"SET", "a", "1"}, {"EVAL", kEndless, "0"}, {"SET", "c", "1"}}),
            Outcome::next_turn);
  services->scripts->stop();
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_EQ(out, "*3\r\n+OK\r\n-ERR The server stops; the script was given up\r\n+OK\r\n");
  EXPECT_EQ(run("MGET a c"), "1) \"1\"\n2) \"1\"");
}

TEST_F(LongTransactions, EndWithTheirUser) {
  run("ACL SETUSER alice on nopass ~* &* +@all");
  ask({"AUTH", "alice", "any"});
  ASSERT_EQ(begin_exec({{"GET", "a"}, {"EVAL", kEndless, "0"}, {"SET", "c", "1"}}),
            Outcome::next_turn);
  constexpr std::string_view kAlice[] = {"alice"};
  EXPECT_EQ(services->users->remove(kAlice), 1u);
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_THAT(out, StartsWith("-EXECABORT"));
  EXPECT_TRUE(state.close_after_reply);
  EXPECT_EQ(run("MGET held c"), "1) (nil)\n2) (nil)");
}

}  // namespace
}  // namespace sojourn::server
