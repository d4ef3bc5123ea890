#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/cache/hash_view.h"
#include "server/cache/keyspace.h"
#include "server/store/memory_store.h"
#include "tests/support/manual_clock.h"

namespace sojourn::server {

using namespace std::chrono_literals;

// A keyspace over a store that outlives it: restart() is what a new process would see after
// everything was written.
class KeyspaceTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override { stop(); }

  virtual Store& store() { return store_; }

  void start() {
    auto journal = Journal::open(store(), journal_options_, log_);
    ASSERT_TRUE(journal) << journal.error().detail;
    journal_ = std::move(*journal);
    auto keyspace = Keyspace::open({}, clock_, *journal_, &store(), log_);
    ASSERT_TRUE(keyspace) << keyspace.error().detail;
    keyspace_ = std::move(*keyspace);
  }
  void stop() {
    keyspace_.reset();
    journal_.reset();
  }
  void restart() {
    stop();
    start();
  }
  void wait_until_warm() {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!keyspace_->warm() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    ASSERT_TRUE(keyspace_->warm());
  }
  void advance(Millis by) { clock_.advance(by); }
  Time in(Millis by) const { return clock_.now() + by; }
  void upkeep() {
    while (keyspace_->upkeep(0, 1, 1000ms)) {
    }
  }

  Key key(std::string_view name, std::uint16_t database = 0) {
    const Key key = keyspace_->key(database, name);
    resolve(key);
    return key;
  }
  void resolve(const Key& key) {
    for (;;) {
      auto ready = std::make_shared<std::atomic<int>>(0);
      if (keyspace_->resolve({&key, 1}, [ready](std::optional<Error> error) {
            *ready = error ? 2 : 1;
          }) == Keyspace::Resolved::known) {
        return;
      }
      while (*ready == 0) std::this_thread::yield();
      ASSERT_EQ(*ready, 1) << "a key cannot be read";
    }
  }

  void put(std::string_view name, std::string_view value, Time deadline = kNever,
           std::uint16_t database = 0) {
    const Key k = key(name, database);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    tx.put_string(k, value, deadline);
  }
  std::string get(std::string_view name, std::uint16_t database = 0) {
    const Key k = key(name, database);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    const Entry* const entry = tx.find(k);
    return entry == nullptr ? "(nil)" : std::string(entry->string());
  }
  bool erase(std::string_view name) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.erase(k);
  }
  void set_deadline(std::string_view name, Time deadline) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    tx.set_deadline(k, deadline);
  }
  std::optional<Time> deadline(std::string_view name) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    const Entry* const entry = tx.peek(k);
    return entry == nullptr ? std::nullopt : std::optional(entry->deadline());
  }
  bool put_field(std::string_view name, std::string_view field, std::string_view value) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.put_field(k, field, value);
  }
  bool erase_field(std::string_view name, std::string_view field) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.erase_field(k, field);
  }
  std::string get_field(std::string_view name, std::string_view field) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    const Entry* const entry = tx.find(k);
    if (entry == nullptr) return "(nil)";
    return std::string(HashView(*entry).get(field).value_or("(nil)"));
  }
  void set_field_deadline(std::string_view name, std::string_view field, Time deadline) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    ASSERT_NE(tx.peek(k), nullptr);
    tx.set_field_deadline(k, field, deadline);
  }
  // kNever also for a field that is not there.
  Time field_deadline(std::string_view name, std::string_view field) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    const Entry* const entry = tx.find(k);
    return entry == nullptr ? kNever : HashView(*entry).deadline(field);
  }
  std::size_t fields(std::string_view name) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    const Entry* const entry = tx.find(k);
    return entry == nullptr ? 0 : HashView(*entry).size();
  }
  std::optional<std::string> random_key() {
    std::uint64_t cursor = Keyspace::random_cursor();
    for (int rounds = 0; rounds < 2; rounds += cursor == 0 ? 1 : 0) {
      std::optional<std::string> name;
      if (keyspace_->random_key(0, cursor, name) && name) return name;
    }
    return std::nullopt;
  }
  std::size_t rows(Column column) {
    std::size_t count = 0;
    auto walk = store().walk(column);
    for ((*walk)->seek({}); (*walk)->valid(); (*walk)->next()) ++count;
    return count;
  }

  Log log_{2, LogLevel::warning};
  ManualClock clock_;
  MemoryStore store_;
  Journal::Options journal_options_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Keyspace> keyspace_;
};

}  // namespace sojourn::server
