// Transactions of several commands, as EXEC makes them: one unit, in memory and on disk.

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/cache/keyspace_fixture.h"

namespace sojourn::server {
namespace {

class SeveralCommands : public KeyspaceTest {
 protected:
  // What is passed in is gone when the command is done.
  void command(Transaction& tx, const std::function<void(Transaction&)>& run) {
    run(tx);
    tx.next_command();
    for (std::string& word : words_) word.assign(word.size(), '#');
    words_.clear();
  }
  const std::string& word(const std::string& text) { return words_.emplace_back(text); }
  Key key_of(std::string_view name, std::uint16_t database = 0) {
    return keyspace_->key(database, name);
  }
  JournalPosition as_one(const std::vector<std::string>& names,
                         const std::vector<std::function<void(Transaction&)>>& commands) {
    std::vector<Key> keys;
    for (const std::string& name : names) keys.push_back(key(name));
    Transaction tx(*keyspace_, keys, clock_.now());
    for (const auto& run : commands) command(tx, run);
    return tx.finish();
  }
  JournalPosition holding_all(const std::vector<std::function<void(Transaction&)>>& commands) {
    wait_until_warm();
    Transaction tx(*keyspace_, Transaction::AllShards(), clock_.now());
    for (const auto& run : commands) command(tx, run);
    return tx.finish();
  }
  // Commands whose words live no longer than they do.
  auto set(std::string name, std::string value, std::uint16_t database = 0) {
    return [=, this](Transaction& tx) {
      const std::string& words = word(name);
      tx.put_string(key_of(words, database), word(value), kNever);
    };
  }
  auto del(std::string name) {
    return [=, this](Transaction& tx) {
      const std::string& words = word(name);
      tx.erase(key_of(words));
    };
  }
  auto hset(std::string name, std::string field, std::string value) {
    return [=, this](Transaction& tx) {
      const std::string &words = word(name), &field_word = word(field), &value_word = word(value);
      tx.put_field(key_of(words), field_word, value_word);
    };
  }
  auto hdel(std::string name, std::string field) {
    return [=, this](Transaction& tx) {
      const std::string &words = word(name), &field_word = word(field);
      tx.erase_field(key_of(words), field_word);
    };
  }
  auto rename(std::string from, std::string to) {
    return [=, this](Transaction& tx) {
      const std::string &a = word(from), &b = word(to);
      tx.rename(key_of(a), key_of(b));
    };
  }
  auto expire(std::string name, Time deadline) {
    return [=, this](Transaction& tx) {
      const std::string& words = word(name);
      tx.set_deadline(key_of(words), deadline);
    };
  }

 private:
  std::deque<std::string> words_;
};

const std::string kLarge(3000, 'v');

TEST_F(SeveralCommands, AreOneUnitOfTheJournal) {
  const JournalPosition before = journal_->appended();
  const JournalPosition position =
      as_one({"a", "b", "c"}, {set("a", "1"), set("b", "2"), set("a", "3"), del("c")});
  EXPECT_EQ(position, before + 1);
  EXPECT_EQ(journal_->appended(), before + 1);
  restart();
  EXPECT_EQ(get("a"), "3");
  EXPECT_EQ(get("b"), "2");
}

TEST_F(SeveralCommands, LeaveOfAKeyWhatTheLastOneMadeOfIt) {
  put("a", "old", in(100s));
  set_deadline("a", in(200s));  // a row in Column::touches
  as_one({"a", "b"}, {del("a"), set("a", "new"), expire("a", in(50s)), rename("a", "b"),
                      set("a", "again"), del("a"), expire("b", in(500s))});
  const Time deadline = in(500s);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(get("a"), "(nil)");
    EXPECT_EQ(get("b"), "new");
    EXPECT_EQ(this->deadline("b"), deadline);
    restart();
  }
}

TEST_F(SeveralCommands, MakeDropAndMakeAgainALargeHash) {
  for (int i = 0; i < 5; ++i) put_field("h", "f" + std::to_string(i), kLarge);
  std::vector<std::function<void(Transaction&)>> commands{
      hset("h", "f0", "changed"), hdel("h", "f1"), hset("h", "f1", "back"), del("h")};
  for (int i = 0; i < 5; ++i) commands.push_back(hset("h", "g" + std::to_string(i), kLarge));
  commands.push_back(hset("h", "g0", "small"));
  commands.push_back(hset("h", "g0", "smaller"));
  commands.push_back(hdel("h", "g1"));
  commands.push_back(rename("h", "i"));
  commands.push_back(hset("i", "g2", "moved"));
  commands.push_back(hset("h", "f", "v"));
  as_one({"h", "i"}, commands);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(fields("i"), 4u);
    EXPECT_EQ(get_field("i", "g0"), "smaller");
    EXPECT_EQ(get_field("i", "g2"), "moved");
    EXPECT_EQ(get_field("i", "g4"), kLarge);
    EXPECT_EQ(fields("h"), 1u);
    restart();
  }
  wait_until_warm();
  EXPECT_EQ(rows(Column::fields), 4u);
}

TEST_F(SeveralCommands, EmptyDatabasesInTheirOrder) {
  put("a", "old");
  put("b", "old", kNever, 1);
  const JournalPosition before = journal_->appended();
  holding_all({set("a", "1"), set("b", "1", 1), set("gone", "1"),
               [](Transaction& tx) { tx.flush(0); }, set("a", "2"),
               [](Transaction& tx) { tx.swap(0, 1); }, set("c", "3"),
               [](Transaction& tx) { tx.swap(1, 2); }});
  EXPECT_EQ(journal_->appended(), before + 1);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(get("a"), "(nil)");
    EXPECT_EQ(get("b"), "1");
    EXPECT_EQ(get("c"), "3");
    EXPECT_EQ(get("gone"), "(nil)");
    EXPECT_EQ(get("a", 2), "2");
    EXPECT_EQ(get("gone", 2), "(nil)");
    upkeep();
    restart();
  }
  holding_all({set("a", "1"), [](Transaction& tx) { tx.flush_all(); }, set("d", "4", 3)});
  for (int life = 0; life < 2; ++life) {
    wait_until_warm();
    EXPECT_EQ(keyspace_->totals().keys(), 1u);
    EXPECT_EQ(get("d", 3), "4");
    restart();
  }
}

TEST_F(SeveralCommands, SeeWholeDatabasesAsTheyHaveMadeThem) {
  put("a", "1");
  wait_until_warm();
  Transaction tx(*keyspace_, Transaction::AllShards(), clock_.now());
  tx.put_string(key_of("b"), "1", kNever);
  EXPECT_EQ(keyspace_->size(0, &tx), 2u);
  EXPECT_EQ(keyspace_->totals(&tx).keys(), 2u);
  tx.flush(0);
  tx.put_string(key_of("c"), "1", kNever);
  std::vector<std::string> names;
  const auto visit = [&](const Entry& entry) { names.emplace_back(entry.key()); };
  EXPECT_EQ(keyspace_->walk(0, 0, 100'000, visit, &tx), Keyspace::kNoShard);
  EXPECT_EQ(names, std::vector<std::string>{"c"});
}

// A megabyte a change: what each replaced must not be kept until the end.
TEST_F(SeveralCommands, GiveBackWhatTheyReplaceAsTheyGo) {
  const std::string large(1 << 20, 'x');
  const Key a = key("a");
  Transaction tx(*keyspace_, {&a, 1}, clock_.now());
  for (std::size_t i = 0; i < 300; ++i) {
    tx.put_string(a, std::string_view(large).substr(i), kNever);
    tx.next_command();
    EXPECT_EQ(tx.replaced(), 0u);
  }
}

// Threads move amounts between accounts, and one counts them all: no one sees half of a move.
TEST_F(SeveralCommands, AreSeenWholeByOtherThreads) {
  constexpr int kAccounts = 20, kMovers = 3, kMoves = 2000, kEach = 100;
  const auto account = [](int i) { return "account:" + std::to_string(i); };
  for (int i = 0; i < kAccounts; ++i) put(account(i), std::to_string(kEach));
  wait_until_warm();
  const auto amount = [](Transaction& tx, const Key& key) {
    return std::stoi(std::string(tx.peek(key)->value()));
  };
  std::atomic<int> moving = kMovers;
  std::vector<std::thread> movers;
  for (int mover = 0; mover < kMovers; ++mover) {
    movers.emplace_back([&, mover] {
      std::mt19937 random(static_cast<unsigned>(mover));
      for (int i = 0; i < kMoves; ++i) {
        const int from = static_cast<int>(random() % kAccounts);
        const int to = (from + 1 + static_cast<int>(random() % (kAccounts - 1))) % kAccounts;
        const std::string from_name = account(from), to_name = account(to);
        const std::array keys{key_of(from_name), key_of(to_name)};
        Transaction tx(*keyspace_, keys, clock_.now());
        const std::string less = std::to_string(amount(tx, keys[0]) - 1);
        tx.put_string(keys[0], less, kNever);
        tx.next_command();
        const std::string more = std::to_string(amount(tx, keys[1]) + 1);
        tx.put_string(keys[1], more, kNever);
        tx.finish();
      }
      --moving;
    });
  }
  int wrong = 0;
  do {
    Transaction tx(*keyspace_, Transaction::AllShards(), clock_.now());
    int sum = 0;
    for (int i = 0; i < kAccounts; ++i) sum += amount(tx, key_of(account(i)));
    wrong += sum != kAccounts * kEach;
  } while (moving > 0);
  for (std::thread& mover : movers) mover.join();
  EXPECT_EQ(wrong, 0);
  restart();
  int sum = 0;
  for (int i = 0; i < kAccounts; ++i) sum += std::stoi(get(account(i)));
  EXPECT_EQ(sum, kAccounts * kEach);
}

TEST_F(SeveralCommands, TakeNoLongerForEachTheMoreThereAre) {
  std::vector<Key> keys;
  std::vector<std::string> names;
  for (int i = 0; i < 20'000; ++i) names.push_back("k:" + std::to_string(i));
  for (const std::string& name : names) keys.push_back(key_of(name));
  Transaction tx(*keyspace_, keys, clock_.now());
  for (const Key& k : keys) {
    tx.put_string(k, "1", kNever);
    tx.next_command();
  }
  tx.finish();
  EXPECT_EQ(keyspace_->size(0), names.size());
}

class Watching : public SeveralCommands {
 protected:
  std::unique_ptr<WatchedKey> watch(std::string_view name, std::uint16_t database = 0) {
    const Key k = key(name, database);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return std::make_unique<WatchedKey>(*keyspace_, tx, k);
  }
  bool changed(const WatchedKey& watched) {
    const Key k = watched.key();
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return watched.changed(tx);
  }
};

TEST_F(Watching, SeesEveryChangeOfAKey) {
  const std::vector<std::pair<const char*, std::function<void()>>> changes{
      {"the same value", [&] { put("s", "1"); }},
      {"a deadline", [&] { set_deadline("s", in(100s)); }},
      {"the same deadline", [&] { set_deadline("s", in(100s)); }},
      {"a little later", [&] { set_deadline("s", in(100s) + 1ms); }},
      {"no deadline", [&] { set_deadline("s", kNever); }},
      {"erased", [&] { erase("s"); }},
      {"made again", [&] { put("s", "1", in(1s)); }},
      {"expired", [&] { advance(2s); }},
  };
  put("s", "1");
  for (const auto& [what, change] : changes) {
    const auto watched = watch("s");
    EXPECT_FALSE(changed(*watched)) << what;
    change();
    EXPECT_TRUE(changed(*watched)) << what;
  }
}

TEST_F(Watching, SeesEveryChangeOfALargeHash) {
  for (int i = 0; i < 5; ++i) put_field("h", "f" + std::to_string(i), kLarge);
  for (const auto& change : std::vector<std::function<void()>>{
           [&] { put_field("h", "f0", kLarge); }, [&] { erase_field("h", "f0"); },
           [&] { set_deadline("h", in(100s)); }, [&] { erase("h"); }}) {
    const auto watched = watch("h");
    change();
    EXPECT_TRUE(changed(*watched));
  }
}

TEST_F(Watching, SeesThatAKeyHasComeAndGone) {
  for (const auto& go : std::vector<std::function<void()>>{[&] { erase("s"); },
                                                           [&] {
                                                             as_one({"s", "t"}, {rename("s", "t")});
                                                           },
                                                           [&] { keyspace_->flush(0); },
                                                           [&] { keyspace_->swap(0, 1); },
                                                           [&] {
                                                             set_deadline("s", in(1s));
                                                             advance(2s);
                                                             upkeep();
                                                           }}) {
    const auto watched = watch("s");
    const auto elsewhere = watch("s", 5);
    put("s", "1");
    go();
    EXPECT_TRUE(changed(*watched));
    EXPECT_FALSE(changed(*elsewhere));
    keyspace_->flush_all();
  }
}

TEST_F(Watching, OfAKeyThatHadExpiredBeforeSeesNothingWhenItGoes) {
  put("s", "1", in(1s));
  advance(2s);
  const auto watched = watch("s");
  upkeep();
  EXPECT_FALSE(changed(*watched));
}

TEST_F(Watching, OutlivesTheKeyspaceAndEndsByItself) {
  auto watched = watch("s");
  const auto watches = keyspace_->watches();
  const std::uint64_t hash = key("s").hash;
  EXPECT_TRUE(watches->any(hash));
  stop();
  watched.reset();
  EXPECT_FALSE(watches->any(hash));
  start();
}

}  // namespace
}  // namespace sojourn::server
