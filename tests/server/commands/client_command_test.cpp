#include <gmock/gmock.h>

#include <regex>
#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

class ClientCommands : public CommandTest {
 protected:
  std::string text(std::vector<std::string> words) { return client().ask(words).value().text; }
  // The ids of CLIENT LIST's lines.
  std::vector<std::string> listed(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"CLIENT", "LIST"};
    words.insert(words.end(), more.begin(), more.end());
    const std::string lines = text(words);
    const std::regex id("(^|\n)id=([0-9]+)");
    std::vector<std::string> ids;
    for (std::sregex_iterator it(lines.begin(), lines.end(), id), end; it != end; ++it) {
      ids.push_back((*it)[2]);
    }
    return ids;
  }
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(ClientCommands, NamesAConnection) {
  EXPECT_EQ(run("CLIENT GETNAME"), "(nil)");
  EXPECT_EQ(run("CLIENT SETNAME app-1"), "OK");
  EXPECT_EQ(run("CLIENT GETNAME"), "app-1");
  EXPECT_EQ(run("CLIENT SETNAME \"a b\""),
            "(error) ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(run("CLIENT SETNAME \"a\\n\""),
            "(error) ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(run("CLIENT SETNAME \"\""), "OK");
  EXPECT_EQ(run("CLIENT GETNAME"), "(nil)");
}

TEST_F(ClientCommands, RemembersTheLibrary) {
  EXPECT_EQ(run("CLIENT SETINFO lib-name redis-py"), "OK");
  EXPECT_EQ(run("CLIENT SETINFO LIB-VER 5.0.1"), "OK");
  EXPECT_THAT(text({"CLIENT", "INFO"}), ::testing::HasSubstr(" lib-name=redis-py lib-ver=5.0.1\n"));
  EXPECT_EQ(run("CLIENT SETINFO foo bar"), "(error) ERR Unrecognized option 'foo'");
  EXPECT_EQ(run("CLIENT SETINFO lib-ver \"5 0\""),
            "(error) ERR lib-ver cannot contain spaces, newlines or special characters.");
}

TEST_F(ClientCommands, DescribesAConnectionAsRedisDoes) {
  run("CLIENT SETNAME me");
  client().state.descriptor = 8;
  run("SELECT 3");
  advance(2500ms);
  EXPECT_THAT(
      text({"CLIENT", "INFO"}),
      ::testing::MatchesRegex(
          "id=1 addr=127.0.0.1:40001 laddr=127.0.0.1:6379 fd=8 name=me age=2 idle=0 flags=N db=3 "
          "sub=0 psub=0 ssub=0 multi=-1 qbuf=[0-9]+ qbuf-free=[0-9]+ argv-mem=[0-9]+ multi-mem=0 "
          "rbs=[0-9]+ rbp=[0-9]+ obl=0 oll=0 omem=[0-9]+ tot-mem=[0-9]+ events=r cmd=client.info "
          "user=default redir=-1 resp=2 lib-name= lib-ver=\n"));
}

TEST_F(ClientCommands, ShowsWhatBuffersHoldAndTake) {
  ConnectionState& other = connect().state;
  other.input_bytes = 100;
  other.input_capacity = 1024;
  other.output_bytes = 5000;
  other.output_capacity = 8192;
  other.output_capacity_max = 16384;
  const std::string total = std::to_string(sizeof(ConnectionState) + 1024 + 8192);
  EXPECT_THAT(text({"CLIENT", "LIST", "ID", "2"}),
              ::testing::HasSubstr(" qbuf=100 qbuf-free=924 argv-mem=0 multi-mem=0 rbs=8192 "
                                   "rbp=16384 obl=5000 oll=0 omem=8192 tot-mem=" +
                                   total + " events=rw "));
  other.output_bytes = 0;
  EXPECT_THAT(text({"CLIENT", "LIST", "ID", "2"}),
              ::testing::HasSubstr(" obl=0 oll=0 omem=0 tot-mem=" + total + " events=r "));
  EXPECT_THAT(text({"CLIENT", "INFO"}), ::testing::HasSubstr(" argv-mem=10 "));
}

TEST_F(ClientCommands, ShowsFlagsOfAConnection) {
  run("CLIENT NO-EVICT ON");
  run("CLIENT NO-TOUCH ON");
  client().state.peer_address = "/run/sojourn.sock:0";
  EXPECT_THAT(text({"CLIENT", "INFO"}), ::testing::HasSubstr(" flags=UeT "));
  run("CLIENT NO-EVICT OFF");
  run("CLIENT NO-TOUCH OFF");
  EXPECT_THAT(text({"CLIENT", "INFO"}), ::testing::HasSubstr(" flags=U "));
  EXPECT_EQ(run("CLIENT NO-EVICT maybe"), "(error) ERR syntax error");
  EXPECT_EQ(run("CLIENT NO-TOUCH maybe"), "(error) ERR syntax error");
}

TEST_F(ClientCommands, ListsConnections) {
  connect();
  connect();
  EXPECT_THAT(listed(), ElementsAre("1", "2", "3"));
  EXPECT_THAT(listed({"TYPE", "normal"}), ElementsAre("1", "2", "3"));
  EXPECT_THAT(listed({"TYPE", "pubsub"}), IsEmpty());
  EXPECT_THAT(listed({"ID", "3", "1", "99", "-1"}), ElementsAre("1", "3"));
  EXPECT_EQ(run("CLIENT LIST TYPE foo"), "(error) ERR Unknown client type 'foo'");
  EXPECT_EQ(run("CLIENT LIST ID abc"), "(error) ERR Invalid client ID");
  EXPECT_EQ(run("CLIENT LIST ID"), "(error) ERR syntax error");
  EXPECT_EQ(run("CLIENT LIST foo"), "(error) ERR syntax error");
}

TEST_F(ClientCommands, ListIsVerbatimInResp3) {
  resp3();
  EXPECT_THAT(*client().try_raw({"CLIENT", "LIST"}),
              ::testing::MatchesRegex("=[0-9]+\r\ntxt:id=1 .*"));
}

TEST_F(ClientCommands, KillsByAddressInTheOldForm) {
  connect();
  EXPECT_EQ(run("CLIENT KILL 127.0.0.1:40002"), "OK");
  EXPECT_THAT(connections.closed, ElementsAre(2));
  EXPECT_EQ(run("CLIENT KILL 127.0.0.1:1"), "(error) ERR No such client");
  EXPECT_EQ(run("CLIENT KILL 127.0.0.1:40001"), "OK");
  EXPECT_TRUE(client().state.close_after_reply);
}

TEST_F(ClientCommands, KillFiltersMustAllFit) {
  connect();
  connect().state.local_address = "127.0.0.1:7000";
  EXPECT_EQ(run("CLIENT KILL ID 2 ADDR 127.0.0.1:40003"), "(integer) 0");
  EXPECT_EQ(run("CLIENT KILL ID 2 ADDR 127.0.0.1:40002"), "(integer) 1");
  EXPECT_EQ(run("CLIENT KILL LADDR 127.0.0.1:7000"), "(integer) 1");
  EXPECT_THAT(connections.closed, ElementsAre(2, 3));
  EXPECT_EQ(run("CLIENT KILL ID 99"), "(integer) 0");
  EXPECT_EQ(run("CLIENT KILL TYPE replica"), "(integer) 0");
  connections.closed.clear();
  EXPECT_EQ(run("CLIENT KILL TYPE normal USER default"), "(integer) 2");
  EXPECT_THAT(connections.closed, ElementsAre(2, 3));
  EXPECT_FALSE(client().state.close_after_reply);
}

TEST_F(ClientCommands, KillSparesItselfUnlessToldOtherwise) {
  EXPECT_EQ(run("CLIENT KILL ID 1"), "(integer) 0");
  EXPECT_FALSE(client().state.close_after_reply);
  EXPECT_EQ(run("CLIENT KILL ID 1 SKIPME no"), "(integer) 1");
  EXPECT_TRUE(client().state.close_after_reply);
  EXPECT_THAT(connections.closed, IsEmpty());
}

TEST_F(ClientCommands, KillsWhatIsOldEnough) {
  advance(60s);
  connect();
  EXPECT_EQ(run("CLIENT KILL MAXAGE 60 SKIPME no"), "(integer) 1");
  EXPECT_TRUE(client().state.close_after_reply);
  EXPECT_EQ(run("CLIENT KILL MAXAGE 0"), "(error) ERR maxage should be greater than 0");
}

TEST_F(ClientCommands, KillRefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(run("CLIENT KILL ID 0"), "(error) ERR client-id should be greater than 0");
  EXPECT_EQ(run("CLIENT KILL ID abc"), "(error) ERR client-id should be greater than 0");
  EXPECT_EQ(run("CLIENT KILL TYPE foo"), "(error) ERR Unknown client type 'foo'");
  EXPECT_EQ(run("CLIENT KILL USER foo"), "(error) ERR No such user 'foo'");
  EXPECT_EQ(run("CLIENT KILL SKIPME maybe"), "(error) ERR syntax error");
  EXPECT_EQ(run("CLIENT KILL ID 1 TYPE"), "(error) ERR syntax error");
  EXPECT_EQ(run("CLIENT KILL 1 2 3"), "(error) ERR syntax error");
}

TEST_F(ClientCommands, PauseRefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(run("CLIENT PAUSE abc"), "(error) ERR timeout is not an integer or out of range");
  EXPECT_EQ(run("CLIENT PAUSE -1"), "(error) ERR timeout is negative");
  EXPECT_EQ(run("CLIENT PAUSE 9223372036854775807"), "(error) ERR timeout is out of range");
  EXPECT_EQ(run("CLIENT PAUSE 1 foo"), "(error) ERR CLIENT PAUSE mode must be WRITE or ALL");
  EXPECT_EQ(connections.paused(clock.now()), Connections::Pause::none);
}

TEST_F(ClientCommands, UnblockFindsNobodyBlocked) {
  EXPECT_EQ(run("CLIENT UNBLOCK 1"), "(integer) 0");
  EXPECT_EQ(run("CLIENT UNBLOCK 1 ERROR"), "(integer) 0");
  EXPECT_EQ(run("CLIENT UNBLOCK abc"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("CLIENT UNBLOCK 1 foo"),
            "(error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
}

TEST_F(ClientCommands, HelpNamesEverySubcommand) {
  const auto reply = client().ask({"CLIENT", "HELP"}).value();
  const Command* container = registry.find("client");
  ASSERT_EQ(reply.elements.size(), 1 + 2 * container->subcommands.size());
  EXPECT_EQ(reply.elements[0].text,
            "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  EXPECT_EQ(reply.elements.back().text.substr(0, 4), "    ");
  EXPECT_EQ(reply.elements[reply.elements.size() - 2].text, "HELP");
}

}  // namespace
}  // namespace sojourn::server
