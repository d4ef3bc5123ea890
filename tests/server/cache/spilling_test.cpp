#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/cache/hash_view.h"
#include "tests/server/cache/keyspace_fixture.h"
#include "tests/support/faulty_store.h"
#include "tests/support/held_store.h"
#include "tests/support/wait_for.h"

namespace sojourn::server {
namespace {

using Room = Keyspace::Room;

std::string name_of(int i) { return "session:" + std::to_string(i); }
std::string value_of(int i) { return std::to_string(i) + std::string(500, 'v'); }

class SpillingTest : public KeyspaceTest {
 protected:
  Store& store() override { return faulty_; }
  void TearDown() override {
    faulty_.let_go();
    KeyspaceTest::TearDown();
  }

  void fill(int first, int last) {
    for (int i = first; i < last; ++i) put(name_of(i), value_of(i));
  }
  std::uint64_t in_use() { return keyspace_->totals().entry_bytes; }
  std::size_t away() { return keyspace_->totals().away; }
  bool is_away(const std::string& name, std::uint16_t database = 0) {
    const Key k = keyspace_->key(database, name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.lacks_value({&k, 1});
  }
  void spill_all() {
    ASSERT_TRUE(journal_->flush());
    for (std::size_t shard = 0; shard != Keyspace::kNoShard;) shard = keyspace_->spill_all(shard);
  }
  // Upkeep as workers do it, until what is in use is below the limit, or nothing is left to do.
  void keep_within(std::uint64_t limit) {
    ASSERT_TRUE(journal_->flush());
    keyspace_->set_memory_limit(limit);
    wait_for([&] {
      upkeep();
      return in_use() <= limit || keyspace_->room() == Room::none;
    });
  }
  // What who asked for them was told; "" if all went well.
  std::string bring_back(const std::vector<Key>& keys, std::chrono::seconds stay = 0s) {
    auto told = std::make_shared<std::pair<std::atomic<bool>, std::string>>();
    const auto resolved = keyspace_->bring_back(keys, stay, [told](std::optional<Error> error) {
      if (error) told->second = error->detail;
      told->first = true;
    });
    if (resolved == Keyspace::Resolved::known) return "";
    EXPECT_EQ(resolved, Keyspace::Resolved::later);
    wait_for([&] { return told->first.load(); });
    return told->second;
  }
  std::string bring_back(const std::string& name, std::chrono::seconds stay = 0s) {
    return bring_back({keyspace_->key(0, name)}, stay);
  }
  // As a command does it.
  std::string read(const std::string& name, std::uint16_t database = 0) {
    for (;;) {
      const Key k = keyspace_->key(database, name);
      {
        Transaction tx(*keyspace_, {&k, 1}, clock_.now());
        if (!tx.lacks_value({&k, 1})) {
          const Entry* const entry = tx.find(k);
          return entry == nullptr ? "(nil)" : std::string(entry->string());
        }
      }
      if (const std::string why = bring_back({k}); !why.empty()) return "(error) " + why;
    }
  }

  FaultyStore faulty_{store_};
};

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

TEST_F(SpillingTest, WhatIsChangedWhileItIsReadStaysChanged) {
  wait_until_warm();
  fill(0, 4);
  spill_all();
  faulty_.hold_reads();
  std::atomic<int> ready = 0;
  for (const std::string& name : {name_of(0), name_of(1)}) {
    const Key k = keyspace_->key(0, name);
    ASSERT_EQ(Keyspace::Resolved::later,
              keyspace_->bring_back({&k, 1}, 0s, [&](const std::optional<Error>& error) {
                EXPECT_FALSE(error) << error->detail;
                ++ready;
              }));
  }
  faulty_.wait_for_held(2);
  put(name_of(0), value_of(1000));
  EXPECT_TRUE(erase(name_of(1)));
  faulty_.let_go();
  wait_for([&] { return ready == 2; });
  EXPECT_EQ(read(name_of(0)), value_of(1000));
  EXPECT_EQ(read(name_of(1)), "(nil)");
  EXPECT_EQ(keyspace_->brought_back(), 0u);
}

// The store has read the old value when the new one leaves RAM.
class OldReads : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::optional<std::string>> read(Column column, std::string_view key) override {
    auto row = FaultyStore::read(column, key);
    if (!hold_) return row;
    held_ = true;
    wait_for([this] { return !hold_; });
    return row;
  }
  std::atomic<bool> hold_{false};
  std::atomic<bool> held_{false};
};

TEST_F(SpillingTest, AnOldValueIsNeverTakenForANewOneThatLeftMeanwhile) {
  stop();
  OldReads store(store_);
  journal_ = std::move(*Journal::open(store, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &store, log_));
  wait_until_warm();
  put("session:1", value_of(1));
  spill_all();
  store.hold_ = true;
  std::thread reader([&] { EXPECT_EQ(bring_back("session:1"), ""); });
  wait_for([&] { return store.held_.load(); });
  put("session:1", value_of(2));
  spill_all();
  EXPECT_TRUE(is_away("session:1"));
  store.hold_ = false;
  reader.join();
  EXPECT_EQ(keyspace_->brought_back(), 0u);
  EXPECT_EQ(read("session:1"), value_of(2));
  stop();  // before the store goes
}

TEST_F(SpillingTest, WhatCannotBeReadIsAnErrorAndNothingIsLost) {
  wait_until_warm();
  fill(0, 2);
  spill_all();
  faulty_.fail_read(1, Errc::storage, 1);
  EXPECT_EQ(read(name_of(0)), "(error) reading: a fault made by the test");
  EXPECT_TRUE(is_away(name_of(0)));
  EXPECT_EQ(read(name_of(0)), value_of(0));
}

class DamagingStore : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  enum class How { not_at_all, damaged, missing } how = How::not_at_all;

  Result<std::optional<std::string>> read(Column column, std::string_view key) override {
    auto row = FaultyStore::read(column, key);
    if (column != Column::records || !row || !*row) return row;
    if (how == How::damaged) (**row)[(**row).size() / 2] ^= 1;
    if (how == How::missing) return std::optional<std::string>();
    return row;
  }
};

TEST_F(SpillingTest, ADamagedOrMissingRecordIsNeverServed) {
  stop();
  DamagingStore store(store_);
  journal_ = std::move(*Journal::open(store, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &store, log_));
  wait_until_warm();
  fill(0, 2);
  spill_all();
  store.how = DamagingStore::How::damaged;
  EXPECT_TRUE(read(name_of(0)).starts_with("(error)")) << read(name_of(0));
  store.how = DamagingStore::How::missing;
  EXPECT_TRUE(read(name_of(0)).starts_with("(error)")) << read(name_of(0));
  store.how = DamagingStore::How::not_at_all;
  EXPECT_EQ(read(name_of(0)), value_of(0));
  stop();
}

// A record of a later version than that of the value that left: somebody else wrote there.
TEST_F(SpillingTest, ARecordOfAnotherVersionIsNeverServed) {
  wait_until_warm();
  put("session:1", value_of(1));
  spill_all();
  auto batch = store_.make_batch();
  const auto prefix = database_prefix(1);
  const std::string value = value_of(2);
  Record record;
  record.version = 1'000'000;
  record.value = value;
  const std::string_view start(prefix.data(), prefix.size());
  const RecordEnvelope envelope(start, "session:1", record);
  batch->put(Column::records, {start, "session:1"}, {envelope.head(), value, envelope.tail()});
  ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  EXPECT_EQ(read("session:1"), "(error) the record is not that of the value that has left RAM");
}

TEST_F(SpillingTest, WhatIsToStayStaysForAWhileOrUntilItWasUsed) {
  wait_until_warm();
  fill(0, 100);
  spill_all();
  EXPECT_EQ(bring_back(name_of(6), 4s), "");
  EXPECT_EQ(bring_back(name_of(7), 4s), "");
  EXPECT_EQ(bring_back(name_of(8)), "");
  EXPECT_EQ(read(name_of(6)), value_of(6));
  spill_all();
  EXPECT_TRUE(is_away(name_of(6)));
  EXPECT_FALSE(is_away(name_of(7)));
  EXPECT_TRUE(is_away(name_of(8)));
  advance(5s);
  spill_all();
  EXPECT_TRUE(is_away(name_of(7)));
}

TEST_F(SpillingTest, WhatWasJustReadIsNotTheNextToLeave) {
  wait_until_warm();
  fill(0, 1000);
  spill_all();
  advance(100s);
  fill(1000, 2000);
  ASSERT_TRUE(journal_->flush());
  advance(100s);
  EXPECT_EQ(bring_back(name_of(7)), "");
  keep_within(in_use() - 300'000);
  EXPECT_FALSE(is_away(name_of(7)));
  EXPECT_GT(away(), 1100u);
}

TEST_F(SpillingTest, ManyAreReadInOneGo) {
  wait_until_warm();
  fill(0, 100);
  spill_all();
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back(name_of(i));
  std::vector<Key> keys;
  for (const std::string& name : names) keys.push_back(keyspace_->key(0, name));
  for (const std::string& name : names) keys.push_back(keyspace_->key(0, name));
  EXPECT_EQ(bring_back(keys), "");
  EXPECT_EQ(away(), 0u);
  EXPECT_EQ(keyspace_->brought_back(), 100u) << "one that is asked for twice is read once";
}

// There are two who read.
TEST_F(SpillingTest, WhoWantsManyDoesNotKeepOthersFromReading) {
  wait_until_warm();
  fill(0, 20'001);
  spill_all();
  faulty_.hold_reads();
  std::vector<std::string> names;
  for (int i = 0; i < 20'000; ++i) names.push_back(name_of(i));
  std::vector<Key> keys;
  for (const std::string& name : names) keys.push_back(keyspace_->key(0, name));
  std::atomic<int> ready = 0;
  const auto ended = [&](const std::optional<Error>&) { ++ready; };
  const std::span<const Key> all(keys);
  ASSERT_EQ(keyspace_->bring_back(all.first(10'000), 0s, ended), Keyspace::Resolved::later);
  ASSERT_EQ(keyspace_->bring_back(all.subspan(10'000), 0s, ended), Keyspace::Resolved::later);
  faulty_.wait_for_held(2);
  std::atomic<int> ready_before = -1;
  const Key other = keyspace_->key(0, "session:20000");
  ASSERT_EQ(keyspace_->bring_back(
                {&other, 1}, 0s, [&](const std::optional<Error>&) { ready_before = ready.load(); }),
            Keyspace::Resolved::later);
  faulty_.let_go();
  wait_for([&] { return ready == 2 && ready_before >= 0; });
  EXPECT_EQ(ready_before, 0);
}

TEST_F(SpillingTest, SmallCollectionsLeaveToo) {
  wait_until_warm();
  const std::string long_text(100, 'f');
  for (int i = 0; i < 5; ++i) {
    put_field("hash", "field:" + std::to_string(i), long_text);
    put_field("timed", "field:" + std::to_string(i), long_text);
  }
  set_field_deadline("timed", "field:1", in(10s));
  for (int i = 0; i < 600; ++i) put_field("large", "field:" + std::to_string(i), long_text);
  {
    const Key k = key("zset");
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (int i = 0; i < 20; ++i) tx.put_score(k, {1.5 * i, "member:" + std::to_string(i)});
  }
  const auto form_of = [&](const std::string& name) {
    const Key k = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.peek(k)->fields_form();
  };
  const FieldsForm form = form_of("hash");
  spill_all();
  EXPECT_TRUE(is_away("hash"));
  EXPECT_TRUE(is_away("zset"));
  EXPECT_FALSE(is_away("timed"));
  EXPECT_FALSE(is_away("large"));
  EXPECT_EQ(form_of("hash"), form);
  EXPECT_EQ(bring_back("hash"), "");
  EXPECT_EQ(bring_back("zset"), "");
  EXPECT_EQ(form_of("hash"), form);
  EXPECT_EQ(get_field("hash", "field:3"), long_text);
  EXPECT_EQ(fields("hash"), 5u);
  EXPECT_EQ(fields("zset"), 20u);
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
