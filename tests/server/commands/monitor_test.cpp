// MONITOR, in process. What comes over sockets is in net/monitor_test.cpp.

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MonitorCommand : public CommandTest {
 protected:
  MonitorCommand() { EXPECT_EQ(monitor.run("MONITOR"), "OK"); }
  static std::string line(std::string_view words, std::string_view database = "0") {
    return "1700000000.000000 [" + std::string(database) + " 127.0.0.1:40001] " +
           std::string(words);
  }

  Client& monitor = connect();
};

TEST_F(MonitorCommand, ShowsWhatOthersRun) {
  run("SET s:1 alice");
  run("SELECT 3");
  run("GET s:1");
  EXPECT_THAT(monitor.messages(),
              ElementsAre(line(R"("SET" "s:1" "alice")"), line(R"("SELECT" "3")", "3"),
                          line(R"("GET" "s:1")", "3")));
}

TEST_F(MonitorCommand, ShowsTheTimeInMicroseconds) {
  advance(1234ms);
  run("PING");
  EXPECT_THAT(monitor.messages(), ElementsAre("1700000001.234000 [0 127.0.0.1:40001] \"PING\""));
}

TEST_F(MonitorCommand, QuotesWhatCannotBePrinted) {
  run_words({"ECHO", std::string("\"\\\n\r\t\a\b\x01\xff\0 x", 12)});
  EXPECT_THAT(monitor.messages(), ElementsAre(line(R"("ECHO" "\"\\\n\r\t\a\b\x01\xff\x00 x")")));
}

TEST_F(MonitorCommand, ShowsNoPasswords) {
  run("AUTH wrong");
  run("AUTH default secret");
  run("HELLO 3 AUTH default secret SETNAME me");
  run("HELLO 2");
  run("CONFIG SET requirepass secret");
  const std::string redacted = " \"(redacted)\"";
  EXPECT_THAT(
      monitor.messages(),
      ElementsAre(line("\"AUTH\"" + redacted), line("\"AUTH\"" + redacted + redacted),
                  line("\"HELLO\" \"3\" \"AUTH\"" + redacted + redacted + " \"SETNAME\" \"me\""),
                  line("\"HELLO\" \"2\"")));
}

TEST_F(MonitorCommand, ShowsNeitherOperatorsCommandsNorWhatWasRefused) {
  run("CLIENT LIST");
  run("CONFIG GET maxmemory");
  run("NOSUCHCOMMAND");
  run("GET");
  EXPECT_THAT(monitor.messages(), IsEmpty());
  run("CLIENT GETNAME");
  run("INCR s:1 2");
  EXPECT_THAT(monitor.messages(), ElementsAre(line(R"("CLIENT" "GETNAME")")));
}

TEST_F(MonitorCommand, ShowsATransactionWhenItRuns) {
  run("MULTI");
  run("SET s:1 alice");
  EXPECT_THAT(monitor.messages(), ElementsAre(line(R"("MULTI")")));
  run("EXEC");
  EXPECT_THAT(monitor.messages(), ElementsAre(line(R"("SET" "s:1" "alice")"), line(R"("EXEC")")));
}

TEST_F(MonitorCommand, IsNotForTransactions) {
  run("MULTI");
  EXPECT_EQ(run("MONITOR"), "QUEUED");
  EXPECT_EQ(run("EXEC"), "1) (error) ERR MONITOR isn't allowed for DENY BLOCKING client");
  EXPECT_FALSE(client().state.monitoring);
}

TEST_F(MonitorCommand, ShowsWhoMonitorsHisOwnRequestsBehindTheirReplies) {
  EXPECT_EQ(monitor.run("PING"), "PONG");
  EXPECT_THAT(monitor.messages(), ElementsAre("1700000000.000000 [0 127.0.0.1:40002] \"PING\""));
}

TEST_F(MonitorCommand, AskedForAgainDoesNotAnswer) {
  EXPECT_EQ(monitor.try_raw({"MONITOR"}), "");
  run("PING");
  EXPECT_THAT(monitor.messages(), ElementsAre(line("\"PING\"")));
}

TEST_F(MonitorCommand, LeavesOneWithoutAccessToKeys) {
  const std::string refusal = "(error) ERR Replica can't interact with the keyspace";
  EXPECT_EQ(monitor.run("GET s:1"), refusal);
  EXPECT_EQ(monitor.run("SET s:1 alice"), refusal);
  EXPECT_EQ(monitor.run("PUBLISH news x"), refusal);
  EXPECT_EQ(monitor.run("RESET"), "RESET");
  EXPECT_EQ(monitor.run("GET s:1"), "(nil)");
}

TEST_F(MonitorCommand, EndsWithReset) {
  EXPECT_THAT(run("CLIENT LIST ID 2"), HasSubstr(" flags=O "));
  EXPECT_EQ(monitor.run("RESET"), "RESET");
  EXPECT_THAT(run("CLIENT LIST ID 2"), HasSubstr(" flags=N "));
  monitor.messages();
  run("PING");
  EXPECT_THAT(monitor.messages(), IsEmpty());
}

TEST_F(MonitorCommand, ShowsTheSameInRespThree) {
  monitor.run("HELLO 3");
  monitor.messages();
  run("PING");
  EXPECT_THAT(monitor.messages(), ElementsAre(line("\"PING\"")));
}

TEST_F(MonitorCommand, NamesAUnixSocketByItsPath) {
  client().state.peer_address = "/run/sojourn.sock:0";
  run("PING");
  EXPECT_THAT(monitor.messages(),
              ElementsAre("1700000000.000000 [0 unix:/run/sojourn.sock] \"PING\""));
}

TEST_F(MonitorCommand, EndsForWhoIsShownMoreThanCanBeHandedOut) {
  const std::vector<std::string> words{"ECHO", std::string(32 * 1024, 'x')};
  for (int i = 0; i < 3200; ++i) ASSERT_TRUE(client().try_raw(words)) << "nobody waits";
  EXPECT_FALSE(monitor.cut_off());
  std::size_t shown = 0;  // as many as 64 MB hold
  for (const std::string& message : monitor.messages()) shown += message.size() > 32 * 1024;
  EXPECT_GE(shown, 2000u);
  EXPECT_LE(shown, 2048u);
  EXPECT_TRUE(monitor.cut_off());
}

}  // namespace
}  // namespace sojourn::server
