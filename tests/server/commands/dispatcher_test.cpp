#include "server/commands/dispatcher.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using namespace std::string_literals;

class DispatcherTest : public CommandTest {};

TEST_F(DispatcherTest, WordsUnknownCommandsAsRedisDoes) {
  EXPECT_EQ(run("foo"), "(error) ERR unknown command 'foo', with args beginning with: ");
  EXPECT_EQ(run("FOO bar 'b z'"),
            "(error) ERR unknown command 'FOO', with args beginning with: 'bar' 'b z' ");
  EXPECT_EQ(run("lpush l 1"),
            "(error) ERR unknown command 'lpush', with args beginning with: 'l' '1' ");
}

TEST_F(DispatcherTest, CutsWhatItShowsOfUnknownCommands) {
  const std::string name(200, 'n'), argument(200, 'a');
  EXPECT_EQ(run_words({name, argument, "more"}),
            "(error) ERR unknown command '" + name.substr(0, 128) +
                "', with args beginning with: '" + argument.substr(0, 128) + "' ");
  EXPECT_EQ(run_words({"x\0y"s, "a\0b"s}),
            "(error) ERR unknown command 'x', with args beginning with: 'a' ");
}

TEST_F(DispatcherTest, KeepsForgedLinesOutOfErrors) {
  const auto bytes = client().try_raw({"x\r\n+OK", "y\r\n"});
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, "-ERR unknown command 'x  +OK', with args beginning with: 'y  ' \r\n");
}

TEST_F(DispatcherTest, WordsUnknownSubcommandsAsRedisDoes) {
  EXPECT_EQ(run("client nope 1"), "(error) ERR unknown subcommand 'nope'. Try CLIENT HELP.");
  EXPECT_EQ(run("Config nope"), "(error) ERR unknown subcommand 'nope'. Try CONFIG HELP.");
}

TEST_F(DispatcherTest, ChecksHowManyWordsThereAre) {
  EXPECT_EQ(run("GET"), "(error) ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(run("GET a b"), "(error) ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(run("CLIENT"), "(error) ERR wrong number of arguments for 'client' command");
  EXPECT_EQ(run("CLIENT KILL"), "(error) ERR wrong number of arguments for 'client|kill' command");
  EXPECT_EQ(run("CLIENT ID 1"), "(error) ERR wrong number of arguments for 'client|id' command");
}

TEST_F(DispatcherTest, RunsARenamedCommandUnderItsNewNameOnly) {
  ASSERT_TRUE(registry.rename("config", "secret-config"));
  EXPECT_EQ(run("SECRET-CONFIG RESETSTAT"), "OK");
  EXPECT_EQ(run("SECRET-CONFIG"), "(error) ERR wrong number of arguments for 'config' command");
  EXPECT_EQ(run("CONFIG RESETSTAT"),
            "(error) ERR unknown command 'CONFIG', with args beginning with: 'RESETSTAT' ");
}

TEST_F(DispatcherTest, HoldsTheReplyOfAWriteUntilItIsWritten) {
  run("SET a 1");
  const JournalPosition first = client().state.hold_until;
  EXPECT_GT(first, 0u);
  run("GET a");
  EXPECT_EQ(client().state.hold_until, first);
  run("SET a 2");
  EXPECT_GT(client().state.hold_until, first);
}

TEST_F(DispatcherTest, CountsCallsFailuresAndRejections) {
  run("SET s v");
  run("GET s");
  run("HGET s f");
  run("GET");
  const auto figures = [&](std::string_view name) {
    return metrics.command(Registry::index_of(*registry.find(name)));
  };
  EXPECT_EQ(figures("get").calls, 1u);
  EXPECT_EQ(figures("get").rejected, 1u);
  EXPECT_EQ(figures("hget").calls, 1u);
  EXPECT_EQ(figures("hget").failed, 1u);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::commands), 4u);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::error_replies), 2u);
  const std::vector<std::pair<std::string, std::uint64_t>> errors{{"ERR", 1}, {"WRONGTYPE", 1}};
  EXPECT_THAT(metrics.errors(), ::testing::UnorderedElementsAreArray(errors));
}

TEST_F(DispatcherTest, ClientReplyOffAndSkipSilenceReplies) {
  EXPECT_EQ(run("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(run("SET a 1"), "");
  EXPECT_EQ(run("GET a"), "1");
  EXPECT_EQ(run("CLIENT REPLY OFF"), "");
  EXPECT_EQ(run("SET a 2"), "");
  EXPECT_EQ(run("nonsense"), "");
  EXPECT_EQ(run("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(run("GET a"), "");
  EXPECT_EQ(run("CLIENT REPLY ON"), "OK");
  EXPECT_EQ(run("GET a"), "2");
  EXPECT_EQ(run("CLIENT REPLY MAYBE"), "(error) ERR syntax error");
}

TEST_F(DispatcherTest, RepliesOfEarlierRequestsStayInTheBuffer) {
  Dispatcher dispatcher(*services);
  std::string out = "+EARLIER\r\n";
  const std::vector<std::string_view> skip{"client", "reply", "off"}, ping{"ping"};
  dispatcher.run(client().state, skip, out, clock.now(), [] {});
  dispatcher.run(client().state, ping, out, clock.now(), [] {});
  EXPECT_EQ(out, "+EARLIER\r\n");
}

TEST_F(DispatcherTest, RemembersTheLastCommand) {
  advance(5s);
  run("CLIENT ID");
  EXPECT_EQ(client().state.last_command->full_name, "client|id");
  EXPECT_EQ(client().state.last_request_at, clock.now());
  EXPECT_EQ(client().state.commands, 1u);
}

TEST_F(DispatcherTest, LogsSlowCommandsWithoutTheirSecrets) {
  run("CONFIG SET slowlog-log-slower-than 0");
  run("SLOWLOG RESET");
  run("SET session:secret value EX 100");
  run("PING hello");
  const auto entries = slowlog.latest(2);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].words, (std::vector<std::string>{"PING", "hello"}));
  EXPECT_EQ(entries[1].words,
            (std::vector<std::string>{"SET", "(14 bytes)", "(5 bytes)", "(2 bytes)", "(3 bytes)"}));
  EXPECT_EQ(entries[0].peer, client().state.peer_address);
}

TEST_F(DispatcherTest, CutsLongRequestsInTheSlowLog) {
  run("CONFIG SET slowlog-log-slower-than 0");
  std::vector<std::string> words{"COMMAND", "INFO"};
  words.push_back(std::string(200, 'x'));
  for (int i = 0; i < 97; ++i) words.push_back("get");
  run_words(words);
  const auto entry = slowlog.latest(1).at(0);
  ASSERT_EQ(entry.words.size(), 32u);
  EXPECT_EQ(entry.words[2], std::string(128, 'x') + "... (72 more bytes)");
  EXPECT_EQ(entry.words[31], "... (69 more arguments)");
}

TEST_F(DispatcherTest, LogsNothingWhenTheSlowLogIsOff) {
  run("CONFIG SET slowlog-log-slower-than -1");
  run("SLOWLOG RESET");
  run("PING");
  EXPECT_EQ(slowlog.size(), 0u);
}

TEST_F(DispatcherTest, TimeARequestWaitedByItselfCountsAsItsOwn) {
  ASSERT_TRUE(config.read("enable-debug-command yes", "test"));
  EXPECT_EQ(run("DEBUG SLEEP 0.5"), "OK");
  const auto entries = slowlog.latest(1);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_GE(entries[0].took, 500ms);
  EXPECT_LT(entries[0].took, 60s);
}

}  // namespace
}  // namespace sojourn::server
