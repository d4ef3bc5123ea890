// How values that are away are read, and what may have become of them meanwhile.

#include <atomic>
#include <string>
#include <vector>

#include "tests/server/cache/spilling_fixture.h"

namespace sojourn::server {
namespace {

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

}  // namespace
}  // namespace sojourn::server
