#include <algorithm>
#include <set>
#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

class GenericCommands : public CommandTest {
 protected:
  // Every name that a whole walk of SCAN or HSCAN shows, sorted; those shown twice once.
  std::set<std::string> walk(std::vector<std::string> before, std::vector<std::string> options) {
    std::set<std::string> seen;
    std::string cursor = "0";
    do {
      std::vector<std::string> words = before;
      words.push_back(cursor);
      words.insert(words.end(), options.begin(), options.end());
      const auto reply = client().ask(words);
      if (!reply || reply->elements.size() != 2) {
        ADD_FAILURE() << "no scan reply";
        return seen;
      }
      cursor = reply->elements[0].text;
      for (const auto& element : reply->elements[1].elements) seen.insert(element.text);
    } while (cursor != "0");
    return seen;
  }
};

TEST_F(GenericCommands, DelCountsWhatWasThere) {
  run("MSET a 1 b 2");
  run("HSET h f 1");
  EXPECT_EQ(run("DEL a a b h absent"), "(integer) 3");
  EXPECT_EQ(run("DBSIZE"), "(integer) 0");
  run("SET a 1");
  EXPECT_EQ(run("UNLINK a absent"), "(integer) 1");
}

TEST_F(GenericCommands, ExistsCountsEachMention) {
  run("SET a 1");
  EXPECT_EQ(run("EXISTS a a absent"), "(integer) 2");
}

TEST_F(GenericCommands, TypeNamesWhatIsThere) {
  run("SET s 1");
  run("HSET h f 1");
  EXPECT_EQ(run("TYPE s"), "string");
  EXPECT_EQ(run("TYPE h"), "hash");
  EXPECT_EQ(run("TYPE absent"), "none");
}

TEST_F(GenericCommands, RenameTakesEverythingAlong) {
  run("HSET from f 1");
  run("EXPIRE from 10");
  run("SET to old");
  EXPECT_EQ(run("RENAME from to"), "OK");
  EXPECT_EQ(run("HGET to f"), "1");
  EXPECT_EQ(run("TTL to"), "(integer) 10");
  EXPECT_EQ(run("EXISTS from"), "(integer) 0");
  restart();
  EXPECT_EQ(run("HGET to f"), "1");
  EXPECT_EQ(run("TTL to"), "(integer) 10");
  EXPECT_EQ(run("EXISTS from"), "(integer) 0");
}

TEST_F(GenericCommands, RenameOverAKeyWithADeadlineDropsThatDeadline) {
  run("SET from v");
  run("SET to v PX 100");
  EXPECT_EQ(run("RENAME from to"), "OK");
  advance(200ms);
  EXPECT_EQ(run("GET to"), "v");
}

TEST_F(GenericCommands, RenameOfAKeyToItselfWorks) {
  EXPECT_EQ(run("RENAME k k"), "(error) ERR no such key");
  run("SET k v EX 10");
  EXPECT_EQ(run("RENAME k k"), "OK");
  EXPECT_EQ(run("RENAMENX k k"), "(integer) 0");
  EXPECT_EQ(run("GET k"), "v");
  EXPECT_EQ(run("TTL k"), "(integer) 10");
}

TEST_F(GenericCommands, RenamenxLeavesATakenNameAlone) {
  run("MSET a 1 b 2");
  EXPECT_EQ(run("RENAMENX a b"), "(integer) 0");
  EXPECT_EQ(run("RENAMENX a c"), "(integer) 1");
  EXPECT_EQ(run("RENAMENX a c"), "(error) ERR no such key");
  EXPECT_EQ(run("MGET a b c"), "1) (nil)\n2) \"2\"\n3) \"1\"");
}

TEST_F(GenericCommands, CopyLeavesTheSourceAlone) {
  run("HSET a f 1");
  run("EXPIRE a 10");
  EXPECT_EQ(run("COPY a b"), "(integer) 1");
  EXPECT_EQ(run("TTL b"), "(integer) 10");
  run("HSET b f 2");
  EXPECT_EQ(run("HGET a f"), "1");
  EXPECT_EQ(run("COPY a b"), "(integer) 0");
  EXPECT_EQ(run("COPY a b REPLACE"), "(integer) 1");
  EXPECT_EQ(run("HGET b f"), "1");
  EXPECT_EQ(run("COPY absent c"), "(integer) 0");
}

TEST_F(GenericCommands, CopyReachesIntoAnotherDatabase) {
  run("SET a 1");
  EXPECT_EQ(run("COPY a a DB 3"), "(integer) 1");
  EXPECT_EQ(run("COPY a a DB 3"), "(integer) 0");
  EXPECT_EQ(run("COPY a b replace db 3"), "(integer) 1");
  run("SELECT 3");
  EXPECT_EQ(run("MGET a b"), "1) \"1\"\n2) \"1\"");
}

TEST_F(GenericCommands, CopyRefusesWhatMakesNoSense) {
  EXPECT_EQ(run("COPY a a"), "(error) ERR source and destination objects are the same");
  EXPECT_EQ(run("COPY a a DB 0"), "(error) ERR source and destination objects are the same");
  EXPECT_EQ(run("COPY a b DB 16"), "(error) ERR DB index is out of range");
  EXPECT_EQ(run("COPY a b DB -1"), "(error) ERR DB index is out of range");
  EXPECT_EQ(run("COPY a b DB x FOO"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("COPY a b DB 2147483648"),
            "(error) ERR value is out of range, value must between -2147483648 and 2147483647");
  EXPECT_EQ(run("COPY a b DB"), "(error) ERR syntax error");
  EXPECT_EQ(run("COPY a b FOO"), "(error) ERR syntax error");
}

TEST_F(GenericCommands, MoveTakesAKeyToAnotherDatabase) {
  run("SET a 1 EX 10");
  EXPECT_EQ(run("MOVE a 1"), "(integer) 1");
  EXPECT_EQ(run("EXISTS a"), "(integer) 0");
  run("SELECT 1");
  EXPECT_EQ(run("TTL a"), "(integer) 10");
  run("SELECT 0");
  run("SET a 2");
  EXPECT_EQ(run("MOVE a 1"), "(integer) 0");
  EXPECT_EQ(run("GET a"), "2");
  EXPECT_EQ(run("MOVE absent 1"), "(integer) 0");
  EXPECT_EQ(run("MOVE a 0"), "(error) ERR source and destination objects are the same");
  EXPECT_EQ(run("MOVE a 16"), "(error) ERR DB index is out of range");
  EXPECT_EQ(run("MOVE a x"), "(error) ERR value is not an integer or out of range");
}

TEST_F(GenericCommands, SwapdbExchangesDatabasesForEveryConnection) {
  Client& other = connect();
  run("SET a zero");
  other.run("SELECT 1");
  other.run("SET a one");
  EXPECT_EQ(run("SWAPDB 0 1"), "OK");
  EXPECT_EQ(run("GET a"), "one");
  EXPECT_EQ(other.run("GET a"), "zero");
  restart();
  EXPECT_EQ(run("GET a"), "one");
  EXPECT_EQ(other.run("GET a"), "zero");
}

TEST_F(GenericCommands, SwapdbRefusesWhatIsNoDatabase) {
  EXPECT_EQ(run("SWAPDB 1 1"), "OK");
  EXPECT_EQ(run("SWAPDB a 1"), "(error) ERR invalid first DB index");
  EXPECT_EQ(run("SWAPDB 1 b"), "(error) ERR invalid second DB index");
  EXPECT_EQ(run("SWAPDB 2147483648 b"), "(error) ERR invalid first DB index");
  EXPECT_EQ(run("SWAPDB 1 16"), "(error) ERR DB index is out of range");
  EXPECT_EQ(run("SWAPDB -1 1"), "(error) ERR DB index is out of range");
}

TEST_F(GenericCommands, FlushdbEmptiesOneDatabaseAndFlushallAll) {
  run("SET a 1");
  run("SELECT 1");
  run("SET b 1");
  EXPECT_EQ(run("FLUSHDB"), "OK");
  EXPECT_EQ(run("DBSIZE"), "(integer) 0");
  run("SELECT 0");
  EXPECT_EQ(run("DBSIZE"), "(integer) 1");
  EXPECT_EQ(run("FLUSHALL ASYNC"), "OK");
  EXPECT_EQ(run("GET a"), "(nil)");
  EXPECT_EQ(run("FLUSHDB sync"), "OK");
  EXPECT_EQ(run("FLUSHDB FOO"), "(error) ERR syntax error");
  EXPECT_EQ(run("FLUSHALL ASYNC SYNC"), "(error) ERR syntax error");
}

TEST_F(GenericCommands, WhatWasFlushedStaysGoneAfterARestart) {
  run("SET a 1");
  run("HSET h f 1");
  run("FLUSHALL");
  run("SET b 2");
  restart();
  EXPECT_EQ(run("KEYS *"), "1) \"b\"");
}

TEST_F(GenericCommands, KeysFitsThePattern) {
  run("MSET one 1 two 2 three 3 four 4");
  const auto sorted = [this](const char* pattern) {
    const auto reply = client().ask({"KEYS", pattern});
    std::string names;
    std::set<std::string> seen;
    for (const auto& element : reply->elements) seen.insert(element.text);
    for (const std::string& name : seen) names += name + " ";
    return names;
  };
  EXPECT_EQ(sorted("*"), "four one three two ");
  EXPECT_EQ(sorted("t*"), "three two ");
  EXPECT_EQ(sorted("?o*"), "four ");
  EXPECT_EQ(sorted("[ot]*"), "one three two ");
  EXPECT_EQ(sorted("none"), "");
}

TEST_F(GenericCommands, RandomkeyFindsSomeKey) {
  EXPECT_EQ(run("RANDOMKEY"), "(nil)");
  run("SET only 1");
  EXPECT_EQ(run("RANDOMKEY"), "only");
}

TEST_F(GenericCommands, ScanShowsEveryKeyAtLeastOnce) {
  std::set<std::string> names;
  for (int i = 0; i < 500; ++i) {
    names.insert("s:" + std::to_string(i));
    run_words({"SET", "s:" + std::to_string(i), "v"});
  }
  run("HSET h f 1");
  EXPECT_EQ(walk({"SCAN"}, {"MATCH", "s:*"}), names);
  EXPECT_EQ(walk({"SCAN"}, {"COUNT", "1", "TYPE", "string"}), names);
  EXPECT_EQ(walk({"SCAN"}, {"COUNT", "9223372036854775807", "TYPE", "HASH"}),
            (std::set<std::string>{"h"}));
  EXPECT_EQ(walk({"SCAN"}, {"TYPE", "list"}), (std::set<std::string>{}));
}

TEST_F(GenericCommands, ScanRefusesWhatIsNoCursorOrOption) {
  for (const char* cursor : {"abc", "1x", " 1", "99999999999999999999"}) {
    EXPECT_EQ(run_words({"SCAN", cursor}), "(error) ERR invalid cursor") << cursor;
  }
  EXPECT_EQ(run("SCAN 18446744073709551615").substr(0, 3), "1) ");
  EXPECT_EQ(run("SCAN 0 COUNT 0"), "(error) ERR syntax error");
  EXPECT_EQ(run("SCAN 0 COUNT -9223372036854775808"), "(error) ERR syntax error");
  EXPECT_EQ(run("SCAN 0 COUNT abc"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("SCAN 0 MATCH"), "(error) ERR syntax error");
  EXPECT_EQ(run("SCAN 0 COUNT"), "(error) ERR syntax error");
  EXPECT_EQ(run("SCAN 0 FOO 1"), "(error) ERR syntax error");
}

TEST_F(GenericCommands, ObjectEncodingNamesTheFormOfRedis) {
  const auto encoding = [this] { return run("OBJECT ENCODING k"); };
  run("SET k 12345");
  EXPECT_EQ(encoding(), "int");
  run("SET k 012345");
  EXPECT_EQ(encoding(), "embstr");
  run_words({"SET", "k", std::string(44, 'x')});
  EXPECT_EQ(encoding(), "embstr");
  run_words({"SET", "k", std::string(45, 'x')});
  EXPECT_EQ(encoding(), "raw");
  run("SET k 1");
  run("APPEND k 2");
  EXPECT_EQ(encoding(), "raw");
  run("INCR k");
  EXPECT_EQ(encoding(), "int");
  run("DEL k");
  run("HSET k f 1");
  EXPECT_EQ(encoding(), "listpack");
  run_words({"HSET", "k", "f", std::string(65, 'x')});
  EXPECT_EQ(encoding(), "hashtable");
  EXPECT_EQ(run("OBJECT ENCODING absent"), "(nil)");
}

TEST_F(GenericCommands, ObjectTellsWhenAKeyWasLastUsed) {
  run("SET k v");
  advance(5s);
  EXPECT_EQ(run("OBJECT IDLETIME k"), "(integer) 5");
  EXPECT_EQ(run("TYPE k"), "string");
  EXPECT_EQ(run("TTL k"), "(integer) -1");
  EXPECT_EQ(run("EXISTS k"), "(integer) 1");
  EXPECT_EQ(run("OBJECT IDLETIME k"), "(integer) 5");
  EXPECT_EQ(run("TOUCH k absent"), "(integer) 1");
  EXPECT_EQ(run("OBJECT IDLETIME k"), "(integer) 0");
  advance(3s);
  client().state.no_touch = true;
  EXPECT_EQ(run("GET k"), "v");
  EXPECT_EQ(run("OBJECT IDLETIME k"), "(integer) 3");
  client().state.no_touch = false;
  EXPECT_EQ(run("GET k"), "v");
  EXPECT_EQ(run("OBJECT IDLETIME k"), "(integer) 0");
}

TEST_F(GenericCommands, ObjectAnswersTheRest) {
  run("SET k v");
  EXPECT_EQ(run("OBJECT REFCOUNT k"), "(integer) 1");
  EXPECT_EQ(run("OBJECT FREQ absent"), "(nil)");
  EXPECT_EQ(run("OBJECT FREQ k").substr(0, 53),
            "(error) ERR An LFU maxmemory policy is not selected, ");
  EXPECT_EQ(run("OBJECT ENCODING"),
            "(error) ERR wrong number of arguments for 'object|encoding' command");
  EXPECT_EQ(run("OBJECT FOO k"), "(error) ERR unknown subcommand 'FOO'. Try OBJECT HELP.");
  EXPECT_NE(run("OBJECT HELP").find("ENCODING key"), std::string::npos);
}

// Fills the database so that KEYS takes more than one step.
class ManyKeys : public CommandTest {
 protected:
  static constexpr int kKeys = 5000;

  void SetUp() override {
    for (int i = 0; i < kKeys; ++i) run("SET k:" + std::to_string(i) + " v");
  }
};

TEST_F(ManyKeys, AreAllTold) {
  const auto reply = client().ask({"KEYS", "k:*"});
  std::set<std::string> names;
  for (const auto& name : reply->elements) names.insert(name.text);
  EXPECT_EQ(reply->elements.size(), static_cast<std::size_t>(kKeys));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kKeys));
  EXPECT_EQ(run("KEYS k:4999"), "1) \"k:4999\"");
}

TEST_F(ManyKeys, CountAsOneCommand) {
  run("CONFIG SET slowlog-log-slower-than 0");
  run("SLOWLOG RESET");
  const std::uint64_t before = metrics.sum(&WorkerMetrics::commands);
  run("KEYS nothing*");
  EXPECT_EQ(metrics.sum(&WorkerMetrics::commands), before + 1);
  EXPECT_EQ(slowlog.latest(1).at(0).words.front(), "KEYS");
  EXPECT_EQ(slowlog.size(), 2u) << "the reset and this";
  EXPECT_EQ(client().state.unfinished.request, nullptr);
}

TEST_F(ManyKeys, AreNotToldToWhoWantsNoReply) {
  run("CLIENT REPLY SKIP");
  EXPECT_EQ(client().try_raw({"KEYS", "*"}), "");
  EXPECT_EQ(run("PING"), "PONG");
  run("CLIENT REPLY OFF");
  EXPECT_EQ(client().try_raw({"KEYS", "*"}), "");
  EXPECT_EQ(run("CLIENT REPLY ON"), "OK");
  EXPECT_EQ(run("PING"), "PONG");
}

TEST_F(ManyKeys, ComeAThousandAtATimeHoweverManyAScanAsksFor) {
  const auto reply = client().ask({"SCAN", "0", "COUNT", "1000000"});
  EXPECT_NE(reply->elements[0].text, "0");
  EXPECT_GE(reply->elements[1].elements.size(), 500u);
  EXPECT_LE(reply->elements[1].elements.size(), 1010u);
}

TEST_F(ManyKeys, ThatHaveExpiredHideNoLivingOne) {
  for (int i = 0; i < kKeys; ++i) run("PEXPIRE k:" + std::to_string(i) + " 1");
  advance(1ms);
  EXPECT_EQ(run("RANDOMKEY"), "(nil)");
  run("SET alive v");
  EXPECT_EQ(run("RANDOMKEY"), "alive");
}

}  // namespace
}  // namespace sojourn::server
