// Scripts act for who runs them: with his permissions, before the eyes of monitors and of those who
// keep copies, and as far as CLIENT PAUSE lets him.

#include <gmock/gmock.h>

#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ScriptCallers : public CommandTest {
 protected:
  static std::string eval(Client& client, const std::string& script) {
    return client.run_words({"EVAL", script, "0"});
  }
  std::string eval(const std::string& script) { return eval(client(), script); }
};

TEST_F(ScriptCallers, MayDoInScriptsWhatTheyMayDo) {
  EXPECT_EQ(run("ACL SETUSER alice on nopass ~a:* %R~r:* &news +@all -del"), "OK");
  Client& alice = connect();
  EXPECT_EQ(alice.run("AUTH alice any"), "OK");
  EXPECT_EQ(eval(alice, "return redis.call('SET', 'a:1', 1)"), "OK");
  EXPECT_EQ(eval(alice, "return redis.call('GET', 'r:1')"), "(nil)");
  for (const char* call : {"'DEL', 'a:1'", "'SET', 'b', 1", "'SET', 'r:1', 1", "'GET', 'b'",
                           "'PUBLISH', 'other', 1", "'MGET', 'a:1', 'b'"}) {
    EXPECT_THAT(eval(alice, std::string("return redis.pcall(") + call + ")"),
                HasSubstr("ACL failure in script: "))
        << call;
    EXPECT_THAT(run("ACL LOG"), HasSubstr("lua")) << call;
    run("ACL LOG RESET");
  }
  EXPECT_EQ(eval(alice,
                 "return {redis.acl_check_cmd('GET', 'a:1') and 1 or 0, "
                 "redis.acl_check_cmd('GET', 'b') and 1 or 0}"),
            "1) (integer) 1\n2) (integer) 0");
  EXPECT_EQ(run("MGET a:1 b r:1"), "1) \"1\"\n2) (nil)\n3) (nil)");
}

TEST_F(ScriptCallers, LosePermissionsFromOneScriptToTheNext) {
  EXPECT_EQ(run("ACL SETUSER alice on nopass ~* +@all"), "OK");
  Client& alice = connect();
  EXPECT_EQ(alice.run("AUTH alice any"), "OK");
  EXPECT_EQ(eval(alice, "return redis.call('SET', 'a', 1)"), "OK");
  EXPECT_EQ(run("ACL SETUSER alice -set"), "OK");
  EXPECT_THAT(eval(alice, "return redis.call('SET', 'a', 2)"), HasSubstr("ACL failure in script"));
  EXPECT_EQ(run("GET a"), "1");
}

TEST_F(ScriptCallers, AreShownWithWhatTheirScriptsDo) {
  Client& monitor = connect();
  EXPECT_EQ(monitor.run("MONITOR"), "OK");
  eval(
      "redis.call('SET', 'a', 1) redis.pcall('NOSUCH') redis.call('SELECT', 2) "
      "return redis.call('GET', 'a')");
  const std::string time = "1700000000.000000 ";
  EXPECT_THAT(monitor.messages(),
              ElementsAre(HasSubstr(time + "[0 127.0.0.1:40001] \"EVAL\" \"redis.call('SET'"),
                          time + R"([0 lua] "SET" "a" "1")", time + R"([2 lua] "SELECT" "2")",
                          time + R"([2 lua] "GET" "a")"));
}

class ScriptsAndCaches : public ScriptCallers {
 protected:
  ScriptsAndCaches() {
    cache.state.version = protocol::Version::resp3;
    EXPECT_EQ(cache.run("CLIENT TRACKING ON"), "OK");
  }
  static std::string invalid(const std::string& key) {
    return "1> \"invalidate\"\n2> 1) \"" + key + "\"";
  }

  Client& cache = connect();
};

TEST_F(ScriptsAndCaches, KeysThatAScriptReadAreTracked) {
  eval(cache, "redis.call('GET', 'read') redis.call('SET', 'written', 1)");
  cache.messages();
  run("SET unread 1");
  run("SET written 2");
  EXPECT_THAT(cache.messages(), IsEmpty());
  run("SET read 1");
  EXPECT_THAT(cache.messages(), ElementsAre(invalid("read")));
  // By a script that may only read, too, and of the keys it was given only those it has read.
  cache.run_words({"EVAL_RO", "return redis.call('GET', KEYS[1])", "2", "read", "given"});
  run("MSET given 1 read 2");
  EXPECT_THAT(cache.messages(), ElementsAre(invalid("read")));
}

TEST_F(ScriptsAndCaches, KeysThatAScriptInATransactionWasGivenAreNotTrackedForThat) {
  cache.run("MULTI");
  cache.run_words({"EVAL_RO", "return redis.call('GET', KEYS[1])", "2", "read", "given"});
  cache.run("EXEC");
  run("MSET given 1 read 2");
  EXPECT_THAT(cache.messages(), ElementsAre(invalid("read")));
}

TEST_F(ScriptsAndCaches, KeysThatAScriptWroteAreInvalidOnceAtItsEnd) {
  cache.run("GET a");
  cache.run("GET b");
  eval(
      "redis.call('SET', 'a', 1) redis.call('INCR', 'a') redis.call('SET', 'b', 1) "
      "redis.call('DEL', 'b')");
  EXPECT_THAT(cache.messages(), ::testing::UnorderedElementsAre(invalid("a"), invalid("b")));
  run("SET a 5");
  EXPECT_THAT(cache.messages(), IsEmpty());
}

TEST_F(ScriptCallers, AreToldInTheSlowLogWhatTheirScriptsDid) {
  configure("slowlog-log-slower-than 0");
  eval("redis.call('SET', 'a', 1) return redis.pcall('NOSUCH')");
  configure("slowlog-log-slower-than -1");
  ASSERT_EQ(slowlog.size(), 2u);
  EXPECT_EQ(slowlog.latest(2)[0].words[0], "EVAL");
  EXPECT_EQ(slowlog.latest(2)[1].words[0], "SET");
  EXPECT_EQ(slowlog.latest(2)[1].peer, "?:0");
}

TEST_F(ScriptCallers, FindNoNameAndNoValueInTheSlowLog) {
  configure("slowlog-log-slower-than 0");
  run_words({"EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", "sess:secret", "alice"});
  run_words({"WATCH", "sess:secret"});
  configure("slowlog-log-slower-than -1");
  ASSERT_EQ(slowlog.size(), 3u);
  for (const auto& entry : slowlog.latest(3)) {
    for (const std::string& word : entry.words) {
      EXPECT_THAT(word, ::testing::Not(HasSubstr("secret")));
      EXPECT_THAT(word, ::testing::Not(HasSubstr("alice")));
    }
  }
}

// As redis-server 7.0 counts.
TEST_F(ScriptCallers, HaveEachErrorCountedOnce) {
  struct {
    const char* script;
    const char* errors;
    const char* total;
    const char* get;
    const char* eval;
  } cases[] = {
      {"return redis.call('GET', 'h')", "errorstat_WRONGTYPE:count=1\r\n", "1",
       "rejected_calls=0,failed_calls=1", "rejected_calls=0,failed_calls=1"},
      {"return redis.pcall('GET', 'h')", "errorstat_WRONGTYPE:count=1\r\n", "1",
       "rejected_calls=0,failed_calls=1", "rejected_calls=0,failed_calls=1"},
      {"redis.pcall('GET', 'h') return 1", "errorstat_WRONGTYPE:count=1\r\n", "1",
       "rejected_calls=0,failed_calls=1", "rejected_calls=0,failed_calls=0"},
      {"redis.pcall('GET', 'h') return redis.error_reply('FOO bar')", "errorstat_FOO:count=1\r\n",
       "2", "rejected_calls=0,failed_calls=1", "rejected_calls=0,failed_calls=1"},
      {"redis.call('GET', 'a') redis.call('NOSUCH')", "errorstat_ERR:count=1\r\n", "1",
       "rejected_calls=0,failed_calls=0", "rejected_calls=0,failed_calls=1"},
      {"return redis.pcall('GET')", "errorstat_ERR:count=1\r\n", "1",
       "rejected_calls=1,failed_calls=0", "rejected_calls=0,failed_calls=1"}};
  run("HSET h f v");
  for (const auto& [script, errors, total, get, of_eval] : cases) {
    run("CONFIG RESETSTAT");
    eval(script);
    EXPECT_THAT(run("INFO errorstats"), HasSubstr(errors)) << script;
    EXPECT_THAT(run("INFO stats"), HasSubstr(std::string("total_error_replies:") + total + "\r\n"))
        << script;
    EXPECT_THAT(run("INFO commandstats"), ContainsRegex(std::string("cmdstat_get:.*,") + get))
        << script;
    EXPECT_THAT(run("INFO commandstats"), ContainsRegex(std::string("cmdstat_eval:.*,") + of_eval))
        << script;
  }
}

TEST_F(ScriptCallers, MayNotPublishWhereTheyMayNotWrite) {
  constexpr const char* kRefused = "ERR Write commands are not allowed from read-only scripts.";
  for (const char* call : {"'PUBLISH', 'news', 1", "'SPUBLISH', 'news', 1", "'SET', 'a', 1"}) {
    const std::string script = std::string("return redis.call(") + call + ")";
    EXPECT_THAT(run_words({"EVAL_RO", script, "0"}), HasSubstr(kRefused)) << call;
    EXPECT_THAT(eval("#!lua flags=no-writes\n" + script), HasSubstr(kRefused)) << call;
  }
  EXPECT_EQ(eval("return redis.call('PUBLISH', 'news', 1)"), "(integer) 0");
}

TEST_F(ScriptCallers, RunDuringAPauseOfWritesIfTheirScriptDoesNotWrite) {
  const std::string reads = "#!lua flags=no-writes\nreturn redis.call('GET', 'a')";
  const std::string sha = run_words({"SCRIPT", "LOAD", reads});
  const std::string other_sha = run_words({"SCRIPT", "LOAD", "return 1"});
  run("CLIENT PAUSE 1000 WRITE");
  const auto begins = [this](std::vector<std::string> words) {
    return client().try_raw(words).has_value();
  };
  EXPECT_TRUE(begins({"EVAL", reads, "0"}));
  EXPECT_TRUE(begins({"EVALSHA", sha, "0"}));
  EXPECT_TRUE(begins({"EVAL_RO", "return 1", "0"}));
  EXPECT_TRUE(begins({"EVALSHA_RO", other_sha, "0"}));
  EXPECT_FALSE(begins({"EVAL", "return 1", "0"}));
  EXPECT_FALSE(begins({"EVAL", "#!lua\nreturn 1", "0"}));
  EXPECT_FALSE(begins({"EVALSHA", other_sha, "0"}));
  EXPECT_EQ(run("MULTI"), "OK");
  EXPECT_EQ(run_words({"EVAL", reads, "0"}), "QUEUED");
  EXPECT_FALSE(begins({"EXEC"}));
  advance(1001ms);
  EXPECT_EQ(run("EXEC"), "1) (nil)");
  EXPECT_TRUE(begins({"EVAL", "return 1", "0"}));
}

}  // namespace
}  // namespace sojourn::server
