#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

class ConnectionCommands : public CommandTest {
 protected:
  Client& stranger() {
    Client& client = connect();
    client.state.authenticated = false;
    return client;
  }
};

constexpr const char* kWrongPass =
    "(error) WRONGPASS invalid username-password pair or user is disabled.";

TEST_F(ConnectionCommands, PingAnswersPongOrWhatItWasGiven) {
  EXPECT_EQ(run("PING"), "PONG");
  EXPECT_EQ(run("PING \"a b\""), "a b");
  EXPECT_EQ(run("PING a b"), "(error) ERR wrong number of arguments for 'ping' command");
}

TEST_F(ConnectionCommands, EchoGivesEveryByteBack) {
  EXPECT_EQ(client().ask({"ECHO", std::string("\0\r\n\xff", 4)})->text,
            std::string("\0\r\n\xff", 4));
}

TEST_F(ConnectionCommands, SelectChoosesADatabase) {
  run("SET a 1");
  EXPECT_EQ(run("SELECT 15"), "OK");
  EXPECT_EQ(run("GET a"), "(nil)");
  EXPECT_EQ(run("SELECT 16"), "(error) ERR DB index is out of range");
  EXPECT_EQ(run("SELECT -1"), "(error) ERR DB index is out of range");
  EXPECT_EQ(run("SELECT abc"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("SELECT 99999999999999999999"),
            "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("SELECT 0"), "OK");
  EXPECT_EQ(run("GET a"), "1");
}

TEST_F(ConnectionCommands, QuitAnswersAndCloses) {
  EXPECT_EQ(run("QUIT"), "OK");
  EXPECT_TRUE(client().state.close_after_reply);
}

TEST_F(ConnectionCommands, ResetMakesTheConnectionAsNew) {
  configure("requirepass secret");
  run("HELLO 3 SETNAME me");
  run("SELECT 4");
  run("CLIENT NO-EVICT ON");
  run("CLIENT NO-TOUCH ON");
  EXPECT_EQ(client().try_raw({"RESET"}), "+RESET\r\n");
  const ConnectionState& state = client().state;
  EXPECT_EQ(state.database, 0);
  EXPECT_EQ(state.name, "");
  EXPECT_EQ(state.version, protocol::Version::resp2);
  EXPECT_FALSE(state.no_evict);
  EXPECT_FALSE(state.no_touch);
  EXPECT_FALSE(state.authenticated);
  EXPECT_EQ(run("GET a"), "(error) NOAUTH Authentication required.");
}

TEST_F(ConnectionCommands, ResetEndsSilence) {
  run("CLIENT REPLY OFF");
  EXPECT_EQ(run("RESET"), "RESET");
}

TEST_F(ConnectionCommands, AuthTakesTheRightPasswordOnly) {
  configure("requirepass secret");
  Client& client = stranger();
  for (const char* line : {"AUTH wrong", "AUTH secre", "AUTH secrets", "AUTH \"\"", "AUTH SECRET",
                           "AUTH default wrong", "AUTH nobody secret", "AUTH DEFAULT secret"}) {
    EXPECT_EQ(client.run(line), kWrongPass) << line;
    EXPECT_FALSE(client.state.authenticated);
  }
  EXPECT_EQ(client.run("AUTH secret"), "OK");
  EXPECT_TRUE(client.state.authenticated);
  Client& other = stranger();
  EXPECT_EQ(other.run("AUTH default secret"), "OK");
  EXPECT_EQ(other.run("SET a 1"), "OK");
}

TEST_F(ConnectionCommands, AFailedAuthLeavesWhoWasAlreadyIn) {
  configure("requirepass secret");
  run("AUTH secret");
  EXPECT_EQ(run("AUTH wrong"), kWrongPass);
  EXPECT_EQ(run("PING"), "PONG");
}

TEST_F(ConnectionCommands, AuthWithoutAPasswordConfiguredSaysSo) {
  EXPECT_EQ(run("AUTH x"),
            "(error) ERR AUTH <password> called without any password configured for the default "
            "user. Are you sure your configuration is correct?");
  EXPECT_EQ(run("AUTH default anything"), "OK");
  EXPECT_EQ(run("AUTH nobody anything"), kWrongPass);
  EXPECT_EQ(run("AUTH a b c"), "(error) ERR syntax error");
}

TEST_F(ConnectionCommands, HelloDescribesTheServerInBothProtocols) {
  EXPECT_EQ(client().try_raw({"HELLO"}),
            "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n"
            ":2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\n"
            "master\r\n$7\r\nmodules\r\n*0\r\n");
  EXPECT_EQ(client().try_raw({"HELLO", "3"}),
            "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n"
            ":3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\n"
            "master\r\n$7\r\nmodules\r\n*0\r\n");
  EXPECT_EQ(client().try_raw({"GET", "absent"}), "_\r\n");
  client().try_raw({"HELLO", "2"});
  EXPECT_EQ(client().try_raw({"GET", "absent"}), "$-1\r\n");
}

TEST_F(ConnectionCommands, HelloAuthenticatesAndNamesInOneGo) {
  configure("requirepass secret");
  Client& client = stranger();
  client.run("HELLO 3 AUTH default secret SETNAME app-1");
  EXPECT_TRUE(client.state.authenticated);
  EXPECT_EQ(client.state.name, "app-1");
  EXPECT_EQ(client.state.version, protocol::Version::resp3);
}

TEST_F(ConnectionCommands, HelloThatFailsChangesNothing) {
  configure("requirepass secret");
  Client& client = stranger();
  EXPECT_EQ(client.run("HELLO 3"),
            "(error) NOAUTH HELLO must be called with the client already authenticated, otherwise "
            "the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client "
            "and select the RESP protocol version at the same time");
  EXPECT_EQ(client.run("HELLO 3 AUTH default wrong SETNAME x"), kWrongPass);
  EXPECT_EQ(client.run("HELLO 4"), "(error) NOPROTO unsupported protocol version");
  EXPECT_EQ(client.run("HELLO abc"),
            "(error) ERR Protocol version is not an integer or out of range");
  EXPECT_EQ(client.run("HELLO 2 foo"), "(error) ERR Syntax error in HELLO option 'foo'");
  EXPECT_EQ(client.run("HELLO 2 auth a"), "(error) ERR Syntax error in HELLO option 'auth'");
  EXPECT_EQ(client.run("HELLO 3 AUTH default secret SETNAME \"a b\""),
            "(error) ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_FALSE(client.state.authenticated);
  EXPECT_EQ(client.state.name, "");
  EXPECT_EQ(client.state.version, protocol::Version::resp2);
}

}  // namespace
}  // namespace sojourn::server
