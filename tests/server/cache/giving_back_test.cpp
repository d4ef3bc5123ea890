// Memory that comes back when sessions end: upkeep moves the entries that stay.

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/cache/keyspace_fixture.h"

namespace sojourn::server {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kResidentMeansSomething = false;  // shadow memory counts too
constexpr int kSessions = 40'000;
#else
constexpr bool kResidentMeansSomething = true;
constexpr int kSessions = 400'000;
#endif

std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string name_of(int i) { return "session:" + std::to_string(100'000'000 + i); }

// Says which key it belongs to, from its first byte to its last.
std::string value_of(int i, std::size_t bytes) {
  const std::string mark = std::to_string(i) + ";";
  std::string value;
  while (value.size() < bytes) value += mark;
  return value;
}

// Nothing on disk, so that what the process has resident is the keyspace.
class GivingBack : public ::testing::Test {
 protected:
  void put(int i, std::size_t value_bytes, Millis ttl) {
    const std::string name = name_of(i);
    const Key key = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&key, 1}, clock_.now());
    tx.put_string(key, value_of(i, value_bytes), clock_.now() + ttl);
  }
  // Empty for none.
  std::string get(int i) {
    const std::string name = name_of(i);
    const Key key = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&key, 1}, clock_.now());
    const Entry* const entry = tx.find(key);
    return entry == nullptr ? std::string() : std::string(entry->string());
  }
  void upkeep() {
    while (keyspace_->upkeep(0, 1, Millis(1))) {
    }
  }

  Log log_{2, LogLevel::warning};
  ManualClock clock_;
  std::unique_ptr<Journal> journal_ = Journal::none();
  std::unique_ptr<Keyspace> keyspace_ = *Keyspace::open({}, clock_, *journal_, nullptr, log_);
  std::mt19937 random_{1};
};

TEST_F(GivingBack, ResidentMemoryIsWithinATenthOfWhatLivesAfterHalfOfAllSessionsExpired) {
  const std::uint64_t counted_empty = keyspace_->totals().entry_bytes;
  const std::size_t resident_empty = resident_bytes();
  std::vector<bool> stays(kSessions);
  for (int i = 0; i < kSessions; ++i) {
    stays[i] = random_() % 2 == 0;
    put(i, 512, stays[i] ? 60min : 30min);
  }
  const std::uint64_t filled = keyspace_->totals().entry_bytes - counted_empty;
  clock_.advance(31min);
  upkeep();
  const std::uint64_t living = keyspace_->totals().entry_bytes - counted_empty;
  EXPECT_LT(living, filled * 6 / 10);
  if (kResidentMeansSomething) {
    EXPECT_LT(resident_bytes() - resident_empty, living * 11 / 10);
  }
  for (int i = 0; i < kSessions; ++i) {
    ASSERT_EQ(get(i), stays[i] ? value_of(i, 512) : std::string()) << i;
  }
}

TEST_F(GivingBack, WhatIsCountedIsWhatIsResident) {
  const std::uint64_t counted_empty = keyspace_->totals().entry_bytes;
  const std::size_t resident_empty = resident_bytes();
  for (int i = 0; i < kSessions; ++i) put(i, 200 + random_() % 1000, 60min);
  const auto counted = static_cast<double>(keyspace_->totals().entry_bytes - counted_empty);
  if (kResidentMeansSomething) {
    const auto resident = static_cast<double>(resident_bytes() - resident_empty);
    EXPECT_GT(resident, counted * 0.98);
    EXPECT_LT(resident, counted * 1.08);
  }
}

TEST_F(GivingBack, AMovedEntryIsInAllTheSame) {
  struct Known {
    std::string value;
    Time deadline;
    std::uint64_t version;
    Time created;
    bool hash;
  };
  const auto field_of = [](int i) { return std::to_string(i); };
  std::map<int, Known> known;
  for (int i = 0; i < 60'000; ++i) {
    const bool stays = random_() % 3 == 0;
    const bool hash = stays && random_() % 4 == 0;
    const std::string name = name_of(i);
    const Key key = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&key, 1}, clock_.now());
    const std::string value = value_of(i, random_() % 100 == 0 ? 70'000 : random_() % 2000);
    const Time deadline = clock_.now() + (stays ? 60min : 30min) + Millis(random_() % 1000);
    if (hash) {
      // Now and then one that is not packed into its entry.
      const int fields = random_() % 20 == 0 ? 600 : 3;
      for (int field = 0; field < fields; ++field) {
        tx.put_field(key, std::to_string(field), field_of(i));
      }
      tx.set_deadline(key, deadline);
    } else {
      tx.put_string(key, value, deadline);
    }
    tx.finish();
    if (!stays) continue;
    Transaction again(*keyspace_, {&key, 1}, clock_.now());
    const Entry* const entry = again.peek(key);
    known[i] = {value, deadline, entry->version(), entry->created(), hash};
  }
  clock_.advance(31min);
  upkeep();
  EXPECT_EQ(keyspace_->size(0), known.size());
  for (const auto& [i, expected] : known) {
    const std::string name = name_of(i);
    const Key key = keyspace_->key(0, name);
    Transaction tx(*keyspace_, {&key, 1}, clock_.now());
    const Entry* const entry = tx.peek(key);
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(entry->deadline(), expected.deadline);
    ASSERT_EQ(entry->version(), expected.version);
    ASSERT_EQ(entry->created(), expected.created);
    if (expected.hash) {
      ASSERT_EQ(HashView(*entry).get("2"), field_of(i));
    } else {
      ASSERT_EQ(entry->string(), expected.value);
    }
  }
}

TEST_F(GivingBack, EverySessionIsReadAndWrittenRightWhileOthersAreMoved) {
  constexpr int kOfThread = 20'000;
  constexpr int kThreads = 3;
  std::vector<std::vector<std::size_t>> sizes(kThreads, std::vector<std::size_t>(kOfThread));
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < kOfThread; ++i) {
      const bool stays = random_() % 3 == 0;
      const std::size_t bytes = 1 + random_() % 1000;
      put(thread * kOfThread + i, bytes, stays ? 60min : 30min);
      sizes[thread][i] = stays ? bytes : 0;
    }
  }
  clock_.advance(31min);
  std::atomic<int> running{kThreads};
  const auto use = [&](int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    for (int step = 0; step < 40'000; ++step) {
      const int i = static_cast<int>(random() % kOfThread);
      const int number = thread * kOfThread + i;
      std::size_t& bytes = sizes[thread][i];
      const std::string expected = bytes == 0 ? std::string() : value_of(number, bytes);
      if (get(number) != expected) ADD_FAILURE() << number;
      if (random() % 4 == 0) put(number, bytes = 1 + random() % 1000, 60min);
    }
    --running;
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(use, thread);
  // Two workers' upkeep, as the server does it: each its own shards.
  const auto tidy = [&](std::size_t worker) {
    while (running > 0) keyspace_->upkeep(worker, 2, Millis(1));
  };
  threads.emplace_back(tidy, 0);
  threads.emplace_back(tidy, 1);
  for (std::thread& thread : threads) thread.join();
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < kOfThread; ++i) {
      const int number = thread * kOfThread + i;
      const std::size_t bytes = sizes[thread][i];
      ASSERT_EQ(get(number), bytes == 0 ? std::string() : value_of(number, bytes));
    }
  }
}

}  // namespace
}  // namespace sojourn::server
