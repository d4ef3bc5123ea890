// The memtable of sorted runs, as RocksDB uses it: against a model, and against readers while rows
// come in.
#include "server/store/rocks_memtable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using Model = std::map<std::string, std::string>;

class SortedRuns : public ::testing::Test {
 protected:
  SortedRuns() {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.memtable_factory = std::make_shared<SortedRunsFactory>(pool);
    options.allow_concurrent_memtable_write = false;
    options.write_buffer_size = 256u * 1024 * 1024;
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, home / "db", &opened);
    EXPECT_TRUE(status.ok()) << status.ToString();
    database.reset(opened);
  }

  void put(const std::string& key, const std::string& value) {
    ASSERT_TRUE(database->Put({}, key, value).ok());
  }
  void erase(const std::string& key) { ASSERT_TRUE(database->Delete({}, key).ok()); }
  std::string get(const std::string& key) {
    std::string value;
    return database->Get({}, key, &value).ok() ? value : "(none)";
  }
  std::unique_ptr<rocksdb::Iterator> walk() {
    return std::unique_ptr<rocksdb::Iterator>(database->NewIterator({}));
  }
  Model forwards() {
    Model rows;
    const auto at = walk();
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      rows.emplace_hint(rows.end(), at->key().ToString(), at->value().ToString());
    }
    EXPECT_TRUE(at->status().ok());
    return rows;
  }
  std::vector<std::string> backwards() {
    std::vector<std::string> keys;
    const auto at = walk();
    for (at->SeekToLast(); at->Valid(); at->Prev()) keys.push_back(at->key().ToString());
    return keys;
  }
  void flush() { ASSERT_TRUE(database->Flush({}).ok()); }

  const std::shared_ptr<ChunkPool> pool = std::make_shared<ChunkPool>(2 * ChunkPool::kChunk);
  TemporaryDirectory home;
  std::unique_ptr<rocksdb::DB> database;
};

// Keys that are alike for long, of every length, with every byte.
std::string random_key(std::mt19937_64& random, std::size_t different) {
  const std::uint64_t number = random() % different;
  std::string key = number % 3 == 0 ? "session:of:a:user:" : "session:";
  std::mt19937_64 of_this_key(number);
  const std::size_t length = of_this_key() % 24;
  for (std::size_t i = 0; i < length; ++i) key += static_cast<char>(of_this_key() % 4 * 85);
  return key;
}

TEST_F(SortedRuns, HasNothingAtFirst) {
  EXPECT_EQ(get("a"), "(none)");
  EXPECT_TRUE(forwards().empty());
  EXPECT_TRUE(backwards().empty());
  flush();
}

TEST_F(SortedRuns, PutsKeysInTheOrderOfTheirBytes) {
  using namespace std::string_literals;
  const std::vector<std::string> keys = {"",          "\0"s,    "a",       "a\0"s,
                                         "a\0\0"s,    "a\x01"s, "aaaaaaa", "aaaaaaaa",
                                         "aaaaaaaab", "a\xff"s, "b",       "\xff"s};
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) put(*key, "v");
  std::vector<std::string> found;
  for (const auto& [key, value] : forwards()) found.push_back(key);
  EXPECT_EQ(found, keys);
  EXPECT_EQ(backwards(), (std::vector<std::string>(keys.rbegin(), keys.rend())));
}

TEST_F(SortedRuns, KnowsTheNewestOfManyVersions) {
  for (int i = 0; i < 5'000; ++i) put("a", std::to_string(i));
  put("b", "x");
  erase("b");
  EXPECT_EQ(get("a"), "4999");
  EXPECT_EQ(forwards(), (Model{{"a", "4999"}}));
  flush();
  EXPECT_EQ(forwards(), (Model{{"a", "4999"}}));
}

TEST_F(SortedRuns, FindsTheNearestKeyInBothDirections) {
  // More than one run, and one that is still being filled.
  for (int i = 0; i < 3'000; ++i) put("k" + std::to_string(10'000 + i * 2), "v");
  const auto at = walk();
  const auto seek = [&](const std::string& key) {
    at->Seek(key);
    return at->Valid() ? at->key().ToString() : "(none)";
  };
  const auto seek_for_prev = [&](const std::string& key) {
    at->SeekForPrev(key);
    return at->Valid() ? at->key().ToString() : "(none)";
  };
  EXPECT_EQ(seek("k10001"), "k10002");
  EXPECT_EQ(seek("k10002"), "k10002");
  at->Prev();
  EXPECT_EQ(at->key().ToString(), "k10000");
  at->Next();
  EXPECT_EQ(at->key().ToString(), "k10002");
  EXPECT_EQ(seek("z"), "(none)");
  EXPECT_EQ(seek_for_prev("z"), "k15998");
  EXPECT_EQ(seek_for_prev("k12001"), "k12000");
  EXPECT_EQ(seek_for_prev("k12000"), "k12000");
  EXPECT_EQ(seek_for_prev("a"), "(none)");
}

TEST_F(SortedRuns, HoldsWhatAModelHolds) {
  std::mt19937_64 random(1);
  Model model;
  for (int i = 0; i < 40'000; ++i) {
    const std::string key = random_key(random, 9'000);
    if (random() % 5 == 0) {
      erase(key);
      model.erase(key);
    } else {
      const std::string value(random() % 100, static_cast<char>('a' + i % 26));
      put(key, value);
      model[key] = value;
    }
    if (i % 20'000 == 15'000) {
      EXPECT_EQ(forwards(), model);
      flush();
    }
    if (i % 16 == 0) {
      const std::string other = random_key(random, 9'000);
      const auto expected = model.find(other);
      ASSERT_EQ(get(other), expected == model.end() ? "(none)" : expected->second);
    }
  }
  EXPECT_EQ(forwards(), model);
  const auto reversed = backwards();
  ASSERT_EQ(reversed.size(), model.size());
  EXPECT_TRUE(std::equal(reversed.rbegin(), reversed.rend(), model.begin(),
                         [](const std::string& key, const auto& row) { return key == row.first; }));
  flush();
  EXPECT_EQ(forwards(), model);
}

TEST_F(SortedRuns, HoldsRowsLargerThanAChunk) {
  const std::string large(3 * ChunkPool::kChunk, 'l');
  put("a", "small");
  put("b", large);
  put("c", "small");
  EXPECT_EQ(get("b"), large);
  flush();
  EXPECT_EQ(forwards(), (Model{{"a", "small"}, {"b", large}, {"c", "small"}}));
}

// RocksDB ends a walk in place and frees nothing: the memtable takes its memory back.
TEST_F(SortedRuns, WalksAsOftenAsOneLikes) {
  for (int i = 0; i < 2'000; ++i) put(std::to_string(i), "v");
  std::vector<std::unique_ptr<rocksdb::Iterator>> at_once;
  for (int time = 0; time < 50; ++time) {
    for (int i = 0; i < 10; ++i) at_once.push_back(walk());
    for (const auto& at : at_once) {
      at->Seek("1999");
      EXPECT_EQ(at->key().ToString(), "1999");
    }
    at_once.clear();
  }
  // One that outlives its memtable.
  const auto at = walk();
  at->SeekToFirst();
  flush();
  std::size_t rows = 0;
  for (; at->Valid(); at->Next()) ++rows;
  EXPECT_EQ(rows, 2'000u);
}

TEST_F(SortedRuns, IsReadWhileRowsComeIn) {
  constexpr int kRows = 30'000;
  const auto name = [](int i) { return "k" + std::to_string(i * 7919 % kRows); };
  std::atomic<int> there{0};
  std::thread writer([&] {
    for (int i = 0; i < kRows; ++i) {
      put(name(i), std::to_string(i));
      there.store(i + 1, std::memory_order_release);
    }
  });
  std::mt19937_64 random(3);
  while (there.load(std::memory_order_acquire) < kRows) {
    const int before = there.load(std::memory_order_acquire);
    if (before == 0) continue;
    const int i = static_cast<int>(random() % static_cast<std::uint64_t>(before));
    EXPECT_EQ(get(name(i)), std::to_string(i));
    if (random() % 64 == 0) {
      EXPECT_GE(forwards().size(), static_cast<std::size_t>(before));
    }
  }
  writer.join();
  EXPECT_EQ(forwards().size(), static_cast<std::size_t>(kRows));
}

TEST_F(SortedRuns, GivesItsMemoryBackToThePool) {
  const std::string value(10'000, 'v');
  for (int i = 0; i < 2'000; ++i) put(std::to_string(i), value);
  EXPECT_GE(pool->bytes(), 20'000'000u);
  flush();
  // What the pool keeps is left, once RocksDB's thread has freed the memtable.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (pool->bytes() > 2 * ChunkPool::kChunk && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool->bytes(), 2 * ChunkPool::kChunk);
}

TEST(ChunkPool, KeepsAsMuchAsItMay) {
  ChunkPool pool(2 * ChunkPool::kChunk);
  std::vector<char*> chunks;
  for (int i = 0; i < 4; ++i) chunks.push_back(pool.take());
  EXPECT_EQ(pool.bytes(), 4 * ChunkPool::kChunk);
  EXPECT_EQ(pool.used_bytes(), 4 * ChunkPool::kChunk);
  for (char* chunk : chunks) pool.give_back(chunk);
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(pool.bytes(), 2 * ChunkPool::kChunk);
  // The first two are those that it kept.
  std::vector<char*> again = {pool.take(), pool.take()};
  EXPECT_THAT(again, ElementsAre(chunks[1], chunks[0]));
  EXPECT_EQ(pool.bytes(), 2 * ChunkPool::kChunk);
  for (char* chunk : again) pool.give_back(chunk);
}

}  // namespace
}  // namespace sojourn::server
