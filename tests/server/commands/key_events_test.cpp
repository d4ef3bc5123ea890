// Keyspace events where time or the settings matter; which command tells what is compared with
// Redis in tests/system/key_events_test.py.

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KeyEventsTest : public CommandTest {
 protected:
  KeyEventsTest() { listener.run("PSUBSCRIBE __key*"); }

  void want(const std::string& classes) {
    ASSERT_EQ(run_words({"CONFIG", "SET", "notify-keyspace-events", classes}), "OK");
  }
  // What was told: "__keyevent@0__:set s:1".
  std::vector<std::string> told() {
    std::vector<std::string> all;
    for (const std::string& message : listener.messages()) {
      const std::size_t channel = message.find("3) \"") + 4;
      const std::size_t payload = message.find("4) \"") + 4;
      all.push_back(message.substr(channel, message.find('"', channel) - channel) + " " +
                    message.substr(payload, message.find('"', payload) - payload));
    }
    return all;
  }

  Client& listener = connect();
};

TEST_F(KeyEventsTest, AreOffUntilAskedForAndAgainAfterwards) {
  run("SET s:1 alice");
  EXPECT_THAT(told(), IsEmpty());
  want("KEA");
  run("SET s:1 alice");
  EXPECT_THAT(told(), ElementsAre("__keyspace@0__:s:1 set", "__keyevent@0__:set s:1"));
  want("A");  // no K, no E
  run("SET s:1 alice");
  want("");
  run("SET s:1 alice");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(KeyEventsTest, AreOfTheWantedClassesOnly) {
  want("Kh");
  run("SET s:1 alice");
  run("HSET h:1 f v");
  run("DEL h:1");
  EXPECT_THAT(told(), ElementsAre("__keyspace@0__:h:1 hset"));
}

TEST_F(KeyEventsTest, OfExpiredKeysComeWithin100MsByThemselves) {
  want("Ex");
  run("SET s:1 alice PX 1000");
  run("SET s:2 bob PX 100000");
  advance(999ms);
  upkeep();
  EXPECT_THAT(told(), IsEmpty());
  // Upkeep runs every 32 ms.
  advance(1ms + 64ms);
  upkeep();
  EXPECT_THAT(told(), ElementsAre("__keyevent@0__:expired s:1"));
  upkeep();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(KeyEventsTest, OfExpiredKeysComeAtOnceWhenOneIsTouched) {
  want("KExm");
  run("SET s:1 alice PX 1000");
  advance(1000ms);
  EXPECT_EQ(run("EXISTS s:1"), "(integer) 0");
  EXPECT_THAT(told(), ElementsAre("__keyspace@0__:s:1 expired", "__keyevent@0__:expired s:1",
                                  "__keyspace@0__:s:1 keymiss", "__keyevent@0__:keymiss s:1"));
  upkeep();
  EXPECT_THAT(told(), IsEmpty()) << "only once";
}

TEST_F(KeyEventsTest, OfManyExpiredKeysAllCome) {
  want("Ex");
  for (int i = 0; i < 5000; ++i) run("SET s:" + std::to_string(i) + " v PX 1000");
  advance(1064ms);
  upkeep();
  std::vector<std::string> all = told();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()) - all.begin(), 5000);
}

TEST_F(KeyEventsTest, TellTheDatabaseAsItIsCalledNow) {
  want("Ex");
  run("SET s:1 alice PX 1000");
  run("SWAPDB 0 5");
  run("SET s:2 bob PX 1000");
  advance(1064ms);
  upkeep();
  EXPECT_THAT(told(), ::testing::UnorderedElementsAre("__keyevent@5__:expired s:1",
                                                      "__keyevent@0__:expired s:2"));
}

TEST_F(KeyEventsTest, AreNotTellingOfFlushedDatabases) {
  want("KEA");
  run("SET s:1 alice PX 1000");
  told();
  run("FLUSHDB");
  advance(2000ms);
  upkeep();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(KeyEventsTest, OfATimeInThePastEndWithItsExpiry) {
  want("KAn");
  EXPECT_EQ(run("SET s:1 alice PXAT 1000"), "OK");
  EXPECT_THAT(told(), ElementsAre("__keyspace@0__:s:1 new", "__keyspace@0__:s:1 set",
                                  "__keyspace@0__:s:1 expire", "__keyspace@0__:s:1 expired"));
  run("SET s:1 alice");
  told();
  run("EXPIRE s:1 -1");
  EXPECT_THAT(told(), ElementsAre("__keyspace@0__:s:1 del"));
}

TEST_F(KeyEventsTest, KeepWhatTheNameHoldsWhateverItsBytes) {
  want("E$");
  run_words({"SET", std::string("a\0\r\n", 4), "v"});
  EXPECT_THAT(told(), ElementsAre("__keyevent@0__:set a\\x00\\r\\n"));
}

}  // namespace
}  // namespace sojourn::server
