// Deadlines of hash fields where time, events or other commands matter; replies and errors:
// tests/transcripts/field_deadlines.txt, timed_fields.txt.

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FieldDeadlineCommands : public CommandTest {
 protected:
  FieldDeadlineCommands() { listener.run("PSUBSCRIBE __keyspace*"); }

  void want(const std::string& classes) {
    ASSERT_EQ(run_words({"CONFIG", "SET", "notify-keyspace-events", classes}), "OK");
  }
  // What was told of keys: "h hexpire".
  std::vector<std::string> told() {
    std::vector<std::string> all;
    for (const std::string& message : listener.messages()) {
      const std::size_t key = message.find("__:") + 3;
      const std::size_t payload = message.find("4) \"") + 4;
      all.push_back(message.substr(key, message.find('"', key) - key) + " " +
                    message.substr(payload, message.find('"', payload) - payload));
    }
    return all;
  }
  std::vector<std::string> told_of(const std::string& line) {
    run(line);
    return told();
  }
  std::int64_t expired_fields() {
    const std::string info = client().ask({"INFO", "stats"})->text;
    return std::stoll(info.substr(info.find("expired_subkeys:") + 16));
  }

  Client& listener = connect();
};

TEST_F(FieldDeadlineCommands, TellWhatBecomesOfTheHash) {
  want("KAn");
  EXPECT_THAT(told_of("HSET h a 1 b 2 c 3"), ElementsAre("h new", "h hset"));
  EXPECT_THAT(told_of("HEXPIRE h 100 FIELDS 2 a b"), ElementsAre("h hexpire"));
  EXPECT_THAT(told_of("HEXPIRE h 100 NX FIELDS 1 a"), IsEmpty());
  EXPECT_THAT(told_of("HEXPIRE h 100 FIELDS 1 none"), IsEmpty());
  EXPECT_THAT(told_of("HPERSIST h FIELDS 1 a"), ElementsAre("h hpersist"));
  EXPECT_THAT(told_of("HPERSIST h FIELDS 1 a"), IsEmpty());
  EXPECT_THAT(told_of("HEXPIREAT h 1 FIELDS 1 a"), ElementsAre("h hdel"));
  EXPECT_THAT(told_of("HPEXPIRE h 0 FIELDS 2 b c"), ElementsAre("h hdel", "h del"));
  EXPECT_THAT(told_of("HSETEX h EX 100 FIELDS 2 a 1 b 2"),
              ElementsAre("h new", "h hset", "h hexpire"));
  EXPECT_THAT(told_of("HSETEX h FIELDS 1 a 1"), ElementsAre("h hset"));
  EXPECT_THAT(told_of("HSETEX h KEEPTTL FIELDS 1 b 1"), ElementsAre("h hset"));
  EXPECT_THAT(told_of("HSETEX h FNX FIELDS 1 b 1"), IsEmpty());
  EXPECT_THAT(told_of("HSETEX h PXAT 1 FIELDS 1 c 1"), ElementsAre("h hset", "h hdel"));
  EXPECT_THAT(told_of("HSETEX k PXAT 1 FIELDS 2 a 1 b 2"),
              ElementsAre("k new", "k hset", "k hdel", "k del"));
  EXPECT_THAT(told_of("HGETEX h FIELDS 1 a"), IsEmpty());
  EXPECT_THAT(told_of("HGETEX h EX 100 FIELDS 2 a none"), ElementsAre("h hexpire"));
  EXPECT_THAT(told_of("HGETEX h PERSIST FIELDS 1 a"), ElementsAre("h hpersist"));
  EXPECT_THAT(told_of("HGETEX h PERSIST FIELDS 1 a"), IsEmpty());
  EXPECT_THAT(told_of("HGETEX h PXAT 1 FIELDS 1 a"), ElementsAre("h hdel"));
  EXPECT_THAT(told_of("HGETDEL h FIELDS 1 none"), IsEmpty());
  EXPECT_THAT(told_of("HGETDEL h FIELDS 1 b"), ElementsAre("h hdel", "h del"));
}

TEST_F(FieldDeadlineCommands, TellWhatExpiresWithin100MsByItself) {
  want("KA");
  run("HSET h a 1 b 2");
  run("HPEXPIRE h 1000 FIELDS 1 a");
  run("HPEXPIRE h 3000 FIELDS 1 b");
  told();
  advance(999ms);
  upkeep();
  EXPECT_THAT(told(), IsEmpty());
  advance(1ms + 64ms);
  upkeep();
  EXPECT_THAT(told(), ElementsAre("h hexpired"));
  advance(2000ms);
  upkeep();
  EXPECT_THAT(told(), ElementsAre("h hexpired", "h del"));
  EXPECT_EQ(expired_fields(), 2);
}

TEST_F(FieldDeadlineCommands, TellWhatExpiresWhenItIsTouched) {
  want("KA");
  run("HSET h a 1 b 2");
  run("HPEXPIRE h 1000 FIELDS 1 a");
  run("HPEXPIRE h 2000 FIELDS 1 b");
  told();
  advance(1000ms);
  EXPECT_THAT(told_of("HGET h b"), ElementsAre("h hexpired"));
  EXPECT_THAT(told_of("HGET h b"), IsEmpty()) << "only once";
  advance(1000ms);
  EXPECT_THAT(told_of("EXISTS h"), ElementsAre("h hexpired", "h del"));
  upkeep();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(expired_fields(), 2);
  run("CONFIG RESETSTAT");
  EXPECT_EQ(expired_fields(), 0);
}

TEST_F(FieldDeadlineCommands, EndFieldsOfVeryManyHashesInTime) {
  want("KA");
  for (int i = 0; i < 5000; ++i) run("HSETEX h" + std::to_string(i) + " PX 1000 FIELDS 1 f v");
  told();
  advance(1064ms);
  upkeep();
  EXPECT_EQ(told().size(), 10'000u);
  EXPECT_EQ(run("DBSIZE"), "(integer) 0");
}

TEST_F(FieldDeadlineCommands, AreChangesToWhoWatches) {
  Client& other = connect();
  run("HSET h a 1 b 2");
  run("WATCH h");
  other.run("HEXPIRE h 100 FIELDS 1 a");
  run("MULTI");
  run("HGET h a");
  EXPECT_EQ(run("EXEC"), "(nil)");
  run("HPEXPIRE h 50 FIELDS 1 a");
  run("WATCH h");
  advance(50ms);
  run("MULTI");
  run("HGET h a");
  EXPECT_EQ(run("EXEC"), "(nil)") << "it expired";
}

TEST_F(FieldDeadlineCommands, AreAllOrNothingInATransaction) {
  EXPECT_EQ(run("MULTI"), "OK");
  run("HSET h a 1 b 2");
  run("HPEXPIRE h 1000 FIELDS 2 a b");
  run("HPERSIST h FIELDS 1 b");
  run("HGETDEL h FIELDS 1 none");
  run("HTTL h FIELDS 2 a b");
  EXPECT_THAT(run("EXEC"), HasSubstr("5) 1) (integer) 1\n   2) (integer) -1"));
  restart();
  EXPECT_EQ(run("HPTTL h FIELDS 2 a b"), "1) (integer) 1000\n2) (integer) -1");
}

TEST_F(FieldDeadlineCommands, CountInMemoryUsageAndInTheDigest) {
  configure("enable-debug-command yes");
  run("HSET h a 1 b 2");
  const std::string plain = run("DEBUG DIGEST-VALUE h");
  const auto bytes = client().ask({"MEMORY", "USAGE", "h"})->integer;
  run("HPEXPIRE h 1000 FIELDS 2 a b");
  EXPECT_GT(client().ask({"MEMORY", "USAGE", "h"})->integer, bytes);
  EXPECT_NE(run("DEBUG DIGEST-VALUE h"), plain);
  run("HPERSIST h FIELDS 2 a b");
  EXPECT_EQ(run("DEBUG DIGEST-VALUE h"), plain);
  for (int i = 0; i < 2000; ++i) run("HSET H f" + std::to_string(i) + " v");
  const auto large = client().ask({"MEMORY", "USAGE", "H"})->integer;
  for (int i = 0; i < 2000; ++i) run("HPEXPIRE H 1000 FIELDS 1 f" + std::to_string(i));
  EXPECT_GE(client().ask({"MEMORY", "USAGE", "H"})->integer, large + 2000 * 24);
}

TEST_F(FieldDeadlineCommands, LeaveNoTraceOfExpiredFieldsInTheDigestOfAllData) {
  configure("enable-debug-command yes");
  run("HSET h a 1");
  const std::string without = run("DEBUG DIGEST");
  run("HSETEX h PX 1000 FIELDS 1 b 2");
  run("HSETEX k PX 1000 FIELDS 1 b 2");
  EXPECT_NE(run("DEBUG DIGEST"), without);
  advance(1000ms);
  EXPECT_EQ(run("DEBUG DIGEST"), without);
  EXPECT_EQ(run("SCAN 0"), "1) \"0\"\n2) 1) \"h\"");
}

// Of large hashes what is due is hidden until upkeep has removed it.
TEST_F(FieldDeadlineCommands, HideFieldsOfLargeHashesFromEveryCommand) {
  for (int i = 0; i < 2000; ++i) run("HSET h f" + std::to_string(i) + " 1");
  for (int i = 0; i < 1998; ++i) run("HPEXPIRE h 1000 FIELDS 1 f" + std::to_string(i));
  advance(1000ms);
  EXPECT_EQ(run("HLEN h"), "(integer) 2");
  EXPECT_EQ(run("HGET h f7"), "(nil)");
  EXPECT_EQ(run("HEXISTS h f7"), "(integer) 0");
  EXPECT_EQ(run("HSTRLEN h f7"), "(integer) 0");
  EXPECT_EQ(run("HDEL h f7"), "(integer) 0");
  EXPECT_EQ(run("HTTL h FIELDS 1 f7"), "1) (integer) -2");
  EXPECT_EQ(run("HEXPIRE h 10 FIELDS 1 f7"), "1) (integer) -2");
  EXPECT_EQ(run("HPERSIST h FIELDS 1 f7"), "1) (integer) -2");
  EXPECT_EQ(client().ask({"HGETALL", "h"})->elements.size(), 4u);
  EXPECT_EQ(client().ask({"HKEYS", "h"})->elements.size(), 2u);
  EXPECT_EQ(client().ask({"HVALS", "h"})->elements.size(), 2u);
  EXPECT_EQ(client().ask({"HRANDFIELD", "h", "10"})->elements.size(), 2u);
  EXPECT_EQ(client().ask({"HRANDFIELD", "h", "-10"})->elements.size(), 10u);
  EXPECT_EQ(run("HINCRBY h f7 5"), "(integer) 5");
  EXPECT_EQ(run("HTTL h FIELDS 1 f7"), "1) (integer) -1");
  EXPECT_EQ(run("HSETNX h f8 x"), "(integer) 1");
  EXPECT_EQ(run("HSETEX h FXX FIELDS 1 f9 x"), "(integer) 0");
  EXPECT_EQ(run("COPY h k"), "(integer) 1");
  EXPECT_EQ(run("HLEN k"), "(integer) 4");
  for (int round = 0; round < 2; ++round) {
    upkeep();
    EXPECT_EQ(run("HLEN h"), "(integer) 4");
    EXPECT_EQ(run("HMGET h f6 f7 f8 f1999"), "1) (nil)\n2) \"5\"\n3) \"x\"\n4) \"1\"");
    restart();
  }
  EXPECT_EQ(run("HLEN k"), "(integer) 4");
}

}  // namespace
}  // namespace sojourn::server
