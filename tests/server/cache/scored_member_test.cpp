#include "server/cache/scored_member.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>

#include "server/cache/large_hash.h"
#include "server/cache/packed_hash.h"

namespace sojourn::server {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Score, ComesBackFromItsBytes) {
  for (const double score : {0.0, -0.0, 1.5, -1e300, 5e-324, kInfinity, -kInfinity}) {
    const ScoreBytes bytes = encode_score(score);
    const auto read = read_score(view(bytes));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, score);
    EXPECT_EQ(std::signbit(*read), std::signbit(score));
  }
}

TEST(Score, WhatIsNoneIsRefused) {
  EXPECT_FALSE(read_score(""));
  EXPECT_FALSE(read_score("1234567"));
  EXPECT_FALSE(read_score("123456789"));
  EXPECT_FALSE(read_score(view(encode_score(std::nan("")))));
}

TEST(PackedScores, StandInOrderWhateverComesFirst) {
  std::mt19937 random(1);
  std::string packed;
  std::set<ScoredMember> model;
  std::set<std::string> names;
  for (int step = 0; step < 2000; ++step) {
    const auto& name = *names.insert("m" + std::to_string(random() % 40)).first;
    const double score = static_cast<double>(random() % 10) - 5;
    const bool there = std::erase_if(model, [&](const auto& m) { return m.member == name; }) > 0;
    auto [bytes, replaced] = packed_scores::with(packed, {score, name});
    EXPECT_EQ(replaced, there);
    packed = bytes;
    model.insert({score, name});
    ASSERT_TRUE(packed_hash::well_formed(packed));
    ASSERT_TRUE(packed_scores::well_formed(packed));
    ASSERT_EQ(packed_hash::size(packed), model.size());
  }
  packed_hash::Reader reader(packed);
  for (const ScoredMember& member : model) {
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.name(), member.member);
    EXPECT_EQ(decode_score(reader.value()), member.score);
  }
}

TEST(PackedScores, OutOfOrderTheyAreNone) {
  std::string packed;
  packed_hash::append(packed, "b", view(encode_score(1)));
  packed_hash::append(packed, "a", view(encode_score(1)));
  EXPECT_FALSE(packed_scores::well_formed(packed));
  std::string text;
  packed_hash::append(text, "a", "1");
  EXPECT_FALSE(packed_scores::well_formed(text));
}

TEST(LargeHashByScore, IsInOrderThroughChanges) {
  std::mt19937 random(2);
  LargeHash hash(1, LargeHash::Order::by_score);
  std::set<std::string> names;
  std::set<ScoredMember> model;
  for (int step = 0; step < 30'000; ++step) {
    const auto& name = *names.insert("m" + std::to_string(random() % 6'000)).first;
    const auto old = hash.get(name);
    if (old) model.erase({decode_score(*old), name});
    if (step % 5 == 0) {
      EXPECT_EQ(hash.erase(name), old.has_value());
    } else {
      const double score = static_cast<double>(random() % 500);
      hash.put(name, view(encode_score(score)));
      model.insert({score, name});
    }
  }
  ASSERT_EQ(hash.size(), model.size());
  auto expected = model.begin();
  hash.visit_in_order(0, hash.size(), false, [&](const ScoredMember& member) {
    EXPECT_EQ(member.member, expected->member);
    EXPECT_EQ(member.score, expected->score);
    ++expected;
  });
  EXPECT_EQ(expected, model.end());
  const ScoredMember bound{250, "m3"};
  EXPECT_EQ(hash.count_before([&](const ScoredMember& member) { return member < bound; }),
            static_cast<std::size_t>(std::distance(model.begin(), model.lower_bound(bound))));
  while (!hash.drain(500)) {
  }
  EXPECT_EQ(hash.bytes(), 0u);
}

}  // namespace
}  // namespace sojourn::server
