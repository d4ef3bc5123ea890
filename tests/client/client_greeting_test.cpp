#include <gtest/gtest.h>

#include <future>

#include "sojourn/client.h"
#include "tests/client/fake_server.h"

namespace sojourn {
namespace {

using namespace std::chrono_literals;

Request echo(std::string_view word) { return Request().push("ECHO", word); }

TEST(ClientGreeting, ComesBeforeTheFirstCommand) {
  std::promise<Peer::Command> first;
  FakeServer server([&](Peer& peer, int) {
    first.set_value(peer.read());
    peer.send("%1\r\n+proto\r\n:3\r\n+OK\r\n+OK\r\n");
    peer.read();
    peer.read();
    peer.answer_all();
  });
  Options options = server.options();
  options.client_name = "clone-1";
  Client client(options);
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  EXPECT_EQ(first.get_future().get(), (Peer::Command{"HELLO", "3", "SETNAME", "clone-1"}));
}

TEST(ClientGreeting, FallsBackToAuthWithAnOldServer) {
  FakeServer server([](Peer& peer, int) {
    peer.read();
    peer.send("-ERR unknown command `HELLO`, with args beginning with: `3`\r\n");
    EXPECT_EQ(peer.read(), (Peer::Command{"AUTH", "secret"}));
    peer.send("+OK\r\n-ERR unknown subcommand\r\n-ERR unknown subcommand\r\n");
    peer.read();
    peer.read();
    peer.answer_all();
  });
  Options options = server.options();
  options.password = "secret";
  Client client(options);
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
}

TEST(ClientGreeting, AWrongPasswordFailsTheCallAtOnce) {
  FakeServer server([](Peer& peer, int) {
    peer.read();
    peer.send("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    peer.wait_until_gone();
  });
  Options options = server.options();
  options.password = "wrong";
  Client client(options);
  const Error error = client.exec(echo("a")).error();
  EXPECT_EQ(error.code, Errc::refused);
  EXPECT_EQ(error.detail, "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_TRUE(error.fate.nothing_happened());
}

TEST(ClientGreeting, WaitsForAServerThatIsLoading) {
  FakeServer server([](Peer& peer, int connection) {
    if (connection < 3) {
      peer.read();
      peer.send("-LOADING the dataset is in memory soon\r\n");
      return peer.wait_until_gone();
    }
    peer.greet();
    peer.answer_all();
  });
  Client client(server.options());
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  EXPECT_EQ(server.connections(), 4);
}

TEST(ClientGreeting, IsTriedAgainWhenTheServerDoesNotAnswerItInTime) {
  FakeServer server([](Peer& peer, int connection) {
    if (connection == 0) return peer.wait_until_gone();
    peer.greet();
    peer.answer_all();
  });
  Options options = server.options();
  options.connect_timeout = 50ms;
  Client client(options);
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  EXPECT_GE(server.connections(), 2);
}

TEST(ClientGreeting, MakesTheSetupOnEveryConnectionAndTakesItsPushForAnAnswer) {
  std::promise<Reply> pushed;
  FakeServer server([](Peer& peer, int) {
    peer.greet();
    EXPECT_EQ(peer.read(), (Peer::Command{"SUBSCRIBE", "news"}));
    peer.send(">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    peer.send(">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    peer.answer_all();
  });
  Options options = server.options();
  options.setup.push("SUBSCRIBE", "news");
  options.on_push = [&pushed](Reply reply) { pushed.set_value(std::move(reply)); };
  Client client(options);
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  EXPECT_EQ(pushed.get_future().get().as<std::vector<std::string>>().value(),
            (std::vector<std::string>{"message", "news", "hello"}));
}

}  // namespace
}  // namespace sojourn
