// One field of a small hash that changed since its record was written: a short row beside the
// record.

#include <map>
#include <random>
#include <string>
#include <vector>

#include "server/cache/hash_view.h"
#include "server/cache/packed_hash.h"
#include "tests/server/cache/spilling_fixture.h"
#include "tests/support/held_store.h"

namespace sojourn::server {
namespace {

using Fields = std::map<std::string, std::string>;

const std::string kData(300, 'd');

TEST(PackedHash, TakesAPieceInPlaceOfTheFieldItNames) {
  std::string packed;
  for (const char* const name : {"a", "b", "c"}) packed_hash::append(packed, name, kData);
  const std::string other = packed_hash::with(packed, "b", "new").first;
  const auto place = packed_hash::find(other, "b");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->number, 2u);
  EXPECT_EQ(place->value, "new");
  const std::string piece(packed_hash::piece(other, 2));
  EXPECT_EQ(place->piece, piece);
  const auto patched = packed_hash::patched(packed, piece);
  ASSERT_TRUE(patched);
  EXPECT_EQ(patched->packed, other);
  EXPECT_EQ(patched->number, 2u);

  EXPECT_FALSE(packed_hash::find(other, "d"));
  EXPECT_FALSE(packed_hash::patched(packed, ""));
  EXPECT_FALSE(packed_hash::patched(packed, piece + "x"));
  EXPECT_FALSE(packed_hash::patched(packed, piece.substr(0, piece.size() - 1)));
  EXPECT_FALSE(packed_hash::patched(packed_hash::without(packed, "b").first, piece));
}

class ChangedField : public SpillingTest {
 protected:
  void make(const std::string& name, Time deadline = kNever) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    tx.put_field(k, "created", "1000");
    tx.put_field(k, "used", "1000");
    tx.put_field(k, "data", kData);
    if (deadline != kNever) tx.set_deadline(k, deadline);
  }
  std::string row(Column column, const std::string& name) {
    EXPECT_TRUE(journal_->flush());
    auto walk = store().walk(column);
    for ((*walk)->seek({}); (*walk)->valid(); (*walk)->next()) {
      if ((*walk)->key().substr(4) == name) return std::string((*walk)->value());
    }
    return "";
  }
  std::string record(const std::string& name) { return row(Column::records, name); }
  std::string touch(const std::string& name) { return row(Column::touches, name); }
  void restart_warm() {
    restart();
    wait_until_warm();
  }
  bool lacks(const std::string& name, Need need) {
    const Key k = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.lacks({&k, 1}, need);
  }
};

TEST_F(ChangedField, IsWrittenAloneAndReadWithItsRecord) {
  make("h");
  const std::string written = record("h");
  EXPECT_EQ(touch("h"), "");
  for (const std::string value : {"2000", "3000", "20000", ""}) {
    EXPECT_FALSE(put_field("h", "used", value));
    EXPECT_EQ(record("h"), written);
    EXPECT_LT(touch("h").size(), 48u);
    EXPECT_EQ(get_field("h", "used"), value);
    for (const bool warm : {false, true}) {
      warm ? restart_warm() : restart();
      EXPECT_EQ(get_field("h", "used"), value);
      EXPECT_EQ(get_field("h", "created"), "1000");
      EXPECT_EQ(get_field("h", "data"), kData);
      EXPECT_EQ(fields("h"), 3u);
    }
  }
  // What was read from disk goes on as what was made here.
  put_field("h", "used", "5000");
  EXPECT_EQ(record("h"), written);
}

TEST_F(ChangedField, AnotherOneMakesANewRecordWithBoth) {
  make("h");
  put_field("h", "used", "2000");
  const std::string before = record("h");
  put_field("h", "created", "3000");
  EXPECT_NE(record("h"), before);
  restart_warm();
  EXPECT_EQ(get_field("h", "used"), "2000");
  EXPECT_EQ(get_field("h", "created"), "3000");
  // And from there on either is written alone again.
  const std::string after = record("h");
  put_field("h", "created", "4000");
  EXPECT_EQ(record("h"), after);
  restart();
  EXPECT_EQ(get_field("h", "used"), "2000");
  EXPECT_EQ(get_field("h", "created"), "4000");
}

TEST_F(ChangedField, SeveralAtOnceMakeOneRecord) {
  make("h");
  const Key k = key("h");
  {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    tx.put_field(k, "used", "2000");
    tx.put_field(k, "created", "3000");
    tx.put_field(k, "used", "4000");
  }
  EXPECT_EQ(touch("h"), "");
  restart();
  EXPECT_EQ(get_field("h", "used"), "4000");
  EXPECT_EQ(get_field("h", "created"), "3000");
}

TEST_F(ChangedField, StaysWhenTheDeadlineMoves) {
  make("h", in(10s));
  put_field("h", "used", "2000");
  set_deadline("h", in(100s));
  restart();
  EXPECT_EQ(get_field("h", "used"), "2000");
  EXPECT_EQ(deadline("h"), in(100s));
  set_deadline("h", in(50s));
  restart_warm();
  EXPECT_EQ(get_field("h", "used"), "2000");
  EXPECT_EQ(deadline("h"), in(50s));
  set_deadline("h", kNever);
  put_field("h", "used", "3000");
  restart();
  EXPECT_EQ(get_field("h", "used"), "3000");
  EXPECT_EQ(deadline("h"), kNever);
}

// A deadline that had moved too little to be written comes with the field.
TEST_F(ChangedField, BringsTheDeadlineAlong) {
  make("h", in(10s));
  set_deadline("h", in(10'500ms));
  put_field("h", "used", "2000");
  restart();
  EXPECT_EQ(deadline("h"), in(10'500ms));
}

TEST_F(ChangedField, IsAChangeToWhoWatchesTheKey) {
  make("h");
  const Key k = key("h");
  const auto version = [&] {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.peek(k)->version();
  };
  const std::uint64_t before = version();
  put_field("h", "used", "1000");  // the same value
  EXPECT_GT(version(), before);
}

TEST_F(ChangedField, OfAKeyThatIsGoneDoesNotComeBack) {
  make("h");
  put_field("h", "used", "2000");
  erase("h");
  EXPECT_EQ(touch("h"), "");
  make("h");
  restart();
  EXPECT_EQ(get_field("h", "used"), "1000");
  put_field("h", "used", "2000");
  put("h", "a string");
  restart_warm();
  EXPECT_EQ(get("h"), "a string");
  erase("h");
  EXPECT_EQ(touch("h"), "");
}

TEST_F(ChangedField, GoesAlongWithANewNameAndACopy) {
  make("h");
  make("old");
  put_field("old", "used", "old");  // whose row must not count for what comes in its place
  put_field("h", "used", "2000");
  {
    const Key keys[] = {key("h"), key("old"), key("copy")};
    Transaction tx(*keyspace_, keys, clock_.now());
    tx.copy(keys[0], keys[2]);
    tx.rename(keys[0], keys[1]);
  }
  restart();
  EXPECT_EQ(get("h"), "(nil)");
  for (const char* const name : {"old", "copy"}) {
    EXPECT_EQ(get_field(name, "used"), "2000") << name;
    put_field(name, "used", "3000");
  }
  restart_warm();
  for (const char* const name : {"old", "copy"}) EXPECT_EQ(get_field(name, "used"), "3000");
}

TEST_F(ChangedField, ThatIsMostOfTheHashMakesARecord) {
  make("h");
  const std::string written = record("h");
  put_field("h", "data", std::string(300, 'e'));
  EXPECT_NE(record("h"), written);
  EXPECT_EQ(touch("h"), "");
}

TEST_F(ChangedField, BehindManyOthersMakesARecord) {
  const auto field = [](std::size_t i) { return "field:" + std::to_string(i); };
  for (const std::string name : {"last", "beyond"}) {
    for (std::size_t i = 1; i <= Entry::kChangedFieldMax + 1; ++i) put_field(name, field(i), "old");
    const std::size_t number = Entry::kChangedFieldMax + (name == "last" ? 0 : 1);
    const std::string written = record(name);
    put_field(name, field(number), "new");
    EXPECT_EQ(record(name) == written, name == "last");
    restart();
    EXPECT_EQ(get_field(name, field(number)), "new");
  }
}

TEST_F(ChangedField, HoldsItsReplyUntilItIsWritten) {
  make("h");
  const Key k = key("h");
  const JournalPosition before = journal_->appended();
  Transaction tx(*keyspace_, {&k, 1}, clock_.now());
  tx.put_field(k, "used", "2000");
  EXPECT_EQ(tx.finish(), before + 1);
}

TEST_F(ChangedField, IsWrittenOnceHoweverOftenOneTransactionSetsIt) {
  make("h");
  ASSERT_TRUE(journal_->flush());
  const Key k = key("h");
  {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (int i = 0; i < 1000; ++i) {
      tx.put_field(k, "used", std::to_string(1000 + i));
      tx.set_deadline(k, in(100s + Millis(2000 * i)));
    }
  }
  EXPECT_LT(journal_->pending_bytes(), 100u);
  restart();
  EXPECT_EQ(get_field("h", "used"), "1999");
  EXPECT_EQ(deadline("h"), in(100s + Millis(2000 * 999)));
}

TEST_F(ChangedField, OfAHashThatGetsDeadlinesOrGrowsStays) {
  make("timed", in(100s));
  make("large");
  put_field("timed", "used", "2000");
  put_field("large", "used", "2000");
  set_field_deadline("timed", "created", in(10s));
  for (int i = 0; i < 30; ++i) put_field("large", "field:" + std::to_string(i), kData);
  put_field("timed", "used", "3000");
  put_field("large", "used", "3000");
  set_deadline("timed", in(50s));
  set_deadline("large", in(50s));
  restart();
  for (const char* const name : {"timed", "large"}) {
    EXPECT_EQ(get_field(name, "used"), "3000") << name;
    EXPECT_EQ(deadline(name), in(50s)) << name;
  }
}

TEST_F(ChangedField, ThatIsNotInTheRecordIsDamage) {
  make("h");
  put_field("h", "used", "2000");
  ASSERT_TRUE(journal_->flush());
  stop();
  auto walk = store_.walk(Column::touches);
  (*walk)->seek({});
  ASSERT_TRUE((*walk)->valid());
  const std::string row_key((*walk)->key());
  std::string packed;
  packed_hash::append(packed, "unknown", "value");
  const Touch wrong{std::uint64_t{1} << 40, kNever, packed_hash::piece(packed, 1)};
  const TouchEnvelope envelope(row_key.substr(0, 4), "h", wrong);
  auto batch = store_.make_batch();
  batch->put(Column::touches, {row_key}, {envelope.head(), wrong.field, envelope.tail()});
  ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  start();
  wait_until_warm();
  EXPECT_FALSE(keyspace_->settled());
  stop();
  EXPECT_EQ(rows(Column::records), 1u) << "left alone, for whoever can mend it";
}

TEST_F(ChangedField, ComesBackWithTheValueThatHadLeft) {
  wait_until_warm();
  make("h", in(100s));
  put_field("h", "used", "2000");
  spill_all();
  ASSERT_TRUE(is_away("h"));
  EXPECT_EQ(bring_back("h"), "");
  EXPECT_EQ(get_field("h", "used"), "2000");
  const std::string written = record("h");
  put_field("h", "used", "3000");
  EXPECT_EQ(record("h"), written);
  spill_all();
  restart();
  EXPECT_EQ(get_field("h", "used"), "3000");
}

// Another deadline is written with the field, so whoever moves it needs the value.
TEST_F(ChangedField, IsNeededToMoveTheDeadline) {
  wait_until_warm();
  make("changed", in(100s));
  make("plain", in(100s));
  put_field("changed", "used", "2000");
  spill_all();
  EXPECT_TRUE(lacks("changed", Need::touch));
  EXPECT_FALSE(lacks("changed", Need::key));
  EXPECT_FALSE(lacks("plain", Need::touch));
  set_deadline("plain", in(50s));
  EXPECT_TRUE(is_away("plain"));
  EXPECT_TRUE(erase("changed"));
  EXPECT_EQ(touch("changed"), "");
}

TEST_F(ChangedField, IsSeenByWhoReadsTheValueHimself) {
  wait_until_warm();
  make("h");
  put_field("h", "used", "2000");
  spill_all();
  const Key k = keyspace_->key(0, "h");
  {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    std::string seen;
    EXPECT_FALSE(keyspace_->with_value(*tx.peek(k), 0, [&](const Entry& entry) {
      seen = HashView(entry).get("used").value_or("");
    }));
    EXPECT_EQ(seen, "2000");
  }
  ASSERT_TRUE(is_away("h"));
  Transaction tx(*keyspace_, Transaction::Growing(), {&k, 1}, clock_.now());
  EXPECT_FALSE(tx.learn(k));
  EXPECT_EQ(HashView(*tx.peek(k)).get("used"), "2000");
}

// A value that the loader did not let in for want of room.
TEST_F(ChangedField, ComesBackWhereItWasNeverLoaded) {
  for (int i = 0; i < 50; ++i) {
    make(name_of(i));
    put_field(name_of(i), "used", std::to_string(i));
  }
  ASSERT_TRUE(journal_->flush());
  wait_until_warm();
  stop();
  HeldStore held(store_);
  held.hold();
  journal_ = std::move(*Journal::open(held, {}, log_));
  keyspace_ = std::move(*Keyspace::open({}, clock_, *journal_, &held, log_));
  keyspace_->set_memory_limit(1);
  held.let_go();
  wait_until_warm();
  EXPECT_EQ(away(), 50u);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(bring_back(name_of(i)), "");
    EXPECT_EQ(get_field(name_of(i), "used"), std::to_string(i));
  }
  stop();  // before the store goes
}

// Hashes that many things happen to hold what a model holds, through restarts and without RAM.
TEST_F(ChangedField, HoldsWhatAModelHolds) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    std::map<std::string, Fields> model;
    const auto some_name = [&] { return "h" + std::to_string(random() % 4); };
    const auto in_ram = [&](const std::string& name) {
      const Key k = key(name);
      if (is_away(name)) {
        EXPECT_EQ(bring_back({k}), "");
      }
    };
    for (int step = 0; step < 3000; ++step) {
      const std::string name = some_name();
      const std::string field = "f" + std::to_string(random() % 6);
      const std::string value(random() % 2 == 0 ? 10 : random() % 80, 'a' + random() % 26);
      in_ram(name);
      switch (random() % 12) {
        case 0:
          EXPECT_EQ(erase_field(name, field), model[name].erase(field) == 1);
          break;
        case 1:
          if (random() % 4 == 0) {
            erase(name);
            model[name].clear();
          }
          break;
        case 2:
          if (!model[name].empty()) set_deadline(name, in(Millis(1'000'000 + random() % 5000)));
          break;
        case 3: {
          const std::string to = some_name();
          in_ram(to);
          const Key keys[] = {key(name), key(to)};
          if (model[name].empty() || to == name) break;
          Transaction tx(*keyspace_, keys, clock_.now());
          if (random() % 2 == 0) {
            tx.copy(keys[0], keys[1]);
            model[to] = model[name];
          } else {
            tx.rename(keys[0], keys[1]);
            model[to] = std::exchange(model[name], {});
          }
          break;
        }
        case 4:
          if (random() % 8 == 0) restart();
          break;
        case 5:
          if (random() % 8 == 0) {
            restart_warm();
            spill_all();
          }
          break;
        default:
          EXPECT_EQ(put_field(name, field, value), !model[name].contains(field));
          model[name][field] = value;
      }
      in_ram(name);
      ASSERT_EQ(fields(name), model[name].size()) << "seed " << seed << ", step " << step;
      for (const auto& [f, v] : model[name]) {
        ASSERT_EQ(get_field(name, f), v) << "seed " << seed << ", step " << step;
      }
    }
    for (int i = 0; i < 4; ++i) erase("h" + std::to_string(i));
  }
}

}  // namespace
}  // namespace sojourn::server
