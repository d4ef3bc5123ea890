// Client-side caching, in process. What comes over sockets, and when, is in net/tracking_test.cpp;
// that it is what Redis sends is in tests/system/tracking_test.py.

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string invalid(const std::string& key) { return "1> \"invalidate\"\n2> 1) \"" + key + "\""; }
const std::string kAllInvalid = "1> \"invalidate\"\n2> (nil)";

class ClientTrackingTest : public CommandTest {
 protected:
  ClientTrackingTest() { cache.state.version = protocol::Version::resp3; }
  void track(std::string_view options = "") {
    EXPECT_EQ(cache.run("CLIENT TRACKING ON " + std::string(options)), "OK");
  }
  // The keys that a command read, by what its reader is told when they change.
  std::vector<std::string> told_after(std::string_view change) {
    run(change);
    return cache.messages();
  }

  Client& cache = connect();
};

TEST_F(ClientTrackingTest, TellsOnceOfAKeyThatWasRead) {
  run("SET s:1 alice");
  track();
  EXPECT_EQ(cache.run("GET s:1"), "alice");
  EXPECT_THAT(told_after("SET s:2 bob"), IsEmpty());
  EXPECT_THAT(told_after("SET s:1 bob"), ElementsAre(invalid("s:1")));
  EXPECT_THAT(told_after("SET s:1 carol"), IsEmpty());
  cache.run("GET s:1");
  EXPECT_THAT(told_after("DEL s:1"), ElementsAre(invalid("s:1")));
}

TEST_F(ClientTrackingTest, TellsOfAKeyThatWasNotThereToo) {
  track();
  EXPECT_EQ(cache.run("GET s:1"), "(nil)");
  EXPECT_THAT(told_after("SET s:1 alice"), ElementsAre(invalid("s:1")));
}

TEST_F(ClientTrackingTest, TellsOfEveryKindOfChange) {
  track();
  const std::vector<std::pair<std::string, std::string>> changes{
      {"SET k v", "SETRANGE k 0 x"},
      {"SET k v", "APPEND k x"},
      {"SET k v", "EXPIRE k 100"},
      {"SET k v EX 100", "PERSIST k"},
      {"SET k v", "GETDEL k"},
      {"SET k v", "GETEX k EX 100"},
      {"SET k v", "RENAME k other"},
      {"SET other v", "RENAME other k"},
      {"SET other v", "COPY other k REPLACE"},
      {"SET k v", "MOVE k 1"},
      {"SET k 1", "INCR k"},
      {"SET k v", "MSET a 1 k 2"},
      {"HSET k f v", "HSET k f w g x"},
      {"HSET k f v", "HDEL k f"},
      {"SADD k a b", "SREM k a"},
      {"SADD k a b", "SPOP k"},
      {"SADD other a", "SMOVE other k a"},
      {"SADD other a", "SUNIONSTORE k other"},
      {"ZADD k 1 a", "ZINCRBY k 1 a"},
      {"ZADD k 1 a", "ZREM k a"},
      {"ZADD other 1 a", "ZRANGESTORE k other 0 -1"},
      {"SET k v", "PEXPIRE k -1"},
      {"SET k v", "UNLINK k"},
  };
  for (const auto& [before, change] : changes) {
    run("FLUSHALL");
    run(before);
    cache.messages();
    cache.run("TYPE k");
    EXPECT_THAT(told_after(change), ElementsAre(invalid("k"))) << change;
  }
}

TEST_F(ClientTrackingTest, TellsOfLargeCollectionsToo) {
  track();
  std::vector<std::string> words{"ZADD", "k"};
  for (int i = 0; i < 2000; ++i) {
    words.push_back(std::to_string(i));
    words.push_back("member-of-the-large-set-" + std::to_string(i));
  }
  run_words(words);
  cache.run("ZCARD k");
  EXPECT_THAT(told_after("ZADD k 5 one-more"), ElementsAre(invalid("k")));
  cache.run("ZCARD k");
  EXPECT_THAT(told_after("ZREM k one-more"), ElementsAre(invalid("k")));
  cache.run("ZCARD k");
  EXPECT_THAT(told_after("DEL k"), ElementsAre(invalid("k")));
}

TEST_F(ClientTrackingTest, TellsOfExpiryThatNobodyTouchesOff) {
  run("SET s:1 alice PX 1000");
  track();
  cache.run("GET s:1");
  advance(1100ms);
  upkeep();
  EXPECT_THAT(cache.messages(), ElementsAre(invalid("s:1")));
}

TEST_F(ClientTrackingTest, TellsOfExpiryThatSomebodyFindsFirst) {
  run("SET s:1 alice PX 1000");
  track();
  cache.run("GET s:1");
  advance(1100ms);
  EXPECT_THAT(told_after("EXISTS s:1"), ElementsAre(invalid("s:1")));
}

TEST_F(ClientTrackingTest, TellsOfOnesOwnChanges) {
  track();
  cache.run("GET s:1");
  cache.run("SET s:1 mine");
  EXPECT_THAT(cache.messages(), ElementsAre(invalid("s:1")));
}

TEST_F(ClientTrackingTest, WithNoLoopTellsOfThoseOfOthersOnly) {
  track("NOLOOP");
  cache.run("GET s:1");
  cache.run("SET s:1 mine");
  EXPECT_THAT(cache.messages(), IsEmpty());
  cache.run("GET s:1");
  EXPECT_THAT(told_after("SET s:1 other"), ElementsAre(invalid("s:1")));
  cache.run("MULTI");
  cache.run("GET s:1");
  cache.run("SET s:1 mine");
  cache.run("EXEC");
  EXPECT_THAT(cache.messages(), IsEmpty());
}

TEST_F(ClientTrackingTest, TellsAllWhenADatabaseIsFlushedOrChangesItsPlace) {
  track();
  for (const std::string_view change : {"FLUSHALL", "FLUSHDB", "SWAPDB 0 1"}) {
    cache.run("GET s:1");
    EXPECT_THAT(told_after(change), ElementsAre(kAllInvalid)) << change;
    EXPECT_EQ(keyspace->tracking().readers().keys(), 0u);
  }
}

TEST_F(ClientTrackingTest, RemembersWhatATransactionReads) {
  track();
  cache.run("MULTI");
  cache.run("GET s:1");
  cache.run("MGET s:2 s:3");
  EXPECT_THAT(told_after("MSET s:1 a s:2 b"), IsEmpty()) << "it has not run";
  cache.run("EXEC");
  EXPECT_THAT(told_after("MSET s:1 a s:2 b s:3 c"),
              ElementsAre(invalid("s:1"), invalid("s:2"), invalid("s:3")));
}

TEST_F(ClientTrackingTest, TellsNothingOfWhatWasChangedBeforeItWasRead) {
  run("SET s:2 alice PX 1000");
  track();
  cache.run("MULTI");
  cache.run("SET s:1 mine");
  cache.run("GET s:1");
  cache.run("EXEC");
  advance(1100ms);
  EXPECT_EQ(cache.run("GET s:2"), "(nil)");
  EXPECT_THAT(cache.messages(), IsEmpty());
  EXPECT_THAT(told_after("MSET s:1 a s:2 a"), ElementsAre(invalid("s:1"), invalid("s:2")));
}

TEST_F(ClientTrackingTest, WritesAreNoReads) {
  track();
  cache.run("SET s:1 alice");
  cache.run("GETDEL s:2");
  cache.run("INCR s:3");
  EXPECT_EQ(keyspace->tracking().readers().keys(), 0u);
}

TEST_F(ClientTrackingTest, WithOptInRemembersWhatIsAskedFor) {
  track("OPTIN");
  cache.run("GET s:1");
  EXPECT_THAT(told_after("SET s:1 a"), IsEmpty());
  cache.run("CLIENT CACHING YES");
  cache.run("CLIENT GETNAME");
  cache.run("GET s:1");
  cache.run("GET s:2");
  EXPECT_THAT(told_after("MSET s:1 b s:2 b"), ElementsAre(invalid("s:1")));
  cache.run("CLIENT CACHING YES");
  cache.run("PING");
  cache.run("GET s:1");
  EXPECT_THAT(told_after("SET s:1 c"), IsEmpty());
  cache.run("CLIENT CACHING YES");
  cache.run("NOSUCHCOMMAND");
  cache.run("GET s:1");
  EXPECT_THAT(told_after("SET s:1 c"), IsEmpty());
}

TEST_F(ClientTrackingTest, WithOptInCoversAWholeTransaction) {
  track("OPTIN");
  cache.run("CLIENT CACHING YES");
  cache.run("MULTI");
  cache.run("GET s:1");
  cache.run("GET s:2");
  cache.run("EXEC");
  cache.run("GET s:3");
  EXPECT_THAT(told_after("MSET s:1 b s:2 b s:3 b"), ElementsAre(invalid("s:1"), invalid("s:2")));
}

TEST_F(ClientTrackingTest, WithOptOutRemembersAllButWhatIsLeftOut) {
  track("OPTOUT");
  cache.run("GET s:1");
  cache.run("CLIENT CACHING NO");
  cache.run("GET s:2");
  cache.run("GET s:3");
  EXPECT_THAT(told_after("MSET s:1 b s:2 b s:3 b"), ElementsAre(invalid("s:1"), invalid("s:3")));
}

TEST_F(ClientTrackingTest, WithBroadcastTellsOfAllKeysWithThePrefixes) {
  track("BCAST PREFIX s: PREFIX user:");
  EXPECT_THAT(told_after("SET s:1 a"), ElementsAre(invalid("s:1")));
  EXPECT_THAT(told_after("SET s:1 b"), ElementsAre(invalid("s:1")));
  EXPECT_THAT(told_after("SET x a"), IsEmpty());
  EXPECT_THAT(told_after("MSET user:2 a s:2 a x a s:1 a"),
              ElementsAre("1> \"invalidate\"\n2> 1) \"s:1\"\n   2) \"s:2\"", invalid("user:2")));
  cache.run("CLIENT TRACKING OFF");
  EXPECT_THAT(told_after("SET s:1 a"), IsEmpty());
}

TEST_F(ClientTrackingTest, ForgetsWhatWasReadWithTheLastThatTracks) {
  Client& other = connect();
  other.run("CLIENT TRACKING ON");
  track();
  cache.run("MGET s:1 s:2");
  cache.run("CLIENT TRACKING OFF");
  EXPECT_EQ(keyspace->tracking().readers().keys(), 2u);
  other.run("RESET");
  EXPECT_EQ(keyspace->tracking().readers().keys(), 0u);
}

TEST_F(ClientTrackingTest, WithBroadcastWithoutPrefixesTellsOfAllKeys) {
  track("BCAST NOLOOP");
  EXPECT_THAT(told_after("SET x a"), ElementsAre(invalid("x")));
  cache.run("SET x mine");
  EXPECT_THAT(cache.messages(), IsEmpty());
}

TEST_F(ClientTrackingTest, RedirectsToASubscriberInRespTwo) {
  Client& reader = connect();
  Client& listener = connect();
  reader.run("CLIENT TRACKING ON REDIRECT 4");
  listener.run("SUBSCRIBE __redis__:invalidate");
  reader.run("GET s:1");
  run("SET s:1 a");
  EXPECT_THAT(listener.messages(),
              ElementsAre("1) \"message\"\n2) \"__redis__:invalidate\"\n3) 1) \"s:1\""));
  EXPECT_THAT(reader.messages(), IsEmpty());
  run("FLUSHALL");
  EXPECT_THAT(listener.messages(),
              ElementsAre("1) \"message\"\n2) \"__redis__:invalidate\"\n3) (nil)"));
}

TEST_F(ClientTrackingTest, RedirectsToAPushInRespThree) {
  run("CLIENT TRACKING ON REDIRECT 2");
  run("GET s:1");
  connect().run("SET s:1 a");
  EXPECT_THAT(cache.messages(), ElementsAre(invalid("s:1")));
}

TEST_F(ClientTrackingTest, WithoutARedirectionSaysNothingInRespTwo) {
  run("CLIENT TRACKING ON");
  run("GET s:1");
  connect().run("SET s:1 a");
  EXPECT_THAT(client().messages(), IsEmpty());
}

TEST_F(ClientTrackingTest, SaysThatARedirectionIsBroken) {
  connect();
  track("REDIRECT 3");
  cache.run("GET s:1");
  connections.open.pop_back();
  EXPECT_THAT(told_after("SET s:1 a"), ElementsAre("1> \"tracking-redir-broken\"\n2> (integer) 3"));
  EXPECT_THAT(run("CLIENT LIST ID 2"), HasSubstr(" flags=tR "));
  EXPECT_THAT(cache.run("CLIENT TRACKINGINFO"), HasSubstr("broken_redirect"));
}

TEST_F(ClientTrackingTest, GivesUpKeysOverTheLimit) {
  run("CONFIG SET tracking-table-max-keys 2");
  track();
  cache.run("GET s:1");
  cache.run("GET s:2");
  EXPECT_THAT(cache.messages(), IsEmpty());
  cache.run("GET s:3");
  EXPECT_EQ(cache.messages().size(), 1u);
  EXPECT_EQ(keyspace->tracking().readers().keys(), 2u);
}

TEST_F(ClientTrackingTest, ShowsInClientListAndInfo) {
  Client& broad = connect();
  track();
  cache.run("MGET s:1 s:2");
  broad.run("CLIENT TRACKING ON REDIRECT 2 BCAST PREFIX a PREFIX b");
  EXPECT_THAT(run("CLIENT LIST ID 2"), HasSubstr(" flags=t "));
  EXPECT_THAT(run("CLIENT LIST ID 2"), HasSubstr(" redir=0 "));
  EXPECT_THAT(run("CLIENT LIST ID 3"), HasSubstr(" flags=tB "));
  EXPECT_THAT(run("CLIENT LIST ID 3"), HasSubstr(" redir=2 "));
  EXPECT_THAT(run("INFO clients"), HasSubstr("tracking_clients:2\r\n"));
  EXPECT_THAT(run("INFO stats"), HasSubstr("tracking_total_keys:2\r\ntracking_total_items:2\r\n"
                                           "tracking_total_prefixes:2\r\n"));
}

TEST_F(ClientTrackingTest, EndsWithReset) {
  track("BCAST");
  EXPECT_EQ(cache.run("RESET"), "RESET");
  EXPECT_EQ(cache.run("CLIENT GETREDIR"), "(integer) -1");
  EXPECT_FALSE(keyspace->tracking().any());
  EXPECT_EQ(keyspace->tracking().prefixes().count(), 0u);
  EXPECT_THAT(told_after("SET x a"), IsEmpty());
}

// As in Redis, the name alone counts.
TEST_F(ClientTrackingTest, TellsOfKeysOfTheSameNameInAnyDatabase) {
  track();
  cache.run("GET s:1");
  run("SELECT 5");
  EXPECT_THAT(told_after("SET s:1 a"), ElementsAre(invalid("s:1")));
}

}  // namespace
}  // namespace sojourn::server
