// Transactions that take keys as they go, beside those that say theirs at the start.

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/cache/keyspace_fixture.h"

namespace sojourn::server {
namespace {

class GrowingTransactions : public KeyspaceTest {
 protected:
  Transaction grow() { return {*keyspace_, Transaction::Growing(), {}, clock_.now()}; }
  bool begins(std::vector<Key> keys) { return Transaction(*keyspace_, keys, clock_.now()).began(); }
};

TEST_F(GrowingTransactions, TakeKeysInAnyOrder) {
  std::vector<Key> keys;
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("k" + std::to_string(i));
  for (const std::string& name : names) keys.push_back(key(name));
  {
    Transaction tx(*keyspace_, Transaction::Growing(), {&keys[50], 1}, clock_.now());
    EXPECT_TRUE(tx.began());
    EXPECT_FALSE(tx.wrote());
    for (const Key& k : keys) {
      tx.hold(k);
      EXPECT_TRUE(tx.holds(k));
      EXPECT_TRUE(tx.knows(k));
      tx.put_string(k, k.name, kNever);
    }
    EXPECT_TRUE(tx.wrote());
    tx.hold_all();
    EXPECT_TRUE(tx.holds_all());
    tx.hold(keys[3]);
  }
  for (const std::string& name : names) EXPECT_EQ(get(name), name);
}

TEST_F(GrowingTransactions, MakeNobodyWaitOnceTheySayTheyWillBeLong) {
  const Key held = key("held"), later = key("later");
  {
    Transaction tx = grow();
    tx.hold(held);
    std::thread waiting([&] { EXPECT_FALSE(begins({held})); });
    std::thread waiting_for_both([&] { EXPECT_FALSE(begins({later, held})); });
    std::thread growing_too([&] {
      EXPECT_FALSE(
          Transaction(*keyspace_, Transaction::Growing(), {&later, 1}, clock_.now()).began());
    });
    tx.say_it_will_be_long();
    for (std::thread* thread : {&waiting, &waiting_for_both, &growing_too}) thread->join();
    tx.hold(later);
    EXPECT_FALSE(begins({later}));
    EXPECT_NO_FATAL_FAILURE(keyspace_->totals());
    EXPECT_NO_FATAL_FAILURE(keyspace_->prefetch(std::vector{held, later}));
    tx.put_string(held, "1", kNever);
  }
  EXPECT_TRUE(begins({held, later}));
  EXPECT_EQ(get("held"), "1");
}

TEST_F(GrowingTransactions, NeverMeetThoseWithSeveralKeysInADeadlock) {
  constexpr int kRounds = 2000;
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) names.push_back("k" + std::to_string(i));
  std::vector<Key> keys;
  for (const std::string& name : names) keys.push_back(key(name));
  const auto several = [&] {
    for (int i = 0; i < kRounds; ++i) EXPECT_TRUE(begins(keys));
  };
  std::thread growing([&] {
    for (int i = 0; i < kRounds; ++i) {
      Transaction tx = grow();
      for (int k = 0; k < 8; ++k) tx.hold(keys[static_cast<std::size_t>(i % 2 == 0 ? k : 7 - k)]);
    }
  });
  std::thread all([&] {
    for (int i = 0; i < 20; ++i) Transaction(*keyspace_, Transaction::AllShards(), clock_.now());
  });
  std::thread one(several), two(several);
  for (std::thread* thread : {&growing, &all, &one, &two}) thread->join();
}

// Upkeep and figures are the work of every worker: they wait for nobody, and leave what is held.
TEST_F(GrowingTransactions, DoNotHoldUpTheWorkBehindRequests) {
  put("held", "1", in(1ms));
  put("free", "1", in(1ms));
  advance(100ms);
  {
    Transaction tx = grow();
    tx.hold(key("held"));
    keyspace_->upkeep(0, 1, 1000ms);
    EXPECT_EQ(keyspace_->totals_at_once(), std::nullopt);
    tx.say_it_will_be_long();
    keyspace_->upkeep(0, 1, 1000ms);
    ASSERT_TRUE(keyspace_->totals_at_once());
    EXPECT_EQ(keyspace_->totals_at_once()->expired, 1u);
  }
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired, 2u);
}

// What is left of a flush is cleaned up around what is held, and there when it is let go.
TEST_F(GrowingTransactions, HoldUpTheCleaningOfNoOtherShard) {
  const std::size_t empty = keyspace_->totals().entry_bytes;
  std::vector<std::string> names;
  for (int i = 0; i < 2000; ++i) names.push_back("k" + std::to_string(i));
  for (const std::string& name : names) put(name, std::string(100, 'v'));
  const Key first =
      key(std::ranges::min(names, {}, [&](const std::string& name) { return key(name).hash; }));
  Transaction(*keyspace_, Transaction::AllShards(), clock_.now()).flush_all();
  const std::size_t all = keyspace_->totals().entry_bytes - empty;
  {
    Transaction tx = grow();
    tx.hold(first);
    tx.say_it_will_be_long();
    while (keyspace_->upkeep(0, 1, 1000ms)) {
    }
    EXPECT_LT(keyspace_->totals().entry_bytes, empty + all / 10);
    EXPECT_GT(keyspace_->totals().entry_bytes, empty);
  }
  while (keyspace_->upkeep(0, 1, 1000ms)) {
  }
  EXPECT_EQ(keyspace_->totals().entry_bytes, empty);
}

TEST_F(GrowingTransactions, LeaveTheFiguresOfWhatTheyHoldForLong) {
  put("held", "1", in(1000ms));
  put("later", "1");
  put("free", "1");
  const auto same = [](const Keyspace::Totals& totals) {
    return totals.keys() == 3 && totals.databases[0].with_deadline == 1;
  };
  const Key held = key("held"), later = key("later");
  for (const bool all : {false, true}) {
    Transaction tx = grow();
    tx.hold(held);
    tx.say_it_will_be_long();
    tx.hold(later);
    if (all) tx.hold_all();
    tx.put_string(held, "2", kNever);
    EXPECT_TRUE(same(keyspace_->totals())) << all;
    EXPECT_TRUE(same(keyspace_->totals_at_once().value())) << all;
    tx.put_string(held, "1", in(1000ms));
  }
  EXPECT_TRUE(same(keyspace_->totals()));
}

TEST_F(GrowingTransactions, AreToldOfByWhatLooksAtAllKeys) {
  put("free", "1");
  const Key held = key("held");
  const auto nothing = [](const Entry&) {};
  std::optional<std::string> chosen;
  std::uint64_t cursor = 0;
  {
    Transaction tx = grow();
    tx.hold(held);
    tx.say_it_will_be_long();
    EXPECT_EQ(keyspace_->size(0), std::nullopt);
    EXPECT_FALSE(keyspace_->reset_stats());
    // Up to the shard that is held, and no further.
    const auto at = keyspace_->scan(0, 0, 1'000'000, nothing);
    ASSERT_TRUE(at);
    EXPECT_EQ(keyspace_->scan(0, *at, 10, nothing), std::nullopt);
    cursor = *at;
    EXPECT_FALSE(keyspace_->random_key(0, cursor, chosen));
    EXPECT_EQ(cursor, *at);
    const std::size_t shard = keyspace_->walk(0, 0, 1'000'000, nothing);
    EXPECT_NE(shard, Keyspace::kNoShard);
    EXPECT_EQ(keyspace_->walk(0, shard, 10, nothing), shard);
  }
  EXPECT_EQ(keyspace_->size(0), 1u);
  EXPECT_TRUE(keyspace_->reset_stats());
  EXPECT_EQ(keyspace_->scan(0, cursor, 1'000'000, nothing), 0u);
}

TEST_F(GrowingTransactions, AreWaitedForWithoutAThread) {
  int called = 0;
  const auto call = [&] { ++called; };
  keyspace_->when_let_go(call);
  EXPECT_EQ(called, 1) << "nothing is held";
  const Key held = key("held");
  {
    Transaction tx = grow();
    tx.hold(held);
    tx.say_it_will_be_long();
    keyspace_->when_let_go(call);
    EXPECT_EQ(called, 1);
    keyspace_->tell_waiting();
    EXPECT_EQ(called, 2);
    keyspace_->when_let_go([&] {
      EXPECT_TRUE(begins({held}));
      EXPECT_TRUE(grow().began());
      ++called;
    });
    EXPECT_FALSE(Transaction(*keyspace_, Transaction::AllShards(), clock_.now()).began());
  }
  EXPECT_EQ(called, 3);
  keyspace_->when_let_go(call);
  EXPECT_EQ(called, 4);
}

TEST_F(GrowingTransactions, LeaveNothingBehindWhenTheyForget) {
  put("before", "1");
  const JournalPosition written = journal_->appended();
  const Key before = key("before"), fresh = key("fresh");
  {
    Transaction tx = grow();
    tx.hold(before);
    tx.hold(fresh);
    tx.erase(before);
    tx.put_string(fresh, "1", kNever);
    EXPECT_FALSE(tx.forgotten());
    tx.forget();
    EXPECT_TRUE(tx.forgotten());
  }
  EXPECT_EQ(journal_->appended(), written);
  EXPECT_FALSE(begins({before}));
}

}  // namespace
}  // namespace sojourn::server
