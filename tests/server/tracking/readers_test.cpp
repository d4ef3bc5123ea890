#include "server/tracking/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Hashes spread over all stripes as those of real keys do.
TrackedName name(std::string_view text) {
  return {text, std::hash<std::string_view>{}(text)*0x9e3779b97f4a7c15};
}

bool nobody_is_gone(std::uint64_t) { return false; }

class ReadersTest : public ::testing::Test {
 protected:
  void add(std::string_view key, std::uint64_t connection) {
    readers.add(name(key), {connection, 0}, nobody_is_gone);
  }
  Readers readers;
};

TEST_F(ReadersTest, AreTakenOnce) {
  add("s:1", 7);
  add("s:1", 3);
  add("s:1", 7);
  EXPECT_EQ(readers.keys(), 1u);
  EXPECT_EQ(readers.items(), 2u);
  EXPECT_THAT(readers.take(name("s:2")), IsEmpty());
  EXPECT_THAT(readers.take(name("s:1")), ElementsAre(Reader{3, 0}, Reader{7, 0}));
  EXPECT_THAT(readers.take(name("s:1")), IsEmpty());
  EXPECT_EQ(readers.keys() + readers.items(), 0u);
}

TEST_F(ReadersTest, OfKeysWithOneHashAreKeptApart) {
  readers.add({"a", 5}, {1, 0}, nobody_is_gone);
  readers.add({"b", 5}, {2, 0}, nobody_is_gone);
  EXPECT_THAT(readers.take({"b", 5}), ElementsAre(Reader{2, 0}));
  EXPECT_THAT(readers.take({"a", 5}), ElementsAre(Reader{1, 0}));
}

TEST_F(ReadersTest, ThatAreGoneDoNotPileUp) {
  const auto older_is_gone = [&](std::uint64_t connection) { return connection + 10 < 1000; };
  for (std::uint64_t i = 0; i < 1000; ++i) readers.add(name("s:1"), {i, 0}, older_is_gone);
  EXPECT_LE(readers.items(), 64u);
  const std::size_t left = readers.take(name("s:1")).size();
  EXPECT_GE(left, 10u) << "those who are there stay";
  EXPECT_LE(left, 64u);
}

TEST_F(ReadersTest, OfSomeKeyCanBeTakenUntilNoneIsLeft) {
  std::set<std::string> keys;
  for (int i = 0; i < 500; ++i) {
    keys.insert("s:" + std::to_string(i));
    add("s:" + std::to_string(i), 1);
  }
  std::uint64_t seed = 0;
  while (const auto taken = readers.take_any(seed += 0x9e3779b97f4a7c15)) {
    EXPECT_EQ(keys.erase(taken->key), 1u);
    EXPECT_THAT(taken->readers, ElementsAre(Reader{1, 0}));
  }
  EXPECT_THAT(keys, IsEmpty());
  EXPECT_EQ(readers.keys(), 0u);
}

TEST_F(ReadersTest, AreAllForgottenAtOnce) {
  for (int i = 0; i < 500; ++i) add("s:" + std::to_string(i), 1);
  readers.clear();
  EXPECT_EQ(readers.keys() + readers.items(), 0u);
  EXPECT_FALSE(readers.take_any(0));
  EXPECT_THAT(readers.take(name("s:1")), IsEmpty());
}

}  // namespace
}  // namespace sojourn::server
