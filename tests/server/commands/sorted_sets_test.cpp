#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class SortedSetCommands : public CommandTest {
 protected:
  // Members m0, m1, ... whose scores are half their number; from some hundred on a set is large.
  void add_many(const std::string& key, int from, int to) {
    std::vector<std::string> words{"ZADD", key};
    for (int i = to - 1; i >= from; --i) {
      words.push_back(std::to_string(i / 2) + (i % 2 == 0 ? "" : ".5"));
      words.push_back("m" + std::to_string(i));
    }
    ASSERT_EQ(run_words(words), "(integer) " + std::to_string(to - from));
  }
  std::vector<std::string> list(const std::string& line) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t end = std::min(line.find(' ', at), line.size());
      words.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    std::vector<std::string> texts;
    const auto reply = client().ask(words);
    for (const auto& element : reply->elements) texts.push_back(element.text);
    return texts;
  }
  // What a set of these members shows from end to end.
  void expect_members(const std::string& key, int from, int to) {
    const auto shown = list("ZRANGE " + key + " 0 -1");
    ASSERT_THAT(shown, SizeIs(static_cast<std::size_t>(to - from)));
    for (int i = from; i < to; ++i) {
      EXPECT_EQ(shown[static_cast<std::size_t>(i - from)], "m" + std::to_string(i));
    }
  }
};

TEST_F(SortedSetCommands, ALargeSetAnswersAsASmallOne) {
  for (const int size : {100, 3000}) {
    run("DEL z");
    add_many("z", 0, size);
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(run("ZCARD z"), "(integer) " + std::to_string(size));
      EXPECT_EQ(run("ZSCORE z m7"), "3.5");
      EXPECT_EQ(run("ZRANK z m70"), "(integer) 70");
      EXPECT_EQ(run("ZREVRANK z m70"), "(integer) " + std::to_string(size - 71));
      EXPECT_EQ(run("ZCOUNT z (10 20"), "(integer) 20");
      EXPECT_THAT(list("ZRANGE z 10 12"), ElementsAre("m10", "m11", "m12"));
      EXPECT_THAT(list("ZRANGE z (10 11 BYSCORE"), ElementsAre("m21", "m22"));
      EXPECT_THAT(list("ZREVRANGEBYSCORE z 11 (10 LIMIT 1 5"), ElementsAre("m21"));
      EXPECT_THAT(list("ZRANGE z -inf +inf BYSCORE LIMIT 50 2"), ElementsAre("m50", "m51"));
      expect_members("z", 0, size);
      restart();
    }
  }
}

TEST_F(SortedSetCommands, AddingOneMemberToALargeSetWritesOneRow) {
  add_many("z", 0, 3000);
  ASSERT_TRUE(journal->flush());
  run("ZADD z 1.5 one-more");
  EXPECT_LT(journal->pending_bytes(), 200u);
  ASSERT_TRUE(journal->flush());
  EXPECT_EQ(run("ZADD z 1.5 one-more"), "(integer) 0");
  EXPECT_EQ(run("ZADD z NX 2 one-more"), "(integer) 0");
  EXPECT_EQ(journal->pending_bytes(), 0u);
}

TEST_F(SortedSetCommands, AScoreThatChangesTwiceInOneRequestIsTheLast) {
  add_many("z", 0, 3000);
  EXPECT_EQ(run("ZADD z CH 7777 m1 8888 m1 9999 m1"), "(integer) 3");
  EXPECT_EQ(run("ZINCRBY z 0.5 m1"), "9999.5");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(run("ZSCORE z m1"), "9999.5");
    EXPECT_THAT(list("ZREVRANGE z 0 0"), ElementsAre("m1"));
    EXPECT_EQ(run("ZCARD z"), "(integer) 3000");
    restart();
  }
}

TEST_F(SortedSetCommands, WhatIsTakenOutStaysOut) {
  for (const int size : {100, 3000}) {
    add_many("z", 0, size);
    EXPECT_THAT(list("ZPOPMIN z"), ElementsAre("m0", "0"));
    EXPECT_EQ(run("ZREMRANGEBYRANK z 0 1"), "(integer) 2");
    EXPECT_EQ(run("ZREMRANGEBYSCORE z -inf (3"), "(integer) 3");
    EXPECT_EQ(run("ZREM z m6 nothing"), "(integer) 1");
    EXPECT_THAT(list("ZPOPMAX z 2"), SizeIs(4));
    for (int round = 0; round < 2; ++round) {
      expect_members("z", 7, size - 2);
      restart();
    }
    EXPECT_EQ(run("ZREMRANGEBYRANK z 0 -1"), "(integer) " + std::to_string(size - 9));
    restart();
    EXPECT_EQ(run("EXISTS z"), "(integer) 0");
  }
}

TEST_F(SortedSetCommands, WordsOfALargeSetAreInOrder) {
  std::vector<std::string> words{"ZADD", "w"};
  for (int i = 1000; i < 4000; ++i) words.insert(words.end(), {"0", "w" + std::to_string(i)});
  run_words(words);
  EXPECT_EQ(run("ZLEXCOUNT w [w2000 (w2010"), "(integer) 10");
  EXPECT_THAT(list("ZRANGEBYLEX w (w3998 +"), ElementsAre("w3999"));
  EXPECT_THAT(list("ZRANGE w [w1500 - BYLEX REV LIMIT 0 2"), ElementsAre("w1500", "w1499"));
  EXPECT_EQ(run("ZREMRANGEBYLEX w - [w1999"), "(integer) 1000");
  restart();
  EXPECT_THAT(list("ZRANGE w 0 0"), ElementsAre("w2000"));
}

TEST_F(SortedSetCommands, AStoredSetTakesThePlaceOfWhateverWasThere) {
  add_many("a", 0, 3000);
  add_many("b", 2000, 2010);
  run("SET d v PX 5000");
  run("PEXPIRE d 6000");
  EXPECT_EQ(run("ZUNIONSTORE d 2 a b WEIGHTS 1 10000"), "(integer) 3000");
  EXPECT_EQ(run("TTL d"), "(integer) -1");
  EXPECT_EQ(run("ZINTERSTORE i 2 a b"), "(integer) 10");
  EXPECT_EQ(run("ZDIFFSTORE a 2 a b"), "(integer) 2990");
  EXPECT_EQ(run("ZRANGESTORE b a 0 4"), "(integer) 5");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(run("ZSCORE d m2000"), "10001000");
    EXPECT_EQ(run("ZSCORE i m2001"), "2001");
    EXPECT_EQ(run("ZRANK d m2000"), "(integer) 2990");
    EXPECT_EQ(run("ZCARD a"), "(integer) 2990");
    expect_members("b", 0, 5);
    restart();
  }
  EXPECT_EQ(run("ZRANGESTORE d a 5 1"), "(integer) 0");
  restart();
  EXPECT_EQ(run("EXISTS d"), "(integer) 0");
}

TEST_F(SortedSetCommands, MembersGoWithTheKeyWhereverItGoes) {
  add_many("z", 0, 3000);
  run("RENAME z y");
  EXPECT_EQ(run("COPY y x"), "(integer) 1");
  run("ZADD x 5 only-here");
  run("ZREM y m0");
  restart();
  expect_members("y", 1, 3000);
  EXPECT_EQ(run("ZCARD x"), "(integer) 3001");
  EXPECT_EQ(run("ZRANK x m0"), "(integer) 0");
  run("DEL x y");
  EXPECT_EQ(run("DBSIZE"), "(integer) 0");
  upkeep();
}

TEST_F(SortedSetCommands, ZrandmemberAndZscanTellScores) {
  add_many("z", 0, 3000);
  for (const char* count : {"5", "-5"}) {
    const auto drawn = list("ZRANDMEMBER z " + std::string(count) + " WITHSCORES");
    ASSERT_THAT(drawn, SizeIs(10));
    for (std::size_t i = 0; i < drawn.size(); i += 2) {
      EXPECT_EQ(run("ZSCORE z " + drawn[i]), drawn[i + 1]);
    }
  }
  std::map<std::string, std::string> seen;
  std::string cursor = "0";
  do {
    const auto reply = client().ask({"ZSCAN", "z", cursor, "COUNT", "100"});
    cursor = reply->elements[0].text;
    const auto& pairs = reply->elements[1].elements;
    for (std::size_t i = 0; i < pairs.size(); i += 2) seen[pairs[i].text] = pairs[i + 1].text;
  } while (cursor != "0");
  EXPECT_EQ(seen.size(), 3000u);
  EXPECT_EQ(seen["m7"], "3.5");
}

TEST_F(SortedSetCommands, NegativeZeroIsKeptWhereRedisKeepsIt) {
  run("ZADD small -0 a");
  EXPECT_EQ(run("ZSCORE small a"), "0");
  add_many("large", 0, 3000);
  run("ZADD large -0 a");
  EXPECT_EQ(run("ZSCORE large a"), "-0");
  EXPECT_EQ(run("ZADD large CH 0 a"), "(integer) 0");
}

TEST_F(SortedSetCommands, MemoryUsageCountsTheOrder) {
  add_many("z", 0, 3000);
  EXPECT_GT(client().ask({"MEMORY", "USAGE", "z"})->integer, 3000 * (16 + 10));
}

}  // namespace
}  // namespace sojourn::server
