#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

#include <boost/asio/use_future.hpp>

#include "sojourn/client.h"
#include "tests/client/fake_server.h"

namespace sojourn {
namespace {

using namespace std::chrono_literals;

Request echo(std::string_view word) { return Request().push("ECHO", word); }

Request echoes(int count) {
  Request request;
  for (int i = 0; i < count; ++i) request.push("ECHO", i);
  return request;
}

TEST(ClientFailure, AServersErrorIsAValueBesideItsSiblings) {
  FakeServer server([](Peer& peer, int) {
    peer.greet();
    for (int i = 0; i < 3; ++i) peer.read();
    peer.send("+a\r\n-WRONGTYPE no\r\n+c\r\n");
    peer.wait_until_gone();
  });
  Client client(server.options());
  const Replies replies = client.exec(echoes(3)).value();
  EXPECT_EQ(replies.at(0).text, "a");
  EXPECT_EQ(replies.at(1).error_code(), "WRONGTYPE");
  EXPECT_EQ(replies.at(2).text, "c");
}

TEST(ClientFailure, ALostConnectionFailsTheCallAndSaysWhatMayHaveHappened) {
  FakeServer server([](Peer& peer, int) {
    peer.greet();
    for (int i = 0; i < 3; ++i) peer.read();
    peer.send("+0\r\n");
  });
  Client client(server.options());
  const Error error = client.exec(echoes(3)).error();
  EXPECT_EQ(error.code, Errc::connection_lost);
  EXPECT_TRUE(error.fate.happened(0));
  EXPECT_TRUE(error.fate.may_have_happened(1));
  EXPECT_TRUE(error.fate.may_have_happened(2));
}

TEST(ClientFailure, NothingThatMayHaveHappenedIsSentTwice) {
  std::atomic<int> seen = 0;
  FakeServer server([&](Peer& peer, int connection) {
    peer.greet();
    if (connection > 0) return peer.answer_all();
    if (peer.read() == Peer::Command{"ECHO", "once"}) ++seen;
  });
  Client client(server.options());
  EXPECT_EQ(client.exec(echo("once")).error().code, Errc::connection_lost);
  EXPECT_EQ(client.exec(echo("next")).value().at(0).text, "next");
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientFailure, AnIdempotentRequestIsSentAgainUntilItIsAnswered) {
  FakeServer server([](Peer& peer, int connection) {
    peer.greet();
    if (connection > 2) return peer.answer_all();
    peer.read();
  });
  Client client(server.options());
  EXPECT_EQ(client.exec(echo("a").idempotent()).value().at(0).text, "a");
  EXPECT_EQ(server.connections(), 4);
}

TEST(ClientFailure, ARequestThatNeverLeftWaitsForTheNextConnection) {
  FakeServer server([](Peer& peer, int connection) {
    if (connection < 3) return;
    peer.greet();
    peer.answer_all();
  });
  Client client(server.options());
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
}

TEST(ClientFailure, AnAbsentServerIsNamedWhenTheTimeIsUp) {
  Options options;
  {
    const FakeServer gone([](Peer&, int) {});
    options = gone.options();
  }
  options.request_timeout = 500ms;
  Client client(options);
  const Error error = client.exec(echo("a")).error();
  EXPECT_EQ(error.code, Errc::not_connected);
  EXPECT_EQ(error.detail, "Connection refused");
  EXPECT_TRUE(error.fate.nothing_happened());
}

TEST(ClientFailure, AUnixSocketThatIsAbsentOrTooLongIsAnErrorToo) {
  for (const auto& [path, detail] :
       {std::pair(std::string("/nobody/listens/here"), "No such file or directory"),
        std::pair(std::string(200, 'x'), "the Unix socket's path is too long")}) {
    Options options;
    options.unix_socket = path;
    options.request_timeout = 500ms;
    Client client(options);
    const Error error = client.exec(echo("a")).error();
    EXPECT_EQ(error.code, Errc::not_connected);
    EXPECT_EQ(error.detail, detail);
  }
}

TEST(ClientFailure, BacksOffFromAServerThatAcceptsAndLeaves) {
  FakeServer server([](Peer&, int) {});
  Options options = server.options();
  options.backoff_first = options.backoff_max = 50ms;
  options.request_timeout = 500ms;
  Client client(options);
  EXPECT_EQ(client.exec(echo("a")).error().code, Errc::not_connected);
  EXPECT_GE(server.connections(), 2);
  EXPECT_LE(server.connections(), 1 + 500 / 25);
}

TEST(ClientFailure, ASilentServerFailsTheCallInTimeAndIsLeft) {
  FakeServer server([](Peer& peer, int connection) {
    peer.greet();
    if (connection > 0) return peer.answer_all();
    peer.read();
    peer.send("+a\r\n");
    peer.wait_until_gone();
  });
  Client client(server.options());
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  const Error error = client.exec(echo("b").timeout(200ms)).error();
  EXPECT_EQ(error.code, Errc::timeout);
  EXPECT_TRUE(error.fate.may_have_happened(0));
  EXPECT_EQ(client.exec(echo("c")).value().at(0).text, "c");
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientFailure, ALateReplyIsNotTakenForTheNextOne) {
  std::promise<void> first_gave_up;
  FakeServer server([&](Peer& peer, int) {
    peer.greet();
    peer.read();
    peer.send("+a\r\n");
    peer.read();
    peer.send("+slow\r\n");  // something was heard, so the connection stays
    first_gave_up.get_future().wait();
    peer.send("+late\r\n");
    peer.read();
    peer.answer_all();
  });
  Client client(server.options());
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  EXPECT_EQ(client.exec(echoes(2).timeout(500ms)).error().code, Errc::timeout);
  first_gave_up.set_value();
  EXPECT_EQ(client.exec(echo("b")).value().at(0).text, "b");
  EXPECT_EQ(server.connections(), 1);
}

TEST(ClientFailure, RepliesMayComeInAnyPieces) {
  const std::string replies = "$5\r\na\r\nbc\r\n*2\r\n:1\r\n%1\r\n+k\r\n_\r\n";
  FakeServer server([&](Peer& peer, int) {
    peer.greet();
    for (int i = 0; i < 2; ++i) peer.read();
    for (const char byte : replies) peer.send(std::string_view(&byte, 1));
    peer.wait_until_gone();
  });
  Client client(server.options());
  const Replies got = client.exec(echoes(2)).value();
  EXPECT_EQ(got.at(0).text, "a\r\nbc");
  EXPECT_EQ(got.at(1).elements.at(0).integer, 1);
  EXPECT_EQ(got.at(1).elements.at(1).type, Reply::Type::map);
}

struct Hostile {
  const char* name;
  std::string bytes;
  Errc code;
};

class HostileServer : public testing::TestWithParam<Hostile> {};

TEST_P(HostileServer, FailsTheCallAndIsLeft) {
  FakeServer server([](Peer& peer, int connection) {
    peer.greet();
    if (connection > 0) return peer.answer_all();
    peer.read();
    peer.send(GetParam().bytes);
    peer.wait_until_gone();
  });
  Options options = server.options();
  options.reply_bytes_max = 1000;
  options.reply_elements_max = 100;
  Client client(options);
  const Error error = client.exec(echo("a").idempotent()).error();
  EXPECT_EQ(error.code, GetParam().code) << error.message();
  EXPECT_EQ(client.exec(echo("b")).value().at(0).text, "b");
}

INSTANTIATE_TEST_SUITE_P(
    Replies, HostileServer,
    testing::Values(Hostile{"NoResp", "HTTP/1.1 400 Bad Request\r\n\r\n", Errc::protocol},
                    Hostile{"LengthBelowMinusOne", "$-2\r\n", Errc::protocol},
                    Hostile{"LengthOf64Bits", "$18446744073709551614\r\n", Errc::protocol},
                    Hostile{"LengthOf63Bits", "$9223372036854775807\r\n", Errc::reply_too_large},
                    Hostile{"LongString", "$1001\r\n", Errc::reply_too_large},
                    Hostile{"WholeLongString", "$1001\r\n" + std::string(1001, 'x') + "\r\n",
                            Errc::reply_too_large},
                    Hostile{"ManyStrings",
                            "*2\r\n$600\r\n" + std::string(600, 'x') + "\r\n$600\r\n" +
                                std::string(300, 'x'),
                            Errc::reply_too_large},
                    Hostile{"ManyElements", "*1000000000\r\n", Errc::protocol},
                    Hostile{"LineWithoutEnd", std::string(2000, '+'), Errc::reply_too_large}),
    [](const auto& info) { return info.param.name; });

TEST(ClientFailure, AReplyThatNobodyAskedForEndsTheConnection) {
  FakeServer server([](Peer& peer, int connection) {
    peer.greet();
    peer.read();
    peer.send(connection == 0 ? "+a\r\n+forged\r\n" : "+b\r\n");
    peer.wait_until_gone();
  });
  Client client(server.options());
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  EXPECT_EQ(client.exec(echo("b").idempotent()).value().at(0).text, "b");
}

TEST(ClientFailure, WhatIsBeyondTheQueueIsRefusedAtOnce) {
  std::promise<void> release;
  FakeServer server([&](Peer& peer, int) {
    peer.greet();
    release.get_future().wait();
    peer.answer_all();
  });
  Options options = server.options();
  options.pending_requests_max = 2;
  options.pending_bytes_max = 1000;
  Client client(options);
  auto one = client.async_exec(echo("1"), boost::asio::use_future);
  EXPECT_EQ(client.exec(echo(std::string(1000, 'x'))).error().detail, "too many bytes");
  auto two = client.async_exec(echo("2"), boost::asio::use_future);
  const Error error = client.exec(echo("3")).error();
  EXPECT_EQ(error.code, Errc::queue_full);
  EXPECT_EQ(error.detail, "too many requests");
  release.set_value();
  EXPECT_EQ(one.get().value().at(0).text, "1");
  EXPECT_EQ(two.get().value().at(0).text, "2");
  EXPECT_EQ(client.exec(echo("4")).value().at(0).text, "4");
}

}  // namespace
}  // namespace sojourn
