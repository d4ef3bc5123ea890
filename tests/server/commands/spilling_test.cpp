// Values that are away (maxmemory-policy spill), as commands meet them.

#include <atomic>
#include <string>
#include <vector>

#include "tests/support/command_fixture.h"
#include "tests/support/wait_for.h"

namespace sojourn::server {
namespace {

const std::string kLong(300, 'v');

class Spilling : public CommandTest {
 protected:
  Spilling() {
    configure("enable-debug-command yes");
    for (int i = 0; i < 20; ++i) run("SET s:" + std::to_string(i) + " " + text(i));
    spill();
  }
  static std::string text(int i) { return std::to_string(i) + kLong; }
  void spill() {
    ASSERT_TRUE(journal->flush());
    ASSERT_EQ(run("DEBUG SPILL"), "OK");
  }
  std::size_t away() { return keyspace->totals().away; }
  std::string info(const std::string& section, const std::string& name) {
    const std::string told = client().ask({"INFO", section})->text;
    const std::size_t at = told.find("\r\n" + name + ":");
    if (at == std::string::npos) return "(not there)";
    const std::size_t begin = at + 3 + name.size();
    return told.substr(begin, told.find("\r\n", begin) - begin);
  }
  // How many values were read for this request, which must have answered so.
  std::size_t reads_of(const std::string& line, const std::string& answer) {
    const std::uint64_t before = keyspace->brought_back();
    EXPECT_EQ(run(line), answer) << line;
    return keyspace->brought_back() - before;
  }
  // So much less than what is in use now may be.
  void limit_to(const std::string& bytes) {
    ASSERT_EQ(run("CONFIG SET maxmemory " + bytes + " maxmemory-policy spill"), "OK");
  }
  std::string in_use_and(std::int64_t more) {
    services->gauges->refresh(*services, clock.now());
    return std::to_string(static_cast<std::int64_t>(services->gauges->used_memory()) + more);
  }
};

TEST_F(Spilling, CommandsFindWhatWasThere) {
  EXPECT_EQ(away(), 20u);
  EXPECT_EQ(reads_of("GET s:1", text(1)), 1u);
  EXPECT_EQ(reads_of("GET s:1", text(1)), 0u);
  EXPECT_EQ(reads_of("STRLEN s:2", "(integer) 301"), 1u);
  EXPECT_EQ(reads_of("APPEND s:3 more", "(integer) 305"), 1u);
  EXPECT_EQ(reads_of("GET s:3", text(3) + "more"), 0u);
  EXPECT_EQ(reads_of("MGET s:4 s:5 s:6 none", "1) \"" + text(4) + "\"\n2) \"" + text(5) +
                                                  "\"\n3) \"" + text(6) + "\"\n4) (nil)"),
            3u);
  EXPECT_EQ(reads_of("SET s:7 new GET", text(7)), 1u);
  EXPECT_EQ(reads_of("GETDEL s:8", text(8)), 1u);
  EXPECT_EQ(reads_of("GETEX s:9 EX 100", text(9)), 1u);
  EXPECT_EQ(reads_of("OBJECT ENCODING s:10", "raw"), 1u);
  EXPECT_EQ(away(), 10u);
}

TEST_F(Spilling, WhatNeedsNoValueReadsNone) {
  const std::vector<std::pair<std::string, std::string>> asked{
      {"EXISTS s:1 s:2 none", "(integer) 2"},
      {"TYPE s:1", "string"},
      {"TTL s:1", "(integer) -1"},
      {"EXPIRE s:1 100", "(integer) 1"},
      {"PTTL s:1", "(integer) 100000"},
      {"PERSIST s:1", "(integer) 1"},
      {"PEXPIRETIME s:1", "(integer) -1"},
      {"TOUCH s:1 s:2", "(integer) 2"},
      {"OBJECT IDLETIME s:1", "(integer) 0"},
      {"OBJECT REFCOUNT s:1", "(integer) 1"},
      {"SETNX s:1 other", "(integer) 0"},
      {"MSETNX s:1 other none other", "(integer) 0"},
      {"WATCH s:1", "OK"},
      {"UNWATCH", "OK"},
      {"DBSIZE", "(integer) 20"},
      {"SET s:2 new", "OK"},
      {"SET s:3 new XX KEEPTTL", "OK"},
      {"SET s:4 \"\"", "OK"},
      {"SETEX s:5 100 new", "OK"},
      {"MSET s:6 new s:7 new", "OK"},
      {"DEL s:8", "(integer) 1"},
      {"UNLINK s:9", "(integer) 1"},
      {"EXPIRE s:10 -1", "(integer) 1"},
  };
  for (const auto& [line, answer] : asked) EXPECT_EQ(reads_of(line, answer), 0u) << line;
  EXPECT_EQ(away(), 11u);
  EXPECT_EQ(run("GET s:2"), "new");
  EXPECT_EQ(run("GET s:4"), "");
  EXPECT_EQ(run("GET s:8"), "(nil)");
  EXPECT_EQ(run("GET s:1"), text(1));
  EXPECT_EQ(run("MEMORY USAGE s:11").substr(0, 9), "(integer)");
}

// The row in which the new deadline is written has the field, too.
TEST_F(Spilling, AnotherDeadlineOfAHashWithAChangedFieldNeedsItsValue) {
  for (const std::string name : {"h:1", "h:2", "h:3", "h:4"}) {
    run("HSET " + name + " used 1000 data " + kLong);
    run("HSET " + name + " used 2000");
  }
  spill();
  EXPECT_EQ(reads_of("TTL h:1", "(integer) -1"), 0u);
  EXPECT_EQ(reads_of("EXPIRE h:1 100", "(integer) 1"), 1u);
  run("MULTI");
  run("EXPIRE h:2 100");
  run("EXPIRE s:2 100");
  EXPECT_EQ(reads_of("EXEC", "1) (integer) 1\n2) (integer) 1"), 1u);
  EXPECT_EQ(reads_of("EVAL \"return redis.call('pexpire', 'h:3', 100000)\" 0", "(integer) 1"), 1u);
  EXPECT_EQ(reads_of("PERSIST h:1", "(integer) 1"), 0u);
  EXPECT_EQ(reads_of("DEL h:4", "(integer) 1"), 0u);
  restart();
  for (const std::string name : {"h:1", "h:2", "h:3"}) {
    EXPECT_EQ(run("HGET " + name + " used"), "2000") << name;
  }
  EXPECT_EQ(run("TTL h:1"), "(integer) -1");
  EXPECT_EQ(run("TTL h:2"), "(integer) 100");
  EXPECT_EQ(run("EXISTS h:4"), "(integer) 0");
}

TEST_F(Spilling, IsSeenInNoWalkOverAllKeys) {
  const std::uint64_t before = keyspace->brought_back();
  EXPECT_NE(run("KEYS s:1"), "(empty array)");
  EXPECT_NE(run("SCAN 0 COUNT 1000 TYPE string").find("s:17"), std::string::npos);
  EXPECT_NE(run("RANDOMKEY"), "(nil)");
  EXPECT_EQ(keyspace->brought_back(), before);
}

TEST_F(Spilling, ChangesNoDigest) {
  run("HSET hash field " + kLong);
  run("SADD set member " + kLong);
  run("ZADD zset 1.5 " + kLong);
  const std::string all = run("DEBUG DIGEST");
  const std::string one = run("DEBUG DIGEST-VALUE hash s:1");
  spill();
  EXPECT_EQ(away(), 23u);
  EXPECT_EQ(run("DEBUG DIGEST"), all);
  EXPECT_EQ(run("DEBUG DIGEST-VALUE hash s:1"), one);
  EXPECT_NE(run("DEBUG OBJECT s:1").find("encoding:raw"), std::string::npos);
  EXPECT_EQ(away(), 23u) << "what DEBUG reads does not come back";
  EXPECT_EQ(run("HGET hash field"), kLong);
  EXPECT_EQ(run("SISMEMBER set member"), "(integer) 1");
  EXPECT_EQ(run("ZRANGE zset 0 -1 WITHSCORES"), "1) \"" + kLong + "\"\n2) \"1.5\"");
}

TEST_F(Spilling, KeysGoElsewhereWithTheirValues) {
  EXPECT_EQ(run("RENAME s:1 t:1"), "OK");
  EXPECT_EQ(run("GET t:1"), text(1));
  EXPECT_EQ(run("RENAME s:2 s:3"), "OK") << "one that is away over another";
  EXPECT_EQ(run("GET s:3"), text(2));
  EXPECT_EQ(run("COPY s:4 t:4"), "(integer) 1");
  EXPECT_EQ(run("GET t:4"), text(4));
  EXPECT_EQ(run("GET s:4"), text(4));
  EXPECT_EQ(run("COPY s:5 s:6 REPLACE"), "(integer) 1");
  EXPECT_EQ(run("GET s:6"), text(5));
  EXPECT_EQ(run("MOVE s:7 1"), "(integer) 1");
  EXPECT_EQ(run("SWAPDB 0 1"), "OK");
  EXPECT_EQ(run("GET s:7"), text(7));
  EXPECT_EQ(run("GET s:8"), "(nil)");
  EXPECT_EQ(run("SWAPDB 0 1"), "OK");
  EXPECT_EQ(run("GET s:8"), text(8));
  spill();
  EXPECT_EQ(run("FLUSHALL"), "OK");
  EXPECT_EQ(run("GET s:8"), "(nil)");
  upkeep();
  EXPECT_EQ(away(), 0u);
}

TEST_F(Spilling, ATransactionHasAllItsValues) {
  run("WATCH s:1 s:2");
  run("MULTI");
  run("GET s:1");
  run("DEL s:2");
  run("SET s:3 new");
  run("APPEND s:4 x");
  EXPECT_EQ(reads_of("EXEC", "1) \"" + text(1) + "\"\n2) (integer) 1\n3) OK\n4) (integer) 302"),
            2u);
}

TEST_F(Spilling, ATransactionThatSelectsHasThoseOfOtherDatabases) {
  run("SELECT 3");
  run("SET s:1 " + kLong);
  run("SELECT 0");
  spill();
  run("MULTI");
  run("SELECT 3");
  run("GET s:1");
  run("SELECT 0");
  run("SWAPDB 0 1");
  run("GET s:2");
  run("SWAPDB 0 1");
  run("GET s:2");
  EXPECT_EQ(run("EXEC"),
            "1) OK\n2) \"" + kLong + "\"\n3) OK\n4) OK\n5) (nil)\n6) OK\n7) \"" + text(2) + "\"");
}

TEST_F(Spilling, IsNoChangeToWhoWatches) {
  EXPECT_EQ(run("GET s:1"), text(1));
  run("WATCH s:1 s:2");
  spill();
  connect().run("GET s:2");
  run("MULTI");
  run("GET s:1");
  EXPECT_EQ(run("EXEC"), "1) \"" + text(1) + "\"");

  for (const std::string change : {"SET s:3 new", "EXPIRE s:3 100", "DEL s:3"}) {
    run("SET s:3 " + kLong);
    spill();
    run("WATCH s:3");
    connect().run(change);
    run("MULTI");
    run("GET s:1");
    EXPECT_EQ(run("EXEC"), "(nil)") << change;
  }
}

TEST_F(Spilling, AScriptHasTheValuesOfItsKeysAndOfOthers) {
  EXPECT_EQ(reads_of("EVAL \"return redis.call('get', KEYS[1])\" 1 s:1", text(1)), 1u);
  EXPECT_EQ(reads_of("EVAL \"return redis.call('get', 's:2') .. redis.call('get', 's:3')\" 0",
                     text(2) + text(3)),
            2u);
  EXPECT_EQ(
      reads_of("EVAL \"redis.call('set', 'a', 'b') return redis.call('get', 's:4')\" 0", text(4)),
      1u);
  EXPECT_EQ(reads_of("EVAL \"return redis.call('exists', 's:5')\" 0", "(integer) 1"), 0u);
  const std::string all =
      "EVAL \"local n = 0 for i = 0, 19 do n = n + redis.call('strlen', 's:' .. i) end return n\" "
      "0";
  spill();
  EXPECT_EQ(run(all), "(integer) 6030") << "more than it is begun anew for";
  spill();
  run("MULTI");
  run(all);
  EXPECT_EQ(run("EXEC"), "1) (integer) 6030");
}

TEST_F(Spilling, IsSaidToWhoAsksForFigures) {
  EXPECT_EQ(info("memory", "values_away"), "20");
  EXPECT_EQ(info("stats", "values_spilled"), "20");
  EXPECT_EQ(run("GET s:1"), text(1));
  EXPECT_EQ(info("memory", "values_away"), "19");
  EXPECT_EQ(info("stats", "values_read_back"), "1");
  EXPECT_EQ(run("CONFIG RESETSTAT"), "OK");
  EXPECT_EQ(info("stats", "values_spilled"), "0");
  EXPECT_EQ(run("CONFIG SET maxmemory-policy spill"), "OK");
  EXPECT_EQ(info("memory", "maxmemory_policy"), "spill");
  EXPECT_EQ(run("CONFIG GET maxmemory-policy"), "1) \"maxmemory-policy\"\n2) \"spill\"");
}

TEST_F(Spilling, MakesRoomForWritesUntilThereIsNoneToMake) {
  for (int i = 0; i < 500; ++i) run("SET t:" + std::to_string(i) + " " + text(i));
  limit_to(in_use_and(30'000));
  for (int i = 500; i < 1000; ++i) {
    ASSERT_EQ(run("SET t:" + std::to_string(i) + " " + text(i)), "OK") << i;
  }
  EXPECT_GT(away(), 400u);
  std::string answer = "OK";
  int last = 1000;
  for (; last < 20'000 && answer == "OK"; ++last) {
    answer = run("SET t:" + std::to_string(last) + " " + text(last));
  }
  EXPECT_EQ(answer, "(error) OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(run("EVAL \"return redis.call('set', 'a', 'b')\" 0").substr(0, 11), "(error) OOM");
  EXPECT_EQ(run("GET t:3"), text(3)) << "who reads is not refused";
  EXPECT_EQ(run("EXPIRE t:3 100"), "(integer) 1");
  EXPECT_EQ(run("CONFIG SET maxmemory-policy noeviction maxmemory 0"), "OK");
  const std::size_t left = away();
  upkeep();
  EXPECT_EQ(away(), left) << "what is away stays so until it is asked for";
  for (int i = 0; i < last - 1; ++i) {
    ASSERT_EQ(run("GET t:" + std::to_string(i)), text(i));
  }
}

TEST_F(Spilling, ATransactionOfMoreThanThereIsRoomForEndsNevertheless) {
  for (int i = 0; i < 500; ++i) run("SET t:" + std::to_string(i) + " " + text(i));
  spill();
  limit_to(in_use_and(40'000));
  run("MULTI");
  for (int i = 0; i < 500; ++i) run("GET t:" + std::to_string(i));
  const auto reply = client().ask({"EXEC"});
  ASSERT_EQ(reply->elements.size(), 500u);
  for (std::size_t i = 0; i < 500; ++i) {
    ASSERT_EQ(reply->elements[i].text, text(static_cast<int>(i)));
  }
}

// What is read for them takes them over the limit, where who needs room has to wait: not they.
TEST_F(Spilling, WhoChangesMoreThanThereIsRoomForEndsNevertheless) {
  for (int i = 0; i < 500; ++i) run("SET t:" + std::to_string(i) + " " + text(i));
  spill();
  limit_to(in_use_and(40'000));
  run("MULTI");
  for (int i = 0; i < 500; ++i) run("APPEND t:" + std::to_string(i) + " x");
  const auto reply = client().ask({"EXEC"});
  ASSERT_EQ(reply->elements.size(), 500u);
  for (std::size_t i = 0; i < 500; ++i) {
    ASSERT_EQ(reply->elements[i].integer, std::ssize(text(static_cast<int>(i))) + 1);
  }
}

TEST_F(Spilling, AScriptThatChangesMoreThanThereIsRoomForEndsNevertheless) {
  for (int i = 0; i < 500; ++i) run("SET t:" + std::to_string(i) + " " + text(i));
  spill();
  limit_to(in_use_and(4'000));
  // It begins again for what it reads, until it has written.
  EXPECT_EQ(run("EVAL \"for i = 0, 499 do redis.call('get', 't:' .. i) end "
                "for i = 0, 499 do redis.call('append', 't:' .. i, 'x') end\" 0"),
            "(nil)");
  EXPECT_EQ(run("CONFIG SET maxmemory 0"), "OK");
  EXPECT_EQ(run("GET t:499"), text(499) + "x");
  EXPECT_EQ(run("GET t:0"), text(0) + "x") << "it was done once";
}

// Whoever meets a script between having read what he needs and using it does not wait for room,
// either, when the script ends: what he needs would leave meanwhile.
TEST_F(Spilling, WhoHasReadAndIsHeldUpStillDoesNotWaitForRoom) {
  const std::vector<std::vector<std::vector<std::string>>> requests{
      {{"APPEND", "s:1", "x"}},
      {{"MULTI"}, {"APPEND", "s:1", "x"}, {"EXEC"}},
      {{"EVAL", "return redis.call('append', KEYS[1], 'x')", "1", "s:1"}},
  };
  for (const auto& words : requests) {
    const std::size_t size = client().ask({"STRLEN", "s:1"})->integer;
    spill();
    ConnectionState& state = connect().state;
    Dispatcher dispatcher(*services);
    std::atomic<int> woken = 0;
    std::string out;
    const auto step = [&](const std::vector<std::string>& of) {
      const std::vector<std::string_view> views(of.begin(), of.end());
      out.clear();
      return dispatcher.run(state, views, out, clock.now(), [&] { ++woken; });
    };
    for (std::size_t i = 0; i + 1 < words.size(); ++i) step(words[i]);
    ASSERT_EQ(step(words.back()), Dispatcher::Outcome::wait_wakeup);
    wait_for([&] { return woken == 1; });
    limit_to(in_use_and(-1000));
    {
      const Key key = keyspace->key(0, "s:1");
      Transaction script(*keyspace, Transaction::Growing(), {&key, 1}, clock.now());
      script.say_it_will_be_long();
      ASSERT_EQ(step(words.back()), Dispatcher::Outcome::wait_wakeup);
    }
    wait_for([&] { return woken == 2; });
    ASSERT_EQ(keyspace->room(), Keyspace::Room::soon);
    EXPECT_EQ(step(words.back()), Dispatcher::Outcome::done) << words.back().front();
    EXPECT_NE(out.find(std::to_string(size + 1)), std::string::npos) << out;
    EXPECT_EQ(state.awaited, nullptr);
    ASSERT_EQ(run("CONFIG SET maxmemory 0"), "OK");
  }
}

TEST_F(Spilling, NoRoomIsMadeForWhatTakesMoreThanHalf) {
  const std::int64_t in_use = std::stoll(in_use_and(0));
  limit_to(in_use_and(in_use));
  WorkerMetrics& other = metrics.add_worker();
  other.output_buffer_bytes.store(static_cast<std::uint64_t>(4 * in_use));
  services->gauges->refresh(*services, clock.now());
  EXPECT_EQ(run("SET s:1 x"), "(error) OOM command not allowed when used memory > 'maxmemory'.");
  other.output_buffer_bytes.store(0);
  services->gauges->refresh(*services, clock.now());
  EXPECT_EQ(run("SET s:1 x"), "OK");
}

TEST_F(Spilling, AnUnreadableValueIsAnErrorToItsReader) {
  auto batch = store.make_batch();
  const auto prefix = database_prefix(1);
  batch->erase(Column::records, {std::string_view(prefix.data(), prefix.size()), "s:1"});
  ASSERT_TRUE(store.write(*batch, Store::Stall::wait));
  const std::string error =
      "(error) ERR the session could not be read from disk; the server's log says why";
  EXPECT_EQ(run("GET s:1"), error);
  EXPECT_EQ(run("EXISTS s:1"), "(integer) 1");
  EXPECT_EQ(run("EVAL \"return redis.call('get', 's:1')\" 0"), error);
  run("MULTI");
  run("GET s:1");
  EXPECT_TRUE(run("EXEC").starts_with("(error) EXECABORT")) << "nothing of it was run";
  EXPECT_EQ(run("SET s:1 new"), "OK");
  EXPECT_EQ(run("GET s:1"), "new");
}

class SpillingNowhere : public MemoryCommandTest {};

TEST_F(SpillingNowhere, IsAsNoeviction) {
  EXPECT_EQ(run("SET s:1 " + kLong), "OK");
  EXPECT_EQ(run("CONFIG SET maxmemory 1 maxmemory-policy spill"), "OK");
  services->gauges->refresh(*services, clock.now());
  EXPECT_EQ(run("SET s:2 x"), "(error) OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(run("GET s:1"), kLong);
  EXPECT_EQ(keyspace->totals().away, 0u);
}

}  // namespace
}  // namespace sojourn::server
