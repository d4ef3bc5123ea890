// Collections that leave RAM and come back: small ones, and large ones with the rows of their
// fields.

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "server/cache/sorted_set_view.h"
#include "tests/server/cache/spilling_fixture.h"
#include "tests/support/held_store.h"

namespace sojourn::server {
namespace {

using Room = Keyspace::Room;

class SpillingCollections : public SpillingTest {
 protected:
  static constexpr std::size_t kFields = 600;

  void SetUp() override {
    SpillingTest::SetUp();
    wait_until_warm();
  }
  static std::string field(std::size_t i) { return "field:" + std::to_string(i); }
  static std::string text(std::size_t i) { return std::to_string(i) + std::string(100, 'f'); }
  void make_large(const std::string& name, std::size_t count = kFields) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = field(i), value = text(i);
      tx.put_field(k, name, value);
      tx.next_command();
    }
  }
  void make_large_sorted_set(const std::string& name) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (std::size_t i = 0; i < kFields; ++i) {
      const std::string member = field(i);
      tx.put_score(k, {1.5 * static_cast<double>(i % 100), member});
      tx.next_command();
    }
  }
  // In the order in which it is told.
  std::vector<std::pair<std::string, std::string>> all_of(const std::string& name) {
    const Key k = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    std::vector<std::pair<std::string, std::string>> all;
    const Entry* const entry = tx.peek(k);
    if (entry == nullptr) return all;
    if (entry->type() == ValueType::sorted_set) {
      const SortedSetView members(*entry);
      members.visit(0, members.size(), false, [&](const ScoredMember& member) {
        all.emplace_back(member.member, std::to_string(member.score));
      });
      return all;
    }
    HashView(*entry).for_each([&](auto name, auto value) { all.emplace_back(name, value); });
    std::ranges::sort(all);
    return all;
  }
  FieldsForm form_of(const std::string& name) {
    const Key k = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.peek(k)->fields_form();
  }
  // What its rows on disk are told to hold, whatever RAM knows.
  std::vector<std::pair<std::string, std::string>> after_a_restart(const std::string& name) {
    restart();
    wait_until_warm();
    return all_of(name);
  }
};

TEST_F(SpillingCollections, LeaveUnlessTheirFieldsHaveDeadlines) {
  const std::string long_text(100, 'f');
  for (int i = 0; i < 5; ++i) put_field("hash", field(i), long_text);
  for (int i = 0; i < 5; ++i) put_field("timed", field(i), long_text);
  set_field_deadline("timed", field(1), in(10s));
  make_large("large");
  make_large("large timed");
  set_field_deadline("large timed", field(1), in(10s));
  {
    const Key k = key("zset");
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (int i = 0; i < 20; ++i) tx.put_score(k, {1.5 * i, field(i)});
  }
  make_large_sorted_set("large zset");
  std::vector<std::vector<std::pair<std::string, std::string>>> before;
  std::vector<FieldsForm> forms;
  const std::vector<std::string> leave{"hash", "large", "zset", "large zset"};
  for (const std::string& name : leave) {
    before.push_back(all_of(name));
    forms.push_back(form_of(name));
  }
  spill_all();
  EXPECT_EQ(away(), leave.size());
  EXPECT_FALSE(is_away("timed"));
  EXPECT_FALSE(is_away("large timed"));
  for (std::size_t i = 0; i < leave.size(); ++i) {
    EXPECT_TRUE(is_away(leave[i]));
    EXPECT_EQ(form_of(leave[i]), forms[i]);
    EXPECT_EQ(bring_back(leave[i]), "");
    EXPECT_EQ(all_of(leave[i]), before[i]);
    EXPECT_EQ(form_of(leave[i]), forms[i]);
  }
  EXPECT_EQ(away(), 0u);
}

// Redis's form never goes back, and so is not that of what a collection holds now.
TEST_F(SpillingCollections, KeepTheirForm) {
  const Key k = key("set");
  {
    std::vector<std::string> names;
    for (int i = 0; i < 5000; ++i) names.push_back(std::to_string(i));
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (const std::string& name : names) {
      const std::string_view member = name;
      tx.add_members(k, {&member, 1});
      tx.next_command();
    }
    std::vector<std::string_view> members(names.begin() + 100, names.end());
    tx.erase_members(k, members);
  }
  ASSERT_EQ(form_of("set"), FieldsForm::table);
  spill_all();
  ASSERT_EQ(away(), 1u);
  EXPECT_EQ(bring_back("set"), "");
  EXPECT_EQ(form_of("set"), FieldsForm::table);
}

TEST_F(SpillingCollections, ThatAreLargeCountForWhatTheyTake) {
  put("s:1", "x");
  const std::uint64_t empty = in_use();
  make_large("large", 5000);
  ASSERT_TRUE(journal_->flush());
  const std::uint64_t full = in_use();
  EXPECT_GT(full, empty + 5000 * 110);
  keyspace_->set_memory_limit(full - 100'000);
  EXPECT_EQ(keyspace_->room(), Room::soon);
  keep_within(full - 100'000);
  EXPECT_TRUE(is_away("large"));
  EXPECT_EQ(keyspace_->room(), Room::enough);
  upkeep();
  EXPECT_LT(in_use(), empty + 1000);
  EXPECT_EQ(bring_back("large"), "");
  EXPECT_NEAR(static_cast<double>(in_use()), static_cast<double>(full), 1000);
}

// Its fields are freed by and by; what is on its way out makes nobody else leave, and is no reason
// to refuse anybody.
TEST_F(SpillingCollections, ThatAreLargeAreFreedInStepsAndNoOtherLeavesMeanwhile) {
  make_large("large", 20'000);
  advance(10s);
  fill(0, 1000);
  ASSERT_TRUE(journal_->flush());
  keyspace_->set_memory_limit(in_use() - 1'500'000);
  while (!is_away("large")) keyspace_->upkeep(0, 1, 0ms);
  const std::size_t left = away();
  EXPECT_LT(left, 1001u);
  int steps = 0;
  for (; keyspace_->room() != Room::enough; ++steps) {
    ASSERT_EQ(keyspace_->room(), Room::soon);
    keyspace_->upkeep(0, 1, 0ms);
  }
  EXPECT_GT(steps, 5);
  upkeep();
  EXPECT_EQ(away(), left);
}

TEST_F(SpillingCollections, StayUntilAllTheirRowsAreOnDisk) {
  make_large("large");
  make_large("other");
  ASSERT_TRUE(journal_->flush());
  faulty_.hold_writes();
  put_field("large", field(7), "new");
  for (std::size_t shard = 0; shard != Keyspace::kNoShard;) shard = keyspace_->spill_all(shard);
  EXPECT_FALSE(is_away("large"));
  EXPECT_TRUE(is_away("other"));
  faulty_.let_go();
  ASSERT_TRUE(journal_->flush());
  faulty_.hold_writes();
  EXPECT_TRUE(erase_field("large", field(8)));
  for (std::size_t shard = 0; shard != Keyspace::kNoShard;) shard = keyspace_->spill_all(shard);
  EXPECT_FALSE(is_away("large"));
  faulty_.let_go();
  spill_all();
  EXPECT_TRUE(is_away("large"));
  EXPECT_EQ(bring_back("large"), "");
  EXPECT_EQ(fields("large"), kFields - 1);
  EXPECT_EQ(get_field("large", field(7)), "new");
}

TEST_F(SpillingCollections, NeedNoDiskForWhatIsAskedOfTheirKeys) {
  make_large("large");
  spill_all();
  const std::size_t reads = faulty_.reads();
  EXPECT_EQ(deadline("large"), kNever);
  set_deadline("large", in(10s));
  EXPECT_EQ(deadline("large"), in(10s));
  EXPECT_EQ(keyspace_->size(0), 1u);
  EXPECT_EQ(away(), 1u);
  EXPECT_EQ(faulty_.reads(), reads);
  const auto all = after_a_restart("large");
  EXPECT_EQ(all.size(), kFields);
  EXPECT_EQ(deadline("large"), in(10s));
}

TEST_F(SpillingCollections, TakeTheirRowsAlongHoweverTheyEnd) {
  for (const std::string name : {"erased", "expired", "overwritten", "replaced", "kept"}) {
    make_large(name);
  }
  set_deadline("expired", in(1s));
  spill_all();
  ASSERT_EQ(away(), 5u);
  const std::size_t reads = faulty_.reads();
  EXPECT_TRUE(erase("erased"));
  put("overwritten", "x");
  {
    const Key k = key("replaced");
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    const std::string_view member = "member";
    tx.put_set(k, {&member, 1});
  }
  advance(1100ms);
  upkeep();
  EXPECT_EQ(faulty_.reads(), reads);
  EXPECT_EQ(away(), 1u);
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::fields), kFields);
  EXPECT_EQ(bring_back("kept"), "");
  EXPECT_EQ(fields("kept"), kFields);
  spill_all();
  keyspace_->flush(0);
  upkeep();
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::fields), 0u);
  EXPECT_EQ(rows(Column::records), 0u);
}

// They are read as they are now, not as the server found them.
TEST_F(SpillingCollections, ComeBackAsTheyWereLast) {
  make_large("large");
  for (int round = 0; round < 3; ++round) {
    spill_all();
    ASSERT_TRUE(is_away("large"));
    EXPECT_EQ(bring_back("large"), "");
    EXPECT_EQ(fields("large"), kFields - round);
    put_field("large", field(100), "round " + std::to_string(round));
    EXPECT_TRUE(erase_field("large", field(round)));
  }
  spill_all();
  EXPECT_EQ(bring_back("large"), "");
  EXPECT_EQ(get_field("large", field(100)), "round 2");
  const auto all = all_of("large");
  EXPECT_EQ(after_a_restart("large"), all);
}

TEST_F(SpillingCollections, AreScannedOnWhereTheScanWasWhenTheyLeft) {
  make_large("large", 3000);
  std::vector<std::string> seen;
  const Key k = keyspace_->key(0, "large");
  std::uint64_t cursor = 0;
  do {
    spill_all();
    ASSERT_EQ(bring_back("large"), "");
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    cursor =
        HashView(*tx.peek(k)).scan(cursor, 100, [&](auto name, auto) { seen.emplace_back(name); });
  } while (cursor != 0);
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::unique(seen).size(), 0u);
  EXPECT_EQ(seen.size(), 3000u);
}

TEST_F(SpillingCollections, ThatAreOverwrittenWhileTheyAreReadStaySo) {
  make_large("large");
  spill_all();
  faulty_.hold_reads();
  const Key k = keyspace_->key(0, "large");
  std::atomic<bool> ready = false;
  ASSERT_EQ(keyspace_->bring_back({&k, 1}, 0s,
                                  [&](const std::optional<Error>& error) {
                                    EXPECT_FALSE(error);
                                    ready = true;
                                  }),
            Keyspace::Resolved::later);
  faulty_.wait_for_held(1);
  EXPECT_TRUE(erase("large"));
  make_large("large", 700);
  ASSERT_TRUE(journal_->flush());
  faulty_.let_go();
  wait_for([&] { return ready.load(); });
  EXPECT_EQ(fields("large"), 700u);
  EXPECT_EQ(keyspace_->brought_back(), 0u);
}

TEST_F(SpillingCollections, WithoutAllTheirRowsAreAnErrorAndNothingIsLost) {
  make_large("large");
  spill_all();
  auto batch = store_.make_batch();
  const std::uint64_t collection = 1;
  const auto begin = collection_prefix(collection), end = collection_prefix(collection + 1);
  batch->erase_range(Column::fields, {begin.data(), begin.size()}, {end.data(), end.size()});
  ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  EXPECT_EQ(bring_back("large"), "a large collection has no fields on disk");
  EXPECT_TRUE(is_away("large"));
}

TEST_F(SpillingCollections, HoldUpNobodyWhoReadsASmallSession) {
  for (const std::string name : {"large:1", "large:2", "large:3"}) make_large(name);
  fill(0, 20);
  spill_all();
  stop();
  HeldStore held(store_);
  journal_ = std::move(*Journal::open(held, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &held, log_));
  wait_until_warm();
  for (std::size_t shard = 0; shard != Keyspace::kNoShard;) shard = keyspace_->spill_all(shard);
  ASSERT_EQ(away(), 23u);
  held.hold_fields_too();
  std::atomic<int> ready = 0;
  for (const std::string name : {"large:1", "large:2", "large:3"}) {
    // Who wants both waits for both.
    const std::vector<std::string> names{name_of(0), name, name_of(1)};
    std::vector<Key> keys;
    for (const std::string& one : names) keys.push_back(keyspace_->key(0, one));
    ASSERT_EQ(keyspace_->bring_back(keys, 0s, [&](const std::optional<Error>&) { ++ready; }),
              Keyspace::Resolved::later);
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(read(name_of(i)), value_of(i));
  EXPECT_EQ(ready, 0);
  EXPECT_TRUE(is_away("large:1"));
  held.let_go();
  wait_for([&] { return ready == 3; });
  EXPECT_EQ(away(), 0u);
  EXPECT_EQ(fields("large:2"), kFields);
  stop();  // before the store goes
}

// Counts the rows of fields that are looked at.
class CountingStore : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  std::atomic<std::size_t> fields_seen{0};

  Result<std::unique_ptr<Cursor>> walk(Column column) override {
    auto walk = FaultyStore::walk(column);
    if (column != Column::fields) return walk;
    return std::unique_ptr<Cursor>(std::make_unique<Counting>(*this, std::move(*walk)));
  }

 private:
  struct Counting : Cursor {
    Counting(CountingStore& of, std::unique_ptr<Cursor> behind)
        : store(of), cursor(std::move(behind)) {}
    bool valid() const override { return cursor->valid(); }
    void next() override {
      ++store.fields_seen;
      cursor->next();
    }
    void seek(std::string_view key) override { cursor->seek(key); }
    std::string_view key() const override { return cursor->key(); }
    std::string_view value() const override { return cursor->value(); }
    std::optional<Error> failure() const override { return cursor->failure(); }
    CountingStore& store;
    std::unique_ptr<Cursor> cursor;
  };
};

TEST_F(SpillingCollections, AreNotReadByAServerThatHasNoRoomForThem) {
  make_large("large", 3000);
  make_large_sorted_set("zset");
  make_large("timed");
  set_field_deadline("timed", field(1), in(10s));
  set_deadline("large", in(100s));
  put("s:1", value_of(1));
  const auto all = all_of("zset");
  const FieldsForm form = form_of("zset");
  ASSERT_TRUE(journal_->flush());
  stop();
  CountingStore counting(store_);
  HeldStore held(counting);
  held.hold();
  journal_ = std::move(*Journal::open(held, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &held, log_));
  keyspace_->set_memory_limit(1);
  held.let_go();
  wait_until_warm();
  EXPECT_EQ(away(), 3u);
  EXPECT_LT(counting.fields_seen, kFields + 10) << "those of the timed one alone";
  EXPECT_FALSE(is_away("timed"));
  keyspace_->set_memory_limit(0);
  EXPECT_EQ(deadline("large"), in(100s));
  EXPECT_EQ(bring_back("zset"), "");
  EXPECT_EQ(all_of("zset"), all);
  EXPECT_EQ(form_of("zset"), form);
  EXPECT_EQ(bring_back("large"), "");
  EXPECT_EQ(fields("large"), 3000u);
  spill_all();
  EXPECT_TRUE(erase("large"));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::fields), 2 * kFields + 1) << "the timed one has a deadline, too";
  stop();  // before the store goes
}

}  // namespace
}  // namespace sojourn::server
