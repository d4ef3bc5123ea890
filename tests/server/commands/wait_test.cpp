// WAIT and WAITAOF, in process. How they hold connections is in net/waits_test.cpp.

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;

class WaitCommands : public CommandTest {
 protected:
  Client& other = connect();
};

TEST_F(WaitCommands, WaitAnswersWhenItsTimeIsUpSinceThereAreNoReplicas) {
  const std::vector<std::string> wait{"WAIT", "1", "1000"};
  EXPECT_FALSE(other.try_raw(wait));
  advance(999ms);
  EXPECT_FALSE(other.try_raw(wait));
  EXPECT_EQ(run("PING"), "PONG") << "nobody else waits";
  advance(1ms);
  EXPECT_EQ(other.try_raw(wait), ":0\r\n");
  EXPECT_FALSE(other.state.blocked);
}

TEST_F(WaitCommands, WaitForNoReplicasDoesNotWait) {
  EXPECT_EQ(other.try_raw({"WAIT", "0", "0"}), ":0\r\n");
  EXPECT_EQ(other.try_raw({"WAIT", "-1", "0"}), ":0\r\n");
}

TEST_F(WaitCommands, WithoutATimeoutOnlyUnblockEndsIt) {
  const std::vector<std::string> wait{"WAIT", "1", "0"};
  EXPECT_FALSE(other.try_raw(wait));
  advance(1000h);
  EXPECT_FALSE(other.try_raw(wait));
  EXPECT_EQ(run("CLIENT UNBLOCK 2"), "(integer) 1");
  EXPECT_EQ(run("CLIENT UNBLOCK 2"), "(integer) 0") << "it is ended already";
  EXPECT_EQ(other.try_raw(wait), ":0\r\n");
  EXPECT_EQ(run("CLIENT UNBLOCK 2"), "(integer) 0");
}

TEST_F(WaitCommands, UnblockMayEndThemByAnError) {
  for (const auto& wait : {std::vector<std::string>{"WAIT", "1", "0"},
                           std::vector<std::string>{"WAITAOF", "0", "1", "5000"}}) {
    EXPECT_FALSE(other.try_raw(wait));
    EXPECT_EQ(run("CLIENT UNBLOCK 2 ERROR"), "(integer) 1");
    EXPECT_EQ(other.try_raw(wait), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    EXPECT_EQ(other.run("PING"), "PONG");
  }
}

TEST_F(WaitCommands, EndWithThePermissionToWait) {
  const std::vector<std::string> wait{"WAIT", "1", "0"};
  EXPECT_FALSE(other.try_raw(wait));
  EXPECT_EQ(run("ACL SETUSER default -wait"), "OK");
  EXPECT_THAT(other.try_raw(wait).value(), ::testing::StartsWith("-NOPERM "));
  EXPECT_FALSE(other.state.blocked);
  EXPECT_EQ(services->blocked->count(), 0u);
}

TEST_F(WaitCommands, AreShownWhileTheyWait) {
  EXPECT_FALSE(other.try_raw({"WAIT", "1", "0"}));
  EXPECT_THAT(run("CLIENT LIST ID 2"), HasSubstr(" flags=b "));
  EXPECT_THAT(run("INFO clients"), HasSubstr("blocked_clients:1\r\n"));
  EXPECT_THAT(run("INFO clients"), HasSubstr("clients_in_timeout_table:0\r\n"));
  run("CLIENT UNBLOCK 2");
  other.try_raw({"WAIT", "1", "0"});
  EXPECT_THAT(run("INFO clients"), HasSubstr("blocked_clients:0\r\n"));
  EXPECT_FALSE(other.try_raw({"WAIT", "1", "10"}));
  EXPECT_THAT(run("INFO clients"), HasSubstr("clients_in_timeout_table:1\r\n"));
}

TEST_F(WaitCommands, WaitaofAnswersOnceTheDiskHasWhatWasWritten) {
  EXPECT_EQ(run("SET s:1 alice"), "OK");
  const JournalPosition written = journal->appended();
  EXPECT_EQ(run("WAITAOF 1 0 0"), "1) (integer) 1\n2) (integer) 0");
  EXPECT_GE(journal->synced(), written);
}

// The disk has what was written long before the other half of what is waited for could come.
TEST_F(WaitCommands, WaitaofForReplicasTellsOfTheDiskWhenItsTimeIsUp) {
  EXPECT_EQ(run("SET s:1 alice"), "OK");
  EXPECT_EQ(run("WAITAOF 1 0 0"), "1) (integer) 1\n2) (integer) 0");
  EXPECT_EQ(run("WAITAOF 1 1 500"), "1) (integer) 1\n2) (integer) 0");
  EXPECT_EQ(run("WAITAOF 0 1 500"), "1) (integer) 1\n2) (integer) 0");
}

TEST_F(WaitCommands, InATransactionAnswerWhatIs) {
  EXPECT_EQ(run("MULTI"), "OK");
  EXPECT_EQ(run("WAIT 1 0"), "QUEUED");
  EXPECT_EQ(run("WAITAOF 1 3 0"), "QUEUED");
  EXPECT_EQ(run("EXEC"), "1) (integer) 0\n2) 1) (integer) 1\n   2) (integer) 0");
  EXPECT_FALSE(client().state.blocked);
}

TEST_F(WaitCommands, RefuseWhatMakesNoSense) {
  EXPECT_EQ(run("WAIT x 0"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("WAIT 1 x"), "(error) ERR timeout is not an integer or out of range");
  EXPECT_EQ(run("WAIT 1 -1"), "(error) ERR timeout is negative");
  EXPECT_EQ(run("WAIT 0 9223372036854775807"), "(error) ERR timeout is out of range");
  EXPECT_EQ(run("WAITAOF 2 0 0"), "(error) ERR value is out of range, value must between 0 and 1");
  EXPECT_EQ(run("WAITAOF x 0 0"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("WAITAOF 1 -1 0"), "(error) ERR value is out of range, must be positive");
  EXPECT_EQ(run("WAITAOF 1 x 0"), "(error) ERR value is out of range, must be positive");
  EXPECT_EQ(run("WAITAOF 1 0 -1"), "(error) ERR timeout is negative");
  EXPECT_FALSE(client().state.blocked);
}

class WaitCommandsInMemory : public MemoryCommandTest {};

TEST_F(WaitCommandsInMemory, HaveNoDiskToWaitFor) {
  EXPECT_EQ(run("WAITAOF 1 0 0"),
            "(error) ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  EXPECT_EQ(run("WAITAOF 0 0 0"), "1) (integer) 0\n2) (integer) 0");
}

}  // namespace
}  // namespace sojourn::server
