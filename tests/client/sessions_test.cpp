#include "sojourn/sessions.h"

#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>
#include <future>
#include <mutex>
#include <set>

#include "tests/client/fake_server.h"

namespace sojourn {
namespace {

using namespace std::chrono_literals;
using Command = Peer::Command;

// Sessions on a server that answers the next call with `reply`; asked() is what it was sent.
class SessionsTest : public testing::Test {
 protected:
  SessionsTest()
      : server_([this](Peer& peer, int) {
          peer.greet();
          for (Command command = peer.read(); !command.empty(); command = peer.read()) {
            peer.send(exchange(std::move(command)));
          }
        }),
        client_(server_.options()),
        sessions_(client_, {.prefix = "app:", .idle = 20min}) {}

  Sessions& answering(std::string reply) {
    const std::lock_guard lock(mutex_);
    reply_ = std::move(reply);
    return sessions_;
  }
  Command asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::string exchange(Command command) {
    const std::lock_guard lock(mutex_);
    asked_ = std::move(command);
    return reply_;
  }

  std::mutex mutex_;
  std::string reply_;  // guarded by mutex_
  Command asked_;      // guarded by mutex_
  FakeServer server_;
  Client client_;
  Sessions sessions_;
};

TEST_F(SessionsTest, LoadGivesTheBytesOrNothing) {
  EXPECT_EQ(answering("$2\r\n{}\r\n").load("1").value(), "{}");
  EXPECT_EQ(asked(), (Command{"GET", "app:1"}));
  EXPECT_EQ(answering("_\r\n").load("1").value(), std::nullopt);
  EXPECT_EQ(answering("$-1\r\n").load("1").value(), std::nullopt);
}

TEST_F(SessionsTest, SaveGivesTheIdleTimeOrItsOwn) {
  EXPECT_TRUE(answering("+OK\r\n").save("1", "{}"));
  EXPECT_EQ(asked(), (Command{"SET", "app:1", "{}", "PX", "1200000"}));
  EXPECT_TRUE(answering("+OK\r\n").save("1", "{}", 5s));
  EXPECT_EQ(asked(), (Command{"SET", "app:1", "{}", "PX", "5000"}));
}

TEST_F(SessionsTest, UpdateTellsWhetherTheSessionStillLived) {
  EXPECT_TRUE(answering("+OK\r\n").update("1", "{}").value());
  EXPECT_EQ(asked(), (Command{"SET", "app:1", "{}", "XX", "PX", "1200000"}));
  EXPECT_FALSE(answering("_\r\n").update("1", "{}").value());
}

TEST_F(SessionsTest, TouchTellsWhetherThereWasASession) {
  EXPECT_TRUE(answering(":1\r\n").touch("1").value());
  EXPECT_EQ(asked(), (Command{"PEXPIRE", "app:1", "1200000"}));
  EXPECT_FALSE(answering(":0\r\n").touch("1").value());
}

TEST_F(SessionsTest, RenewTellsWhetherThereWasASession) {
  EXPECT_TRUE(answering("+OK\r\n").renew("1", "2").value());
  EXPECT_EQ(asked(), (Command{"RENAME", "app:1", "app:2"}));
  EXPECT_FALSE(answering("-ERR no such key\r\n").renew("1", "2").value());
  EXPECT_EQ(answering("-READONLY no\r\n").renew("1", "2").error().detail, "READONLY no");
}

TEST_F(SessionsTest, EndIsGoodWhetherOrNotThereWasASession) {
  EXPECT_TRUE(answering(":1\r\n").end("1"));
  EXPECT_EQ(asked(), (Command{"DEL", "app:1"}));
  EXPECT_TRUE(answering(":0\r\n").end("1"));
  EXPECT_EQ(answering("-MISCONF disk\r\n").end("1").error().code, Errc::server_error);
}

TEST_F(SessionsTest, NoErrorShowsAnId) {
  const std::string quoting =
      "-ERR unknown command 'PEXPIRE', with args beginning with: 'app:hidden' \r\n";
  EXPECT_EQ(answering(quoting).touch("hidden").error().message(),
            "error from the server: ERR unknown command 'PEXPIRE'");
}

TEST_F(SessionsTest, EachHasAnAsynchronousTwin) {
  using boost::asio::use_future;
  EXPECT_EQ(answering("$2\r\n{}\r\n").async_load("1", use_future).get().value(), "{}");
  EXPECT_TRUE(answering("+OK\r\n").async_save("1", "{}", {}, use_future).get());
  EXPECT_FALSE(answering("_\r\n").async_update("1", "{}", {}, use_future).get().value());
  EXPECT_TRUE(answering(":1\r\n").async_touch("1", 5s, use_future).get().value());
  EXPECT_EQ(asked(), (Command{"PEXPIRE", "app:1", "5000"}));
  EXPECT_TRUE(answering("+OK\r\n").async_renew("1", "2", use_future).get().value());
  std::promise<Result<void>> told;
  answering(":1\r\n").async_end("1", [&told](Result<void> ended) { told.set_value(ended); });
  EXPECT_TRUE(told.get_future().get());
}

TEST(SessionIds, Are256BitsFitForACookieAndNeverTheSame) {
  std::set<std::string> ids;
  std::set<char> last_letters;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = Sessions::new_id();
    EXPECT_EQ(id.size(), 43u);
    EXPECT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_"),
              std::string::npos);
    ids.insert(id);
    last_letters.insert(id.back());
  }
  EXPECT_EQ(ids.size(), 1000u);
  // 256 = 42 * 6 + 4: the last letter carries four bits.
  EXPECT_EQ(last_letters.size(), 16u);
}

// A server that leaves after the first command it is sent, and answers those of later connections.
void leave_once(Peer& peer, int connection) {
  peer.greet();
  while (!peer.read().empty() && connection > 0) peer.send(":1\r\n");
}

TEST(SessionRetries, LoadTouchAndEndOutliveALostConnection) {
  const auto outlives = [](auto&& call) {
    FakeServer server(leave_once);
    Client client(server.options());
    Sessions sessions(client);
    return static_cast<bool>(call(sessions)) && server.connections() == 2;
  };
  EXPECT_TRUE(outlives([](Sessions& sessions) { return sessions.load("1"); }));
  EXPECT_TRUE(outlives([](Sessions& sessions) { return sessions.touch("1"); }));
  EXPECT_TRUE(outlives([](Sessions& sessions) { return sessions.end("1"); }));
}

TEST(SessionRetries, SaveUpdateAndRenewAreNeverSentTwice) {
  const auto error = [](auto&& call) {
    FakeServer server(leave_once);
    Client client(server.options());
    Sessions sessions(client);
    return call(sessions).error();
  };
  for (const Error& lost : {error([](Sessions& sessions) { return sessions.save("1", "{}"); }),
                            error([](Sessions& sessions) { return sessions.update("1", "{}"); }),
                            error([](Sessions& sessions) { return sessions.renew("1", "2"); })}) {
    EXPECT_EQ(lost.code, Errc::connection_lost);
    EXPECT_TRUE(lost.fate.may_have_happened(0));
  }
}

}  // namespace
}  // namespace sojourn
