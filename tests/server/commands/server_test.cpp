#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "server/commands/server_info.h"
#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServerCommands : public CommandTest {
 protected:
  std::string text(std::vector<std::string> words) { return client().ask(words).value().text; }
};

TEST_F(ServerCommands, ConfigGetsAndSetsSettings) {
  EXPECT_EQ(run("CONFIG SET maxmemory 100mb slowlog-max-len 7"), "OK");
  EXPECT_EQ(run("CONFIG GET maxmemory"), "1) \"maxmemory\"\n2) \"104857600\"");
  EXPECT_EQ(run("CONFIG GET nothing-of-this-name"), "(empty array)");
  EXPECT_THAT(run("CONFIG GET slowlog-max* maxmem*"), HasSubstr("\"7\""));
  EXPECT_EQ(config.current()->slowlog_max_len, 7u);
  resp3();
  EXPECT_EQ(run("CONFIG GET maxmemory"), "1# \"maxmemory\" => \"104857600\"");
}

TEST_F(ServerCommands, ConfigSetTakesAllOrNothing) {
  EXPECT_EQ(run("CONFIG SET a b c"), "(error) ERR syntax error");
  EXPECT_THAT(run("CONFIG SET slowlog-max-len 7 nonsense 1"), StartsWith("(error) ERR "));
  EXPECT_NE(config.current()->slowlog_max_len, 7u);
  EXPECT_EQ(run("CONFIG SET port 1"),
            "(error) ERR CONFIG SET failed (possibly related to argument 'port') - can't set "
            "immutable config");
  EXPECT_EQ(run("CONFIG SET maxmemory"),
            "(error) ERR wrong number of arguments for 'config|set' command");
}

TEST_F(ServerCommands, ConfigRewriteNeedsAFile) {
  EXPECT_EQ(run("CONFIG REWRITE"), "(error) ERR The server is running without a config file");
}

TEST_F(ServerCommands, ResetstatBeginsCountersAnew) {
  run("GET a");
  run("GET");
  EXPECT_EQ(run("CONFIG RESETSTAT"), "OK");
  EXPECT_EQ(keyspace->totals().misses, 0u);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::error_replies), 0u);
  EXPECT_TRUE(metrics.errors().empty());
}

TEST_F(ServerCommands, TimeIsTheServersClock) {
  advance(123ms);
  const std::int64_t ms = unix_ms(clock.now());
  EXPECT_EQ(run("TIME"), "1) \"" + std::to_string(ms / 1000) + "\"\n2) \"" +
                             std::to_string(ms % 1000 * 1000) + "\"");
}

TEST_F(ServerCommands, SaveAnswersWhenEverythingWouldSurviveAPowerCut) {
  run("CONFIG SET appendfsync no");
  run("SET a 1");
  const JournalPosition written = journal->appended();
  EXPECT_EQ(run("SAVE"), "OK");
  EXPECT_GE(journal->synced(), written);
  EXPECT_GT(client().ask({"LASTSAVE"})->integer, 0);
}

TEST_F(ServerCommands, BgsaveAnswersAtOnce) {
  EXPECT_EQ(run("BGSAVE"), "Background saving started");
  EXPECT_EQ(run("BGSAVE SCHEDULE"), "Background saving started");
  EXPECT_EQ(run("BGSAVE foo"), "(error) ERR syntax error");
}

TEST_F(ServerCommands, ShutdownEndsTheServerWithoutAReply) {
  EXPECT_EQ(run("SHUTDOWN foo"), "(error) ERR syntax error");
  EXPECT_EQ(run("SHUTDOWN SAVE NOSAVE"), "(error) ERR syntax error");
  EXPECT_EQ(run("SHUTDOWN ABORT NOW"), "(error) ERR syntax error");
  EXPECT_EQ(run("SHUTDOWN ABORT"), "(error) ERR No shutdown in progress.");
  EXPECT_EQ(connections.shutdowns, 0);
  EXPECT_EQ(run("SHUTDOWN NOW FORCE"), "");
  EXPECT_EQ(connections.shutdowns, 1);
}

TEST_F(ServerCommands, SlowlogGivesTheLatestFirst) {
  run("CONFIG SET slowlog-log-slower-than -1");
  EXPECT_EQ(run("SLOWLOG LEN"), "(integer) 0");
  EXPECT_EQ(run("SLOWLOG GET"), "(empty array)");
  for (int i = 0; i < 12; ++i) {
    slowlog.add({.id = 0,
                 .at = clock.now(),
                 .took = std::chrono::microseconds(20'000 + i),
                 .words = {"GET", "(3 bytes)"},
                 .peer = "127.0.0.1:1",
                 .connection_name = "app"},
                128);
  }
  EXPECT_EQ(run("SLOWLOG LEN"), "(integer) 12");
  EXPECT_EQ(client().ask({"SLOWLOG", "GET"})->elements.size(), 10u);
  EXPECT_EQ(client().ask({"SLOWLOG", "GET", "-1"})->elements.size(), 12u);
  EXPECT_EQ(run("SLOWLOG GET 1"),
            "1) 1) (integer) 11\n   2) (integer) " + std::to_string(unix_ms(clock.now()) / 1000) +
                "\n   3) (integer) 20011\n   4) 1) \"GET\"\n      2) \"(3 bytes)\"\n"
                "   5) \"127.0.0.1:1\"\n   6) \"app\"");
  EXPECT_EQ(run("SLOWLOG GET -2"), "(error) ERR count should be greater than or equal to -1");
  EXPECT_EQ(run("SLOWLOG GET a"), "(error) ERR count should be greater than or equal to -1");
  EXPECT_EQ(run("SLOWLOG GET 1 2"),
            "(error) ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG "
            "HELP.");
  EXPECT_EQ(run("SLOWLOG RESET"), "OK");
  EXPECT_EQ(run("SLOWLOG LEN"), "(integer) 0");
}

TEST_F(ServerCommands, MemoryUsageGrowsWithTheValue) {
  run("SET small 1");
  run_words({"SET", "large", std::string(10'000, 'x')});
  const auto small = client().ask({"MEMORY", "USAGE", "small"})->integer;
  EXPECT_GT(small, 0);
  EXPECT_LT(small, 200);
  EXPECT_GT(client().ask({"MEMORY", "USAGE", "large", "SAMPLES", "0"})->integer, 10'000);
  EXPECT_EQ(run("MEMORY USAGE absent"), "(nil)");
  EXPECT_EQ(run("MEMORY USAGE small SAMPLES -1"), "(error) ERR syntax error");
  EXPECT_EQ(run("MEMORY USAGE small SAMPLES a"),
            "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("MEMORY USAGE small bar"), "(error) ERR syntax error");
}

TEST_F(ServerCommands, MemoryStatsAreAMap) {
  run("SET a 1");
  resp3();
  const auto stats = client().ask({"MEMORY", "STATS"}).value();
  ASSERT_EQ(stats.type, protocol::Reply::Type::map);
  std::map<std::string, std::int64_t> figures;
  for (std::size_t i = 0; i < stats.elements.size(); i += 2) {
    figures[stats.elements[i].text] = stats.elements[i + 1].integer;
  }
  EXPECT_EQ(figures["keys.count"], 1);
  EXPECT_GT(figures["total.allocated"], 0);
  EXPECT_GE(figures["peak.allocated"], figures["total.allocated"]);
  EXPECT_TRUE(figures.contains("fragmentation"));
}

TEST_F(ServerCommands, MemoryHasADoctorAndAPurge) {
  run("DBSIZE");  // answers once the server is warm
  EXPECT_THAT(run("MEMORY DOCTOR"), HasSubstr("Nothing to worry about"));
  run("CONFIG SET maxmemory 1");
  EXPECT_THAT(run("MEMORY DOCTOR"), HasSubstr("maxmemory"));
  EXPECT_EQ(run("MEMORY PURGE"), "OK");
  EXPECT_THAT(run("MEMORY MALLOC-STATS"), HasSubstr("not supported"));
}

TEST_F(ServerCommands, LolwutTellsTheVersion) {
  EXPECT_THAT(text({"LOLWUT"}), HasSubstr("Sojourn ver. " + std::string(kVersion)));
  EXPECT_EQ(text({"LOLWUT", "VERSION", "5"}), text({"LOLWUT", "VERSION", "5"}));
}

TEST_F(ServerCommands, RoleIsAPrimaryWithoutReplicas) {
  EXPECT_EQ(run("ROLE"), "1) \"master\"\n2) (integer) 0\n3) (empty array)");
}

TEST_F(ServerCommands, FlushesScriptsAndFunctionsItDoesNotHave) {
  EXPECT_EQ(run("SCRIPT FLUSH"), "OK");
  EXPECT_EQ(run("SCRIPT FLUSH ASYNC"), "OK");
  EXPECT_EQ(run("SCRIPT FLUSH foo"), "(error) ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  EXPECT_EQ(run("FUNCTION FLUSH sync"), "OK");
  EXPECT_EQ(run("FUNCTION FLUSH foo"),
            "(error) ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
}

class DebugCommands : public ServerCommands {
 protected:
  DebugCommands() { configure("enable-debug-command yes"); }
};

TEST_F(DebugCommands, SleepLetsTimePass) {
  const Time before = clock.now();
  EXPECT_EQ(run("DEBUG SLEEP 1.5"), "OK");
  EXPECT_GE(clock.now() - before, 1500ms);
  EXPECT_EQ(run("DEBUG SLEEP 0"), "OK");
  for (const std::string none : {"abc", "-1", "nan", "-inf", ""}) {
    EXPECT_EQ(run_words({"DEBUG", "SLEEP", none}), "OK") << none;
  }
}

TEST_F(DebugCommands, SleepHoldsNobodyElse) {
  EXPECT_FALSE(client().try_raw({"DEBUG", "SLEEP", "1"}));
  EXPECT_EQ(connect().run("PING"), "PONG");
}

TEST_F(DebugCommands, ActiveExpiryCanBeStopped) {
  EXPECT_EQ(run("DEBUG SET-ACTIVE-EXPIRE 0"), "OK");
  run("SET a 1 PX 10");
  advance(1000ms);
  upkeep();
  EXPECT_EQ(keyspace->size(0), 1u);
  EXPECT_EQ(run("DEBUG SET-ACTIVE-EXPIRE 1"), "OK");
  advance(1000ms);
  upkeep();
  EXPECT_EQ(keyspace->size(0), 0u);
}

TEST_F(DebugCommands, ReloadKeepsEverything) {
  run("SET a 1");
  EXPECT_EQ(run("DEBUG RELOAD"), "OK");
  EXPECT_EQ(run("GET a"), "1");
}

TEST_F(DebugCommands, ObjectShowsHowAKeyIsKept) {
  run("SET a 1");
  run("HSET h f 1");
  EXPECT_THAT(run("DEBUG OBJECT a"), HasSubstr(" refcount:1 encoding:"));
  EXPECT_THAT(run("DEBUG OBJECT h"), HasSubstr(" encoding:listpack "));
  EXPECT_EQ(run("DEBUG OBJECT absent"), "(error) ERR no such key");
  EXPECT_EQ(run("DEBUG JMAP"), "OK");
  EXPECT_THAT(run("DEBUG HELP"), HasSubstr("SLEEP decimal-seconds"));
}

}  // namespace
}  // namespace sojourn::server
