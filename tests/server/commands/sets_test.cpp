#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::AllOf;
using ::testing::IsSubsetOf;
using ::testing::SizeIs;

class SetCommands : public CommandTest {
 protected:
  using Names = std::set<std::string>;

  // Members member:0, member:1, ...; from some hundred on a set is a large one.
  Names add_many(const std::string& key, int from, int to) {
    std::vector<std::string> words{"SADD", key};
    for (int i = from; i < to; ++i) words.push_back("member:" + std::to_string(i));
    EXPECT_EQ(run_words(words), "(integer) " + std::to_string(to - from));
    return {words.begin() + 2, words.end()};
  }
  std::vector<std::string> list(const std::vector<std::string>& words) {
    const auto reply = client().ask(words);
    std::vector<std::string> texts;
    for (const auto& element : reply->elements) texts.push_back(element.text);
    return texts;
  }
  // No member twice.
  Names names(const std::vector<std::string>& words) {
    const auto texts = list(words);
    const Names names(texts.begin(), texts.end());
    EXPECT_EQ(names.size(), texts.size());
    return names;
  }
  Names members(const std::string& key) { return names({"SMEMBERS", key}); }
  Names scan(const std::string& key, const std::string& count) {
    Names seen;
    std::string cursor = "0";
    do {
      const auto reply = client().ask({"SSCAN", key, cursor, "COUNT", count});
      cursor = reply->elements[0].text;
      for (const auto& member : reply->elements[1].elements) seen.insert(member.text);
    } while (cursor != "0");
    return seen;
  }
};

TEST_F(SetCommands, ALargeSetHoldsWhatASmallOneHolds) {
  Names expected = add_many("s", 0, 3000);
  EXPECT_EQ(run("SADD s member:7 member:3000 member:3000"), "(integer) 1");
  expected.insert("member:3000");
  EXPECT_EQ(run("SCARD s"), "(integer) 3001");
  EXPECT_EQ(run("SREM s member:1 member:2 nothing member:1"), "(integer) 2");
  expected.erase("member:1");
  expected.erase("member:2");
  EXPECT_EQ(members("s"), expected);
  EXPECT_EQ(run("SISMEMBER s member:1"), "(integer) 0");
  EXPECT_EQ(run("SISMEMBER s member:2999"), "(integer) 1");
  EXPECT_EQ(scan("s", "10"), expected);
  restart();
  EXPECT_EQ(members("s"), expected);
  EXPECT_EQ(run("TYPE s"), "set");
}

TEST_F(SetCommands, AddingOneMemberToALargeSetWritesOneRow) {
  add_many("s", 0, 3000);
  ASSERT_TRUE(journal->flush());
  run("SADD s one-more");
  EXPECT_LT(journal->pending_bytes(), 200u);
  ASSERT_TRUE(journal->flush());
  EXPECT_EQ(run("SADD s one-more"), "(integer) 0");
  EXPECT_EQ(run("SREM s nothing"), "(integer) 0");
  EXPECT_EQ(journal->pending_bytes(), 0u);
}

TEST_F(SetCommands, AMemberTooLongForASmallSetMakesItLarge) {
  const std::string longest(100'000, 'x');
  run_words({"SADD", "s", longest});
  run("SADD s a");
  restart();
  EXPECT_EQ(members("s"), (Names{longest, "a"}));
  EXPECT_EQ(run_words({"SREM", "s", longest, "a"}), "(integer) 2");
  restart();
  EXPECT_EQ(run("EXISTS s"), "(integer) 0");
}

TEST_F(SetCommands, SpopTakesOutWhatItReturns) {
  for (const int size : {20, 3000}) {
    Names left = add_many("s", 0, size);
    for (const char* count : {"3", "15"}) {
      const Names popped = names({"SPOP", "s", count});
      EXPECT_THAT(popped, SizeIs(std::stoul(count)));
      for (const auto& member : popped) EXPECT_EQ(left.erase(member), 1u) << member;
    }
    EXPECT_EQ(left.erase(run("SPOP s")), 1u);
    EXPECT_EQ(members("s"), left);
    restart();
    EXPECT_EQ(members("s"), left);
    EXPECT_EQ(names({"SPOP", "s", "1000000"}), left);
    restart();
    EXPECT_EQ(run("EXISTS s"), "(integer) 0");
  }
}

TEST_F(SetCommands, SrandmemberLeavesTheSetAsItIs) {
  for (const int size : {20, 3000}) {
    run("DEL s");
    const Names all = add_many("s", 0, size);
    EXPECT_TRUE(all.contains(run("SRANDMEMBER s")));
    for (const char* count : {"2", "15"}) {
      EXPECT_THAT(names({"SRANDMEMBER", "s", count}),
                  AllOf(SizeIs(std::stoul(count)), IsSubsetOf(all)));
    }
    EXPECT_EQ(names({"SRANDMEMBER", "s", "1000000"}), all);
    const auto drawn = list({"SRANDMEMBER", "s", "-70"});
    EXPECT_THAT(drawn, SizeIs(70));
    for (const auto& member : drawn) EXPECT_TRUE(all.contains(member)) << member;
    EXPECT_EQ(run("SRANDMEMBER s -9223372036854775807"), "(error) ERR value is out of range");
    EXPECT_EQ(members("s"), all);
  }
}

TEST_F(SetCommands, AlgebraOverSmallAndLargeSets) {
  const Names all = add_many("all", 0, 3000);
  const Names some = add_many("some", 2990, 3010);
  Names both, either = all, first;
  std::set_intersection(all.begin(), all.end(), some.begin(), some.end(),
                        std::inserter(both, both.end()));
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(),
                      std::inserter(first, first.end()));
  either.insert(some.begin(), some.end());
  EXPECT_EQ(names({"SINTER", "all", "some"}), both);
  EXPECT_EQ(names({"SINTER", "some", "all", "all"}), both);
  EXPECT_EQ(run("SINTERCARD 2 all some"), "(integer) 10");
  EXPECT_EQ(run("SINTERCARD 2 some all LIMIT 4"), "(integer) 4");
  EXPECT_EQ(names({"SUNION", "some", "all", "nobody"}), either);
  EXPECT_EQ(names({"SDIFF", "all", "nobody", "some"}), first);

  EXPECT_EQ(run("SDIFFSTORE all all some"), "(integer) 2990");
  EXPECT_EQ(run("SUNIONSTORE either all some"), "(integer) 3010");
  EXPECT_EQ(run("SINTERSTORE both either some"), "(integer) 20");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(members("all"), first);
    EXPECT_EQ(members("either"), either);
    EXPECT_EQ(members("both"), some);
    restart();
  }
}

TEST_F(SetCommands, AStoredSetTakesThePlaceOfWhateverWasThere) {
  add_many("large", 0, 3000);
  run("SADD small a b");
  run("SET d v PX 5000");
  run("PEXPIRE d 6000");  // moved later: a row of its own
  EXPECT_EQ(run("SUNIONSTORE d large"), "(integer) 3000");
  EXPECT_EQ(run("TTL d"), "(integer) -1");
  EXPECT_EQ(run("SUNIONSTORE large small"), "(integer) 2");
  restart();
  advance(10s);
  EXPECT_EQ(run("SCARD d"), "(integer) 3000");
  EXPECT_EQ(members("large"), (Names{"a", "b"}));
  EXPECT_EQ(run("SINTERSTORE d small nobody"), "(integer) 0");
  restart();
  EXPECT_EQ(run("EXISTS d"), "(integer) 0");
}

TEST_F(SetCommands, SmoveIsBothOrNeither) {
  add_many("large", 0, 3000);
  EXPECT_EQ(run("SMOVE large small member:5"), "(integer) 1");
  EXPECT_EQ(run("SMOVE large small member:5"), "(integer) 0");
  EXPECT_EQ(run("SMOVE small large nothing"), "(integer) 0");
  restart();
  EXPECT_EQ(members("small"), Names{"member:5"});
  EXPECT_EQ(run("SISMEMBER large member:5"), "(integer) 0");
  EXPECT_EQ(run("SMOVE small large member:5"), "(integer) 1");
  restart();
  EXPECT_EQ(run("EXISTS small"), "(integer) 0");
  EXPECT_EQ(run("SCARD large"), "(integer) 3000");
}

TEST_F(SetCommands, MembersGoWithTheKeyWhereverItGoes) {
  const Names all = add_many("s", 0, 3000);
  EXPECT_EQ(run("RENAME s t"), "OK");
  EXPECT_EQ(run("COPY t u"), "(integer) 1");
  run("SADD u only-here");
  EXPECT_EQ(members("t"), all);
  EXPECT_EQ(run("SCARD u"), "(integer) 3001");
  EXPECT_EQ(run("MOVE u 1"), "(integer) 1");
  run("DEL t");
  restart();
  EXPECT_EQ(run("EXISTS s t u"), "(integer) 0");
  run("SELECT 1");
  EXPECT_EQ(run("SCARD u"), "(integer) 3001");
}

TEST_F(SetCommands, AnExpiredSetIsGone) {
  add_many("s", 0, 3000);
  run("PEXPIRE s 1000");
  run("SADD s more");
  EXPECT_EQ(run("PTTL s"), "(integer) 1000");
  advance(1001ms);
  EXPECT_EQ(run("SUNION s"), "(empty array)");
  EXPECT_EQ(run("SADD s fresh"), "(integer) 1");
  restart();
  EXPECT_EQ(members("s"), Names{"fresh"});
}

TEST_F(SetCommands, TheEncodingIsToldAgainAfterARestart) {
  add_many("table", 0, 129);
  run("SADD compact a 1");
  run("SADD integers 1 2");
  restart();
  EXPECT_EQ(run("OBJECT ENCODING table"), "hashtable");
  EXPECT_EQ(run("OBJECT ENCODING compact"), "listpack");
  EXPECT_EQ(run("OBJECT ENCODING integers"), "intset");
}

TEST_F(SetCommands, MemoryUsageGrowsWithTheMembers) {
  add_many("s", 0, 100);
  const auto small = client().ask({"MEMORY", "USAGE", "s"})->integer;
  EXPECT_GT(small, 1000);
  add_many("s", 100, 3000);
  EXPECT_GT(client().ask({"MEMORY", "USAGE", "s"})->integer, 30'000);
}

}  // namespace
}  // namespace sojourn::server
