// Keys made to meet in one bucket: row S16 of the security record.

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "tests/server/cache/keyspace_fixture.h"

namespace sojourn::server {
namespace {

constexpr std::uint64_t kOneHash = 0x123456789abcdef0;

class HashFlooding : public KeyspaceTest {
 protected:
  void SetUp() override {
    KeyspaceTest::SetUp();
    wait_until_warm();
  }
  // As if somebody had learnt the secret and found keys of one hash under it.
  Key colliding(const std::string& name) const {
    Key key = keyspace_->key(0, name);
    key.hash = kOneHash;
    return key;
  }
  template <class Act>
  auto with(const Key& key, Act act) {
    Transaction tx(*keyspace_, {&key, 1}, clock_.now());
    return act(tx);
  }
  void put(const Key& key) {
    with(key, [&](Transaction& tx) { tx.put_string(key, key.name, kNever); });
  }
  bool there(const Key& key) {
    return with(key, [&](Transaction& tx) {
      const Entry* const entry = tx.find(key);
      return entry != nullptr && entry->string() == key.name;
    });
  }
  std::vector<std::string> names(const std::string& prefix, int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) all.push_back(prefix + std::to_string(i));
    return all;
  }
};

TEST_F(HashFlooding, LosesNoKeyWhenTheShardTakesASecretOfItsOwn) {
  const auto all = names("k", 5000);
  for (const std::string& name : all) {
    put(colliding(name));
    ASSERT_TRUE(there(colliding(name))) << name;
    ASSERT_TRUE(there(colliding(all.front()))) << name;
  }
  for (const std::string& name : all) ASSERT_TRUE(there(colliding(name))) << name;
  EXPECT_EQ(keyspace_->size(0), all.size());

  std::size_t scanned = 0;
  std::uint64_t cursor = 0;
  do {
    cursor = keyspace_->scan(0, cursor, 1000, [&](const Entry&) { ++scanned; }).value();
  } while (cursor != 0);
  EXPECT_GE(scanned, all.size());

  for (const std::string& name : all) {
    const Key key = colliding(name);
    ASSERT_TRUE(with(key, [&](Transaction& tx) { return tx.erase(key); })) << name;
  }
  EXPECT_EQ(keyspace_->size(0), 0u);
}

TEST_F(HashFlooding, MakesNoLookUpMuchDearer) {
  const auto time_of = [&](const std::vector<std::string>& all, bool collide) {
    const auto began = std::chrono::steady_clock::now();
    for (const std::string& name : all) put(collide ? colliding(name) : keyspace_->key(0, name));
    for (const std::string& name : all) {
      EXPECT_TRUE(there(collide ? colliding(name) : keyspace_->key(0, name)));
    }
    return std::chrono::steady_clock::now() - began;
  };
  constexpr int kKeys = 40'000;
  const auto scattered = time_of(names("a", kKeys), false);
  const auto collided = time_of(names("b", kKeys), true);
  // In one chain each look-up would pass thousands of buckets: a hundred times as dear.
  EXPECT_LT(collided, 10 * scattered);
}

}  // namespace
}  // namespace sojourn::server
