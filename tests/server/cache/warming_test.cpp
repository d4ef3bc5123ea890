#include <atomic>
#include <condition_variable>
#include <mutex>

#include "tests/server/cache/keyspace_fixture.h"
#include "tests/support/held_store.h"

namespace sojourn::server {
namespace {

// A server that was just started: its loader is held back until load() is called.
class WarmingTest : public KeyspaceTest {
 protected:
  void restart_cold() {
    stop();
    held_.hold();
    auto journal = Journal::open(held_, {}, log_);
    ASSERT_TRUE(journal);
    journal_ = std::move(*journal);
    auto keyspace = Keyspace::open({}, clock_, *journal_, &held_, log_);
    ASSERT_TRUE(keyspace);
    keyspace_ = std::move(*keyspace);
  }
  void load() {
    held_.let_go();
    wait_until_warm();
    upkeep();
  }
  void TearDown() override {
    held_.let_go();
    KeyspaceTest::TearDown();
  }

  HeldStore held_{store_};
};

// Stops whoever reads a key between its record and its touch row.
class InterruptedReads : public HeldStore {
 public:
  using HeldStore::HeldStore;

  Result<std::optional<std::string>> read(Column column, std::string_view key) override {
    if (column == Column::touches) {
      std::unique_lock lock(mutex_);
      ++begun_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return may_end_; });
    }
    return HeldStore::read(column, key);
  }
  void wait_until_begun(int reads = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= reads; });
  }
  void end() {
    const std::lock_guard guard(mutex_);
    may_end_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0;
  bool may_end_ = false;
};

TEST_F(WarmingTest, WhatIsDeletedOnceAllIsLoadedIsNotBroughtBackByASlowRead) {
  put("s:1", "alice");
  stop();
  InterruptedReads store(store_);
  store.hold();
  journal_ = std::move(*Journal::open(store, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &store, log_));
  const Key key = keyspace_->key(0, "s:1");
  std::atomic<bool> ready = false;
  ASSERT_EQ(Keyspace::Resolved::later,
            keyspace_->resolve({&key, 1}, [&](std::optional<Error>) { ready = true; }));
  store.wait_until_begun();
  store.let_go();
  wait_until_warm();
  EXPECT_TRUE(erase("s:1"));
  upkeep();
  store.end();
  while (!ready) std::this_thread::yield();
  EXPECT_EQ(get("s:1"), "(nil)");
  stop();  // before the store goes
}

TEST_F(WarmingTest, AKeyNotYetLoadedIsReadWhenAskedFor) {
  put("s:1", "alice");
  restart_cold();
  EXPECT_FALSE(keyspace_->warm());
  EXPECT_EQ(get("s:1"), "alice");
  EXPECT_EQ(get("s:2"), "(nil)");
  load();
  EXPECT_EQ(get("s:1"), "alice");
  EXPECT_EQ(keyspace_->size(0), 1u);
}

TEST_F(WarmingTest, WhatIsDeletedWhileLoadingStaysDeleted) {
  for (int i = 0; i < 100; ++i) put("s:" + std::to_string(i), "old");
  restart_cold();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(erase("s:" + std::to_string(i)));
  load();
  EXPECT_EQ(keyspace_->size(0), 50u);
  EXPECT_EQ(get("s:7"), "(nil)");
  EXPECT_EQ(get("s:70"), "old");
}

TEST_F(WarmingTest, WhatIsChangedWhileLoadingIsNotOverwritten) {
  put("s:1", "old");
  put("s:2", "old");
  restart_cold();
  put("s:1", "new");
  put("s:2", "new");
  EXPECT_TRUE(erase("s:2"));
  put("s:2", "newest");
  load();
  EXPECT_EQ(get("s:1"), "new");
  EXPECT_EQ(get("s:2"), "newest");
}

TEST_F(WarmingTest, WhatExpiresWhileLoadingStaysExpired) {
  put("s:1", "alice", in(1000ms));
  put("s:2", "bob", in(1000ms));
  restart_cold();
  EXPECT_EQ(get("s:1"), "alice");
  advance(1500ms);
  upkeep();
  EXPECT_EQ(get("s:1"), "(nil)");
  load();
  EXPECT_EQ(get("s:2"), "(nil)");
  EXPECT_EQ(keyspace_->size(0), 0u);
  stop();
  EXPECT_EQ(rows(Column::records), 0u);
}

TEST_F(WarmingTest, AFlushWhileLoadingLosesWhatWasNotLoadedToo) {
  for (int i = 0; i < 100; ++i) put("s:" + std::to_string(i), "old");
  restart_cold();
  keyspace_->flush_all();
  put("s:1", "new");
  load();
  EXPECT_EQ(keyspace_->size(0), 1u);
  EXPECT_EQ(get("s:1"), "new");
}

TEST_F(WarmingTest, ATouchOnDiskIsSeenByAColdRead) {
  put("s:1", "alice", in(1000ms));
  set_deadline("s:1", in(60'000ms));
  restart_cold();
  EXPECT_EQ(deadline("s:1"), in(60'000ms));
}

TEST_F(WarmingTest, ALargeHashIsReadWholeWhenAskedFor) {
  for (int i = 0; i < 2000; ++i) put_field("h", "f" + std::to_string(i), "value");
  restart_cold();
  EXPECT_EQ(fields("h"), 2000u);
  EXPECT_EQ(get_field("h", "f1234"), "value");
}

TEST_F(WarmingTest, ASmallSessionDoesNotWaitBehindALargeHash) {
  for (int i = 0; i < 2000; ++i) put_field("h", "f" + std::to_string(i), "value");
  put("s:1", "alice");
  restart_cold();
  held_.hold_fields_too();
  const Key hash = keyspace_->key(0, "h");
  std::atomic<bool> hash_is_read = false;
  ASSERT_EQ(Keyspace::Resolved::later,
            keyspace_->resolve({&hash, 1}, [&](std::optional<Error>) { hash_is_read = true; }));
  EXPECT_EQ(get("s:1"), "alice");
  EXPECT_FALSE(hash_is_read);
  load();
  while (!hash_is_read) std::this_thread::yield();
}

TEST_F(WarmingTest, WhoWaitsForTheEndIsTold) {
  restart_cold();
  std::atomic<int> told = 0;
  keyspace_->when_warm([&] { ++told; });
  EXPECT_EQ(told, 0);
  load();
  EXPECT_EQ(told, 1);
  keyspace_->when_warm([&] { ++told; });
  EXPECT_EQ(told, 2);
}

TEST_F(WarmingTest, WhoHoldsAKeyReadsItHimself) {
  put("held", "1");
  put("later", "alice");
  for (int i = 0; i < 2000; ++i) put_field("h", "f" + std::to_string(i), "value");
  restart_cold();
  Transaction tx(*keyspace_, Transaction::Growing(), {}, clock_.now());
  for (const char* name : {"held", "later", "h", "none"}) {
    const Key k = keyspace_->key(0, name);
    tx.hold(k);
    EXPECT_FALSE(tx.knows(k)) << name;
    EXPECT_EQ(tx.learn(k), std::nullopt) << name;
    EXPECT_TRUE(tx.knows(k)) << name;
  }
  const Key later = keyspace_->key(0, "later"), none = keyspace_->key(0, "none");
  const Key hash = keyspace_->key(0, "h");
  EXPECT_EQ(tx.find(later)->value(), "alice");
  EXPECT_EQ(tx.find(none), nullptr);
  EXPECT_EQ(HashView(*tx.find(hash)).size(), 2000u);
}

// Both threads that read for others have met a shard that is held.
TEST_F(WarmingTest, WhoHoldsAKeyReadsAnotherWhileNobodyElseCan) {
  put("held", "1");
  put("later", "alice");
  stop();
  InterruptedReads store(store_);
  store.hold();
  journal_ = std::move(*Journal::open(store, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &store, log_));
  const Key held = keyspace_->key(0, "held"), later = keyspace_->key(0, "later");
  std::atomic<int> ready = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Keyspace::Resolved::later,
              keyspace_->resolve({&held, 1}, [&](std::optional<Error>) { ++ready; }));
  }
  store.wait_until_begun(2);
  {
    Transaction tx(*keyspace_, Transaction::Growing(), {}, clock_.now());
    tx.hold(held);
    store.end();
    tx.hold(later);
    EXPECT_EQ(tx.learn(later), std::nullopt);
    EXPECT_EQ(tx.find(later)->value(), "alice");
    EXPECT_EQ(ready, 0) << "they wait for a moment";
    tx.say_it_will_be_long();
    while (ready < 2) std::this_thread::yield();
    EXPECT_EQ(Keyspace::Resolved::held,
              keyspace_->resolve({&held, 1}, [&](std::optional<Error>) { ++ready; }));
  }
  while (ready < 3) std::this_thread::yield();
  EXPECT_EQ(get("held"), "1") << "it was not taken for absent";
  store.let_go();
  stop();  // before the store goes
}

TEST_F(WarmingTest, EndsThoughSomeKeysAreHeldForEver) {
  for (int i = 0; i < 100; ++i) put("s:" + std::to_string(i), "alice");
  restart_cold();
  {
    const Key held = keyspace_->key(0, "s:50");
    Transaction tx(*keyspace_, Transaction::Growing(), {&held, 1}, clock_.now());
    tx.forget();
  }
  held_.let_go();
  wait_until_warm();
  EXPECT_EQ(keyspace_->loaded(), 99u);
  stop();
}

TEST_F(WarmingTest, ADamagedRecordIsNeitherServedNorTakenForAbsent) {
  put("s:1", "alice");
  stop();
  auto walk = store_.walk(Column::records);
  (*walk)->seek({});
  const std::string row_key((*walk)->key());
  std::string row((*walk)->value());
  row[row.size() / 2] ^= 1;
  auto batch = store_.make_batch();
  batch->put(Column::records, {row_key}, {row});
  ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  start();
  wait_until_warm();
  const Key k = keyspace_->key(0, "s:1");
  std::atomic<bool> called = false;
  std::optional<Error> error;
  ASSERT_EQ(Keyspace::Resolved::later, keyspace_->resolve({&k, 1}, [&](std::optional<Error> what) {
    error = std::move(what);
    called = true;
  }));
  while (!called) std::this_thread::yield();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::damaged);
}

}  // namespace
}  // namespace sojourn::server
