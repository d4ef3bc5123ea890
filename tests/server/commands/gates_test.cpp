#include "server/commands/gates.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/command_fixture.h"
#include "tests/support/faulty_store.h"
#include "tests/support/held_store.h"
#include "tests/support/wait_for.h"

namespace sojourn::server {
namespace {

class Gates : public CommandTest {};

TEST_F(Gates, WithoutAPasswordEverybodyMayCome) {
  client().state.authenticated = false;
  EXPECT_EQ(run("SET a 1"), "OK");
}

TEST_F(Gates, WhoWasHereBeforeAPasswordWasSetStays) {
  configure("requirepass secret");
  EXPECT_EQ(run("PING"), "PONG");
}

TEST_F(Gates, APasswordIsAskedForBeforeAllButTheHandshake) {
  configure("requirepass secret");
  client().state.authenticated = false;
  for (const char* line : {"GET a", "SET a 1", "PING", "CLIENT ID", "CONFIG GET *", "COMMAND COUNT",
                           "SELECT 1", "SHUTDOWN", "FLUSHALL", "INFO"}) {
    EXPECT_EQ(run(line), "(error) NOAUTH Authentication required.") << line;
  }
  EXPECT_THAT(run("DEBUG SLEEP 0"), ::testing::StartsWith("(error) ERR DEBUG command not allowed"))
      << "as in Redis, the first that is said";
  EXPECT_EQ(run("RESET"), "RESET");
  EXPECT_EQ(run("QUIT"), "OK");
  EXPECT_EQ(run("nonsense"), "(error) ERR unknown command 'nonsense', with args beginning with: ");
  EXPECT_EQ(run("AUTH secret"), "OK");
  EXPECT_EQ(run("SET a 1"), "OK");
  EXPECT_EQ(connections.shutdowns, 0);
}

TEST_F(Gates, DebugIsOffUnlessTheOperatorTurnedItOn) {
  EXPECT_THAT(run("DEBUG JMAP"),
              ::testing::StartsWith("(error) ERR DEBUG command not allowed. If the "
                                    "enable-debug-command option is set to \"local\""));
  configure("enable-debug-command yes");
  EXPECT_EQ(run("DEBUG JMAP"), "OK");
}

TEST_F(Gates, LocalDebuggingIsForConnectionsOfThisMachine) {
  configure("enable-debug-command local");
  for (const char* peer : {"127.0.0.1:50000", "[::1]:50000", "/run/sojourn.sock:0"}) {
    client().state.peer_address = peer;
    EXPECT_EQ(run("DEBUG JMAP"), "OK") << peer;
  }
  for (const char* peer : {"10.0.0.1:50000", "[2001:db8::1]:50000", "[::12]:1"}) {
    client().state.peer_address = peer;
    EXPECT_THAT(run("DEBUG JMAP"), ::testing::StartsWith("(error) ERR DEBUG command")) << peer;
  }
}

TEST_F(Gates, MemoryOverItsBoundRefusesWhatWouldGrowIt) {
  run("SET a 1");
  run("CONFIG SET maxmemory 1");
  advance(Gauges::kRateInterval);
  EXPECT_EQ(run("SET a 2"), "(error) OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(run("HSET h f 1"), "(error) OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(run("GET a"), "1");
  EXPECT_EQ(run("DEL a"), "(integer) 1");
  run("CONFIG SET maxmemory 1gb");
  EXPECT_EQ(run("SET a 2"), "OK");
}

TEST_F(Gates, APauseOfWritesHoldsWritesOnly) {
  run("SET a 1");
  EXPECT_EQ(run("CLIENT PAUSE 1000 WRITE"), "OK");
  EXPECT_FALSE(client().try_raw({"SET", "a", "2"}));
  EXPECT_EQ(run("GET a"), "1");
  advance(1001ms);
  EXPECT_EQ(client().try_raw({"SET", "a", "2"}), "+OK\r\n");
}

TEST_F(Gates, APauseOfAllHoldsEverythingButItsEnd) {
  run("CLIENT PAUSE 1000");
  EXPECT_FALSE(client().try_raw({"GET", "a"}));
  EXPECT_FALSE(client().try_raw({"PING"}));
  EXPECT_EQ(run("CLIENT UNPAUSE"), "OK");
  EXPECT_EQ(client().try_raw({"PING"}), "+PONG\r\n");
}

TEST_F(Gates, WhatWaitsIsNotCountedBeforeItRuns) {
  run("CLIENT PAUSE 1000");
  const std::uint64_t before = metrics.sum(&WorkerMetrics::commands);
  EXPECT_FALSE(client().try_raw({"PING"}));
  EXPECT_EQ(metrics.sum(&WorkerMetrics::commands), before);
}

// A server whose store does what the test says.
class StorageGates : public ::testing::Test {
 protected:
  void open(Store& store, Journal::Options options = {}) {
    auto opened = Journal::open(store, options, log);
    ASSERT_TRUE(opened);
    journal = std::move(*opened);
    auto keys = Keyspace::open({}, clock, *journal, &store, log);
    ASSERT_TRUE(keys);
    keyspace = std::move(*keys);
    services = std::make_unique<Services>(
        Services{*keyspace, config, clock, log, connections, metrics, slowlog, registry});
    dispatcher = std::make_unique<Dispatcher>(*services);
  }
  Dispatcher::Outcome run(std::vector<std::string_view> words) {
    out.clear();
    const auto outcome = dispatcher->run(state, words, out, clock.now(), wake);
    journal->end_turn();
    return outcome;
  }
  std::string reply(std::vector<std::string_view> words) {
    EXPECT_EQ(run(std::move(words)), Dispatcher::Outcome::done);
    return out;
  }

  ManualClock clock;
  Log log{-1, LogLevel::warning};
  MemoryStore memory;
  FaultyStore faulty{memory};
  HeldStore held{memory};
  Config config;
  Metrics metrics;
  SlowLog slowlog;
  FakeConnections connections;
  Registry registry;
  ConnectionState state;
  std::atomic<int> woken{0};
  std::function<void()> wake = [this] { ++woken; };
  std::string out;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Keyspace> keyspace;
  std::unique_ptr<Services> services;
  std::unique_ptr<Dispatcher> dispatcher;
};

TEST_F(StorageGates, AFullDiskRefusesWritesAndServesReads) {
  open(faulty);
  wait_for([&] { return keyspace->warm(); });
  EXPECT_EQ(reply({"SET", "a", "1"}), "+OK\r\n");
  ASSERT_TRUE(journal->flush());
  faulty.fail_write(1, Errc::disk_full, 1'000'000);
  run({"SET", "a", "2"});
  wait_for([&] { return journal->state() == StorageState::read_only; });
  EXPECT_THAT(reply({"SET", "a", "3"}), ::testing::StartsWith("-MISCONF Sojourn can't write: "));
  EXPECT_THAT(reply({"DEL", "a"}), ::testing::StartsWith("-MISCONF "));
  EXPECT_EQ(reply({"MULTI"}), "+OK\r\n");
  EXPECT_THAT(reply({"SET", "a", "3"}), ::testing::StartsWith("-MISCONF "));
  EXPECT_EQ(reply({"EXEC"}), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_THAT(reply({"GET", "a"}), ::testing::StartsWith("$1\r\n"));
  EXPECT_EQ(reply({"PING"}), "+PONG\r\n");
  EXPECT_EQ(reply({"SHUTDOWN"}), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
  EXPECT_EQ(connections.shutdowns, 0);
  EXPECT_EQ(reply({"SHUTDOWN", "NOSAVE"}), "");
  EXPECT_EQ(connections.shutdowns, 1);
  faulty.heal();
  wait_for([&] { return journal->state() == StorageState::ok; });
  EXPECT_EQ(reply({"SET", "a", "4"}), "+OK\r\n");
}

TEST_F(StorageGates, AFailedDiskAnswersNoPing) {
  open(faulty);
  wait_for([&] { return keyspace->warm(); });
  faulty.fail_write(1, Errc::storage, 1'000'000);
  run({"SET", "a", "2"});
  wait_for([&] { return journal->state() == StorageState::failed; });
  EXPECT_THAT(reply({"PING"}), ::testing::StartsWith("-MISCONF "));
  EXPECT_THAT(reply({"SET", "a", "3"}), ::testing::StartsWith("-MISCONF "));
  EXPECT_EQ(reply({"GET", "other"}), "$-1\r\n");
  EXPECT_EQ(reply({"SAVE"}).substr(0, 5), "-ERR ");
}

TEST_F(StorageGates, AJournalOverItsBudgetMakesWritesWait) {
  Journal::Options options;
  options.bytes_budget = 1000;
  open(faulty, options);
  wait_for([&] { return keyspace->warm(); });
  faulty.hold_writes();
  const std::string value(2000, 'v');
  EXPECT_EQ(run({"SET", "a", value}), Dispatcher::Outcome::done);
  wait_for([&] { return journal->over_budget(); });
  EXPECT_EQ(run({"SET", "b", value}), Dispatcher::Outcome::wait_until);
  EXPECT_EQ(out, "");
  EXPECT_GT(dispatcher->again_at(), clock.now());
  EXPECT_EQ(run({"GET", "a"}), Dispatcher::Outcome::done);
  faulty.let_go();
  wait_for([&] { return !journal->over_budget(); });
  EXPECT_EQ(reply({"SET", "b", value}), "+OK\r\n");
}

// It may not write anyway, and the disk may stay full for ever.
TEST_F(StorageGates, ScriptsDoNotWaitForADiskThatIsFull) {
  Journal::Options options;
  options.bytes_budget = 1000;
  open(faulty, options);
  wait_for([&] { return keyspace->warm(); });
  faulty.fail_write(1, Errc::disk_full, 1'000'000);
  const std::string value(2000, 'v');
  run({"SET", "a", value});
  wait_for([&] { return journal->state() == StorageState::read_only; });
  ASSERT_TRUE(journal->over_budget());
  EXPECT_EQ(reply({"EVAL", "return redis.call('STRLEN', 'a')", "0"}), ":2000\r\n");
  EXPECT_THAT(reply({"EVAL", "return redis.pcall('SET', 'a', 1)", "0"}),
              ::testing::StartsWith("-MISCONF "));
  EXPECT_EQ(reply({"PUBLISH", "news", "1"}), ":0\r\n");
}

// What it has changed cannot be taken back to wait for the rest.
TEST_F(StorageGates, AScriptReadsWhatItDidNotDeclareThoughAllReadersAreBusy) {
  open(memory);
  wait_for([&] { return keyspace->warm(); });
  EXPECT_EQ(reply({"MSET", "hot", "1", "cold", "2"}), "+OK\r\n");
  const std::string large(2000, 'v');
  for (const char* field : {"1", "2", "3", "4", "5", "6"}) reply({"HSET", "large", field, large});
  ASSERT_TRUE(journal->flush());
  dispatcher.reset();
  services.reset();
  keyspace.reset();
  journal.reset();

  held.hold_fields_too();
  open(held);
  ASSERT_EQ(run({"GET", "hot"}), Dispatcher::Outcome::wait_wakeup);
  wait_for([&] { return woken == 1; });
  ConnectionState others[2];
  for (ConnectionState& other : others) {
    other.authenticated = true;
    const std::vector<std::string_view> words{"HGETALL", "large"};
    EXPECT_EQ(dispatcher->run(other, words, out, clock.now(), wake),
              Dispatcher::Outcome::wait_wakeup);
  }
  EXPECT_EQ(reply({"GET", "hot"}), "$1\r\n1\r\n");
  EXPECT_EQ(reply({"EVAL",
                   "redis.call('SET', KEYS[1], 5) "
                   "return {redis.call('GET', 'cold'), redis.call('GET', 'none')}",
                   "1", "hot"}),
            "*2\r\n$1\r\n2\r\n$-1\r\n");
  // In other databases, too, where nobody knows which it will be.
  EXPECT_EQ(
      reply({"EVAL",
             "redis.call('SET', KEYS[1], 5) "
             "return {redis.call('COPY', 'cold', 'copy', 'DB', 1), redis.call('MOVE', 'cold', 2),"
             "redis.call('EXISTS', 'cold')}",
             "1", "hot"}),
      "*3\r\n:1\r\n:1\r\n:0\r\n");
  EXPECT_EQ(woken, 1);
  held.let_go();
  wait_for([&] { return woken == 3 && keyspace->warm(); });
}

TEST_F(StorageGates, AScriptIsToldOfARecordThatCannotBeRead) {
  held.hold();
  FaultyStore unreadable(held);
  open(unreadable);
  ASSERT_EQ(run({"EVAL", "return 1", "1", "a"}), Dispatcher::Outcome::wait_wakeup);
  wait_for([&] { return woken == 1; });
  unreadable.fail_read(1, Errc::storage, 1'000'000);
  EXPECT_THAT(
      reply({"EVAL", "redis.call('SET', KEYS[1], 1) return redis.pcall('GET', 'b')", "1", "a"}),
      ::testing::StartsWith("-ERR the session could not be read from disk"));
  unreadable.heal();
  held.let_go();
  dispatcher.reset();
  services.reset();
  keyspace.reset();
  journal.reset();
}

// It was set aside, and then finds that it has to begin again.
TEST_F(StorageGates, ASlowScriptThatMissesAKeyBeginsAgain) {
  held.hold();
  open(held);
  const std::vector<std::string_view> script{
      "EVAL", "local n = 0 for i = 1, 20000000 do n = n + i end return redis.call('GET', 'a')",
      "0"};
  Dispatcher::Outcome outcome = run(script);
  int turns = 0;
  for (; outcome != Dispatcher::Outcome::done && turns < 10'000; ++turns) {
    if (outcome == Dispatcher::Outcome::wait_wakeup) {
      EXPECT_GT(turns, 1);
      wait_for([&] { return woken == 1; });
      held.let_go();
    }
    outcome = run(script);
  }
  EXPECT_EQ(outcome, Dispatcher::Outcome::done);
  EXPECT_EQ(out, "$-1\r\n");
  EXPECT_EQ(woken, 1);
  held.let_go();
}

TEST_F(StorageGates, CommandsOnAllKeysWaitUntilTheServerIsWarm) {
  held.hold();
  open(held);
  for (const char* name : {"DBSIZE", "RANDOMKEY"}) {
    const int before = woken;
    EXPECT_EQ(run({name}), Dispatcher::Outcome::wait_wakeup) << name;
    EXPECT_EQ(out, "");
    EXPECT_EQ(woken, before);
  }
  held.let_go();
  wait_for([&] { return woken == 2; });
  EXPECT_EQ(reply({"DBSIZE"}), ":0\r\n");
}

TEST_F(StorageGates, AKeyNotYetInRamIsReadFromDisk) {
  open(memory);
  wait_for([&] { return keyspace->warm(); });
  EXPECT_EQ(reply({"SET", "a", "1"}), "+OK\r\n");
  ASSERT_TRUE(journal->flush());
  dispatcher.reset();
  services.reset();
  keyspace.reset();
  journal.reset();

  held.hold();
  open(held);
  if (run({"GET", "a"}) == Dispatcher::Outcome::wait_wakeup) {
    wait_for([&] { return woken == 1; });
    EXPECT_EQ(reply({"GET", "a"}), "$1\r\n1\r\n");
  } else {
    ADD_FAILURE() << "answered before the disk was asked: " << out;
  }
  held.let_go();
}

TEST_F(StorageGates, AReadThatEndsAsTheServerGetsWarmIsNotTakenForALaterWait) {
  held.hold();
  open(held);
  ASSERT_EQ(run({"SET", "a", "1"}), Dispatcher::Outcome::wait_wakeup);
  wait_for([&] { return woken == 1; });
  held.let_go();
  wait_for([&] { return keyspace->warm(); });
  EXPECT_EQ(reply({"SET", "a", "1"}), "+OK\r\n");
  EXPECT_EQ(state.awaited, nullptr);
}

TEST_F(StorageGates, ARecordThatCannotBeReadIsAnErrorAndNotAMiss) {
  FaultyStore unreadable(held);
  held.hold();
  open(unreadable);
  unreadable.fail_read(1, Errc::storage, 1'000'000);
  ASSERT_EQ(run({"GET", "a"}), Dispatcher::Outcome::wait_wakeup);
  wait_for([&] { return woken == 1; });
  EXPECT_THAT(reply({"GET", "a"}), ::testing::StartsWith("-ERR the session could not be read"));
  held.let_go();
  keyspace.reset();
  journal.reset();
}

}  // namespace
}  // namespace sojourn::server
