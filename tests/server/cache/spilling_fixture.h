#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/cache/keyspace_fixture.h"
#include "tests/support/faulty_store.h"
#include "tests/support/wait_for.h"

namespace sojourn::server {

inline std::string name_of(int i) { return "session:" + std::to_string(i); }
inline std::string value_of(int i) { return std::to_string(i) + std::string(500, 'v'); }

// Values that leave RAM and come back (maxmemory-policy spill).
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
    return tx.lacks({&k, 1}, Need::value);
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
      return in_use() <= limit || keyspace_->room() == Keyspace::Room::none;
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
        if (!tx.lacks({&k, 1}, Need::value)) {
          const Entry* const entry = tx.find(k);
          return entry == nullptr ? "(nil)" : std::string(entry->string());
        }
      }
      if (const std::string why = bring_back({k}); !why.empty()) return "(error) " + why;
    }
  }

  FaultyStore faulty_{store_};
};

}  // namespace sojourn::server
