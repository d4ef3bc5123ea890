// How long scripts run beside others, before anybody hears of it.

#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/server/scripting/long_scripts.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using Outcome = Dispatcher::Outcome;

// A script that takes more than a moment, and less than what makes everybody hear of it.
class SlowScripts : public LongScripts {
 protected:
  static constexpr const char* kSlow =
      "redis.call('SET', KEYS[1], 1) while redis.call('INCR', 'n') < 100000 do end return 'ended'";

  void SetUp() override {
    LongScripts::SetUp();
    configure("busy-reply-threshold 3600000\nenable-debug-command yes");
  }
  // A request of another connection on this worker, or on another.
  Outcome ask(Dispatcher& by, const std::vector<std::string>& request) {
    const std::vector<std::string_view> views(request.begin(), request.end());
    reply.clear();
    return by.run(other, views, reply, clock.now(), [this] { ++woken; });
  }

  ConnectionState other;
  std::string reply;
  std::atomic<int> woken{0};
};

TEST_F(SlowScripts, DoNotKeepOthersFromOtherKeys) {
  put_due_keys();
  ASSERT_EQ(begin(kSlow), Outcome::next_turn);
  EXPECT_EQ(services->scripts->standing(), Scripts::Standing::slow);
  EXPECT_EQ(run("SET free 1"), "OK");
  EXPECT_EQ(run("MGET free other"), "1) \"1\"\n2) (nil)");
  EXPECT_EQ(run("MULTI"), "OK");
  EXPECT_EQ(run("SCAN 0"), "QUEUED");
  EXPECT_EQ(run("DISCARD"), "OK");
  EXPECT_THAT(run("INFO keyspace"), HasSubstr("db0:keys="));
  EXPECT_THAT(run("MEMORY STATS"), HasSubstr("keys.count"));
  EXPECT_EQ(run("SCRIPT KILL"), "(error) NOTBUSY No scripts in execution right now.");
  advance(10s);
  upkeep();
  EXPECT_EQ(run("PING"), "PONG");
  end();
  EXPECT_EQ(out, "$5\r\nended\r\n");
}

TEST_F(SlowScripts, AreWaitedForByWhoWantsTheirKeys) {
  Dispatcher elsewhere(*services);
  const std::vector<std::vector<std::string>> requests{{"GET", "held"},
                                                       {"MSET", "a", "1", "held", "2"},
                                                       {"EVAL", "return 1", "0"},
                                                       {"FLUSHALL"},
                                                       {"SCAN", "0"},
                                                       {"KEYS", "*"},
                                                       {"DBSIZE"},
                                                       {"RANDOMKEY"},
                                                       {"DEBUG", "DIGEST"},
                                                       {"DEBUG", "POPULATE", "10"},
                                                       {"SCRIPT", "LOAD", "return 1"}};
  for (Dispatcher* by : {own.get(), &elsewhere}) {
    for (const auto& request : requests) {
      run("DEL held n");
      out.clear();
      woken = 0;
      other = {};
      other.authenticated = true;
      ASSERT_EQ(begin(kSlow), Outcome::next_turn);
      EXPECT_EQ(ask(*by, request), Outcome::wait_wakeup) << request[0];
      EXPECT_EQ(reply, "");
      EXPECT_EQ(woken, 0) << request[0];
      end();
      EXPECT_EQ(out, "$5\r\nended\r\n");
      EXPECT_EQ(woken, 1) << request[0];
      Outcome outcome = ask(*by, request);
      while (outcome == Outcome::next_turn) outcome = ask(*by, request);
      EXPECT_EQ(outcome, Outcome::done) << request[0];
      EXPECT_NE(reply.substr(0, 1), "-") << reply;
    }
  }
}

TEST_F(SlowScripts, AreWaitedForByTransactions) {
  Dispatcher elsewhere(*services);
  other.authenticated = true;
  for (const char* queued : {"GET", "DBSIZE"}) {
    run("DEL held n");
    out.clear();
    ask(elsewhere, {"MULTI"});
    std::vector<std::string> request{queued};
    if (request[0] == "GET") request.push_back("held");
    ask(elsewhere, request);
    ASSERT_EQ(begin(kSlow), Outcome::next_turn);
    EXPECT_EQ(ask(elsewhere, {"EXEC"}), Outcome::wait_wakeup);
    end();
    EXPECT_EQ(ask(elsewhere, {"EXEC"}), Outcome::done);
    EXPECT_EQ(reply, request[0] == "GET" ? "*1\r\n$1\r\n1\r\n" : "*1\r\n:2\r\n");
  }
}

TEST_F(SlowScripts, MakeWhoNamesTheirKeysToDebugComeAgain) {
  ASSERT_EQ(begin(kSlow), Outcome::next_turn);
  other.authenticated = true;
  const std::vector<std::vector<std::string>> requests{{"DEBUG", "OBJECT", "held"},
                                                       {"CONFIG", "RESETSTAT"}};
  for (const auto& request : requests) {
    EXPECT_EQ(ask(*own, request), Outcome::wait_until) << request[0];
    EXPECT_EQ(reply, "");
  }
  end();
  EXPECT_EQ(ask(*own, {"CONFIG", "RESETSTAT"}), Outcome::done);
  EXPECT_EQ(ask(*own, {"DEBUG", "OBJECT", "held"}), Outcome::done);
  EXPECT_THAT(reply, StartsWith("+Value at:"));
}

TEST_F(SlowScripts, TellWhoWaitsWhenTheyBecomeLong) {
  configure("busy-reply-threshold 50");
  ASSERT_EQ(begin("while true do redis.call('GET', KEYS[1]) end"), Outcome::next_turn);
  other.authenticated = true;
  EXPECT_EQ(ask(*own, {"GET", "held"}), Outcome::wait_wakeup);
  while (!services->scripts->runs_long()) ASSERT_EQ(go_on(), Outcome::next_turn);
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(ask(*own, {"GET", "held"}), Outcome::done);
  EXPECT_THAT(reply, StartsWith("-BUSY "));
  EXPECT_EQ(run("SCRIPT KILL"), "OK");
  EXPECT_EQ(go_on(), Outcome::done);
}

TEST_F(SlowScripts, EndWithTheServer) {
  begin_to_write("redis.call('SET', KEYS[1], 1) while true do end");
  other.authenticated = true;
  EXPECT_EQ(ask(*own, {"GET", "held"}), Outcome::wait_wakeup);
  services->scripts->stop();
  ASSERT_EQ(go_on(), Outcome::done);
  EXPECT_EQ(out, "-ERR The server stops; the script was given up\r\n");
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(ask(*own, {"GET", "held"}), Outcome::done);
  EXPECT_THAT(reply, StartsWith("-BUSY "));
  own.reset();
  restart();
  EXPECT_EQ(run("GET held"), "(nil)");
}

}  // namespace
}  // namespace sojourn::server
