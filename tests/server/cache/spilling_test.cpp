// Which values leave RAM, and what is left of them there.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/cache/hash_view.h"
#include "tests/server/cache/spilling_fixture.h"
#include "tests/support/held_store.h"

namespace sojourn::server {
namespace {

using Room = Keyspace::Room;

TEST_F(SpillingTest, WhatLeftIsReadAgainAsItWas) {
  wait_until_warm();
  put("session:1", value_of(1), in(10s));
  spill_all();
  EXPECT_EQ(away(), 1u);
  EXPECT_EQ(keyspace_->size(0), 1u);
  EXPECT_EQ(keyspace_->totals().databases[0].with_deadline, 1u);
  EXPECT_EQ(read("session:1"), value_of(1));
  EXPECT_EQ(away(), 0u);
  EXPECT_EQ(deadline("session:1"), in(10s));
  EXPECT_EQ(keyspace_->spilled(), 1u);
  EXPECT_EQ(keyspace_->brought_back(), 1u);
  restart();
  EXPECT_EQ(get("session:1"), value_of(1));
}

TEST_F(SpillingTest, ValuesUsedLongestAgoLeaveFirst) {
  wait_until_warm();
  fill(0, 1000);
  advance(100s);
  fill(1000, 1100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(get(name_of(i)), value_of(i));
  const std::uint64_t before = in_use();
  const std::uint64_t limit = before - 200 * 500;
  keep_within(limit);
  EXPECT_LE(in_use(), limit);
  EXPECT_GE(away(), 200u);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(is_away(name_of(i))) << i;
  for (int i = 1000; i < 1100; ++i) EXPECT_FALSE(is_away(name_of(i))) << i;
  for (int i = 0; i < 1100; ++i) ASSERT_EQ(read(name_of(i)), value_of(i));
}

TEST_F(SpillingTest, OnlySoManyLeaveAsThereIsNoRoomFor) {
  wait_until_warm();
  fill(0, 2000);
  ASSERT_TRUE(journal_->flush());
  keyspace_->set_memory_limit(2 * in_use());
  upkeep();
  EXPECT_EQ(away(), 0u);
  EXPECT_EQ(keyspace_->room(), Room::enough);
  const std::uint64_t limit = in_use() - 100'000;
  keep_within(limit);
  EXPECT_GE(in_use(), limit - limit / 10);
  keyspace_->set_memory_limit(0);
  const std::size_t left = away();
  upkeep();
  EXPECT_EQ(away(), left) << "without a limit none leaves, and none comes back by itself";
}

TEST_F(SpillingTest, WhatIsNotOnDiskYetStays) {
  wait_until_warm();
  ASSERT_TRUE(journal_->flush());
  faulty_.hold_writes();
  fill(0, 100);
  keyspace_->set_memory_limit(1);
  for (int i = 0; i < 5; ++i) upkeep();
  EXPECT_EQ(away(), 0u);
  EXPECT_EQ(keyspace_->room(), Room::soon) << "nobody is refused for what can leave soon";
  faulty_.let_go();
  ASSERT_TRUE(journal_->flush());
  faulty_.hold_writes();
  put(name_of(7), value_of(1007));
  wait_for([&] {
    upkeep();
    return away() == 99;
  });
  EXPECT_FALSE(is_away(name_of(7)));
  faulty_.let_go();
  EXPECT_EQ(read(name_of(7)), value_of(1007));
  EXPECT_EQ(read(name_of(8)), value_of(8));
}

TEST_F(SpillingTest, OnlyWhatWasWrittenLeavesOnceStorageHasFailed) {
  wait_until_warm();
  fill(0, 10);
  ASSERT_TRUE(journal_->flush());
  faulty_.fail_write(1, Errc::storage);
  put("other", "x");
  EXPECT_FALSE(journal_->flush());
  for (std::size_t shard = 0; shard != Keyspace::kNoShard;) shard = keyspace_->spill_all(shard);
  EXPECT_EQ(away(), 10u);
  EXPECT_FALSE(is_away("other"));
  EXPECT_EQ(read(name_of(3)), value_of(3));
  // Nothing is waited for that may never be written.
  keyspace_->set_memory_limit(1);
  EXPECT_EQ(keyspace_->room(), Room::none);
}

TEST_F(SpillingTest, RoomIsRefusedOnlyWhenNothingIsLeftThatCouldLeave) {
  wait_until_warm();
  fill(0, 1000);
  ASSERT_TRUE(journal_->flush());
  keyspace_->set_memory_limit(in_use() - 1000);
  EXPECT_EQ(keyspace_->room(), Room::soon);
  keep_within(in_use() - 1000);
  EXPECT_EQ(keyspace_->room(), Room::enough);
  keep_within(1);
  EXPECT_EQ(keyspace_->room(), Room::none);
  EXPECT_EQ(away(), 1000u);
  // Even while others write what could leave, but much less than would help.
  const std::uint64_t limit = in_use() - 1;
  for (int i = 0; i < 5; ++i) {
    keyspace_->set_memory_limit(0);
    upkeep();
    keyspace_->set_memory_limit(limit);
    EXPECT_EQ(keyspace_->room(), Room::soon);
    put("another", value_of(i));
    ASSERT_TRUE(journal_->flush());
    wait_for([&] {
      upkeep();
      return keyspace_->room() == Room::none;
    });
  }
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(erase(name_of(i)));
  EXPECT_EQ(keyspace_->room(), Room::enough);
}

TEST_F(SpillingTest, RestsEndWhenValuesAreReadBack) {
  wait_until_warm();
  fill(0, 3000);
  keep_within(1);
  ASSERT_EQ(keyspace_->room(), Room::none);
  std::vector<std::string> names;
  for (int i = 0; i < 3000; ++i) names.push_back(name_of(i));
  std::vector<Key> keys;
  for (const std::string& name : names) keys.push_back(keyspace_->key(0, name));
  ASSERT_EQ(bring_back(keys), "");
  ASSERT_EQ(away(), 0u);
  upkeep();
  EXPECT_GT(away(), 0u);
}

TEST_F(SpillingTest, WhatSomebodyHoldsForLongMayLeaveYet) {
  wait_until_warm();
  fill(0, 100);
  ASSERT_TRUE(journal_->flush());
  keyspace_->set_memory_limit(in_use() / 2);
  {
    Transaction tx(*keyspace_, Transaction::AllShards(), clock_.now());
    tx.say_it_will_be_long();
    for (int i = 0; i < 3; ++i) upkeep();
    EXPECT_EQ(keyspace_->room(), Room::soon);
    tx.finish();
  }
  wait_for([&] {
    upkeep();
    return keyspace_->room() == Room::none;
  });
  EXPECT_EQ(away(), 100u);
}

// One shard has not so much that it would help.
TEST_F(SpillingTest, NobodyIsKeptWaitingByASingleShardThatIsHeld) {
  wait_until_warm();
  fill(0, 100);
  ASSERT_TRUE(journal_->flush());
  const Key held = keyspace_->key(0, name_of(7));
  Transaction tx(*keyspace_, Transaction::Growing(), {&held, 1}, clock_.now());
  tx.say_it_will_be_long();
  keyspace_->set_memory_limit(in_use() / 2);
  EXPECT_EQ(keyspace_->room(), Room::soon);
  wait_for([&] {
    upkeep();
    return keyspace_->room() == Room::none;
  });
  tx.finish();
  EXPECT_EQ(away(), 99u);
}

TEST_F(SpillingTest, TheKeyIsKnownWithoutItsValue) {
  wait_until_warm();
  fill(0, 10);
  spill_all();
  const std::size_t reads = faulty_.reads();
  EXPECT_EQ(deadline(name_of(0)), kNever);
  set_deadline(name_of(0), in(10s));
  set_deadline(name_of(1), in(10s));
  set_deadline(name_of(1), in(20s));
  EXPECT_TRUE(erase(name_of(2)));
  put(name_of(3), "new");
  put(name_of(4), "new", in(10s));
  EXPECT_EQ(faulty_.reads(), reads);
  EXPECT_EQ(away(), 7u);
  EXPECT_EQ(read(name_of(0)), value_of(0));
  EXPECT_EQ(deadline(name_of(0)), in(10s));
  advance(15s);
  upkeep();
  EXPECT_EQ(read(name_of(0)), "(nil)");
  EXPECT_EQ(read(name_of(1)), value_of(1));
  EXPECT_EQ(read(name_of(2)), "(nil)");
  EXPECT_EQ(read(name_of(3)), "new");
  EXPECT_EQ(read(name_of(4)), "(nil)");
  EXPECT_EQ(read(name_of(5)), value_of(5));
  restart();
  EXPECT_EQ(get(name_of(1)), value_of(1));
  EXPECT_EQ(deadline(name_of(1)), in(5s));
  EXPECT_EQ(get(name_of(0)), "(nil)");
  EXPECT_EQ(get(name_of(3)), "new");
}

TEST_F(SpillingTest, WhatExpiresWhileItIsAwayIsGoneInRamAndOnDisk) {
  wait_until_warm();
  for (int i = 0; i < 100; ++i) put(name_of(i), value_of(i), in(1s));
  spill_all();
  EXPECT_EQ(away(), 100u);
  const std::size_t reads = faulty_.reads();
  advance(1100ms);
  upkeep();
  EXPECT_EQ(keyspace_->size(0), 0u);
  EXPECT_EQ(away(), 0u);
  EXPECT_EQ(faulty_.reads(), reads);
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::records), 0u);
}

TEST_F(SpillingTest, WholeDatabasesTakeWhatIsAwayAlong) {
  wait_until_warm();
  fill(0, 100);
  put("other", value_of(1), kNever, 1);
  spill_all();
  keyspace_->swap(0, 1);
  EXPECT_EQ(read(name_of(3), 1), value_of(3));
  EXPECT_EQ(read("other", 0), value_of(1));
  EXPECT_EQ(read(name_of(3), 0), "(nil)");
  const Key k = keyspace_->key(1, "session:4");
  faulty_.hold_reads();
  std::atomic<bool> ready = false;
  bool failed = false;
  ASSERT_EQ(keyspace_->bring_back({&k, 1}, 0s,
                                  [&](const std::optional<Error>& error) {
                                    failed = error.has_value();
                                    ready = true;
                                  }),
            Keyspace::Resolved::later);
  faulty_.wait_for_held(1);
  keyspace_->flush(1);
  ASSERT_TRUE(journal_->flush());  // the record is gone before it is read, and the entry is not yet
  faulty_.let_go();
  wait_for([&] { return ready.load(); });
  EXPECT_FALSE(failed) << "what is not there any more is no error";
  EXPECT_EQ(read(name_of(4), 1), "(nil)");
  upkeep();
  EXPECT_EQ(away(), 0u);
  EXPECT_EQ(keyspace_->size(1), 0u);
}

TEST_F(SpillingTest, ToLeaveIsNoChangeToWhoWatches) {
  wait_until_warm();
  put("session:1", value_of(1));
  const Key k = key("session:1");
  const auto version = [&] {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.peek(k)->version();
  };
  const std::uint64_t before = version();
  spill_all();
  EXPECT_EQ(version(), before);
  EXPECT_EQ(read("session:1"), value_of(1));
  EXPECT_EQ(version(), before);
  spill_all();
  set_deadline("session:1", in(10s));
  EXPECT_GT(version(), before);
  EXPECT_EQ(read("session:1"), value_of(1)) << "its record has an earlier version than it has now";
}

TEST_F(SpillingTest, AKeyWhoseValueIsAwayTakesLittle) {
  SlabHeap heap;
  const std::string key(37, 'k');
  Entry* const entry = Entry::make(heap, key, 512);
  Entry* const away = Entry::make_away(heap, *entry);
  EXPECT_EQ(away->bytes(), Entry::bytes_away(*entry));
  EXPECT_LE(away->bytes() - key.size(), 64u - 11u) << "a table takes 11 bytes a key";
  Entry::free(heap, entry);
  Entry::free(heap, away);
}

TEST_F(SpillingTest, AServerWithMoreThanItsMemoryLoadsKeysWithoutValues) {
  fill(0, 2000);
  put("small", "x");
  ASSERT_TRUE(journal_->flush());
  wait_until_warm();
  const std::uint64_t all = in_use();
  stop();
  HeldStore held(store_);
  held.hold();
  journal_ = std::move(*Journal::open(held, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &held, log_));
  keyspace_->set_memory_limit(all - 400'000);
  EXPECT_EQ(get(name_of(3)), value_of(3)) << "while it is warming";
  held.let_go();
  wait_until_warm();
  EXPECT_LE(in_use(), all - 400'000);
  EXPECT_GT(away(), 500u);
  EXPECT_EQ(keyspace_->size(0), 2001u);
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(read(name_of(i)), value_of(i));
  EXPECT_EQ(read("small"), "x");
  stop();  // before the store goes
}

TEST_F(SpillingTest, ClientsGoOnWhileValuesLeave) {
  wait_until_warm();
  constexpr int kKeys = 500;
  fill(0, kKeys);
  ASSERT_TRUE(journal_->flush());
  keyspace_->set_memory_limit(in_use() - 100'000);
  std::atomic<bool> ended = false;
  std::thread worker([&] {
    while (!ended) {
      keyspace_->upkeep(0, 1, 500us);
      journal_->end_turn();
    }
  });
  std::thread debugger([&] {
    for (std::size_t shard = 0; !ended;) {
      shard = keyspace_->spill_all(shard);
      if (shard == Keyspace::kNoShard) shard = 0;
    }
  });
  // Each client has keys of its own, and so knows what they hold.
  const auto client = [&](int number) {
    std::vector<int> holds(kKeys);
    for (int i = 0; i < kKeys; ++i) holds[i] = i;
    unsigned random = static_cast<unsigned>(number) + 1;
    for (int step = 0; step < 4000; ++step) {
      random = random * 1664525u + 1013904223u;
      const int i = static_cast<int>(random >> 8) % kKeys / 2 * 2 + number;
      if (random % 3 == 0) {
        holds[i] += kKeys;
        put(name_of(i), value_of(holds[i]));
      } else if (random % 3 == 1) {
        set_deadline(name_of(i), in(std::chrono::seconds(1000 + step)));
      } else {
        ASSERT_EQ(read(name_of(i)), value_of(holds[i]));
      }
    }
  };
  std::thread first([&] { client(0); });
  std::thread second([&] { client(1); });
  first.join();
  second.join();
  ended = true;
  worker.join();
  debugger.join();
  EXPECT_GT(keyspace_->spilled(), 0u);
  EXPECT_GT(keyspace_->brought_back(), 0u);
}

}  // namespace
}  // namespace sojourn::server
