#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/command_fixture.h"
#include "tests/support/faulty_store.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Transactions : public CommandTest {
 protected:
  // MULTI, the lines, EXEC; the reply to EXEC.
  std::string exec(const std::vector<std::string>& lines) {
    EXPECT_EQ(run("MULTI"), "OK");
    for (const std::string& line : lines) EXPECT_EQ(run(line), "QUEUED") << line;
    return run("EXEC");
  }
};

TEST_F(Transactions, AreThereWholeAfterARestart) {
  exec({"SET a 1", "SELECT 2", "HSET h f v", "SELECT 0", "EXPIRE a 100", "RENAME a b"});
  restart();
  EXPECT_EQ(run("GET b"), "1");
  EXPECT_EQ(run("TTL b"), "(integer) 100");
  EXPECT_EQ(run("EXISTS a h"), "(integer) 0");
  run("SELECT 2");
  EXPECT_EQ(run("HGET h f"), "v");
}

TEST_F(Transactions, AreOneUnitWithWholeDatabases) {
  run("SET old 1");
  const JournalPosition before = journal->appended();
  exec({"SET a 1", "FLUSHDB", "SET b 2", "SWAPDB 0 3", "SET c 3"});
  EXPECT_EQ(journal->appended(), before + 1);
  EXPECT_EQ(client().state.hold_until, before + 1);
  restart();
  EXPECT_EQ(run("KEYS *"), "1) \"c\"");
  run("SELECT 3");
  EXPECT_EQ(run("KEYS *"), "1) \"b\"");
}

TEST_F(Transactions, WaitForKeysThatAreOnDiskOnly) {
  run("SET a 1");
  run("HSET h f v");
  run("SELECT 1");
  run("SET a elsewhere");
  run("SELECT 0");
  restart();
  run("WATCH a h nothing");
  EXPECT_EQ(exec({"INCR a", "HGET h f", "SELECT 1", "GET a", "MOVE a 2", "DBSIZE"}),
            "1) (integer) 2\n2) \"v\"\n3) OK\n4) \"elsewhere\"\n5) (integer) 1\n6) (integer) 0");
}

TEST_F(Transactions, AreDroppedWhenAKeyCannotBeRead) {
  run("SET fine 1");
  run("SET a 1");
  ASSERT_TRUE(journal->flush());
  auto batch = store.make_batch();
  const std::string prefix("\0\0\0\1", 4);
  batch->put(Column::records, {prefix, "a"}, {"this is no record, is it? It is long enough"});
  ASSERT_TRUE(store.write(*batch, Store::Stall::wait));
  restart();
  EXPECT_THAT(exec({"SET b 1", "GET a"}),
              StartsWith("(error) EXECABORT Transaction discarded because of: the session could "
                         "not be read from disk"));
  EXPECT_EQ(run("EXISTS b"), "(integer) 0");
  EXPECT_EQ(run("EXEC"), "(error) ERR EXEC without MULTI");
  EXPECT_EQ(exec({"GET fine"}), "1) \"1\"");
  // And no command takes it for absent, later either.
  while (!keyspace->warm()) std::this_thread::yield();
  EXPECT_THAT(run("GET a"), StartsWith("(error) ERR the session could not be read from disk"));
}

TEST_F(Transactions, AreRefusedWholeWhereOneOfTheirWritesWouldBe) {
  configure("maxmemory 1");
  EXPECT_EQ(run("MULTI"), "OK");
  // Whatever is queued takes memory.
  EXPECT_THAT(run("GET a"), StartsWith("(error) OOM"));
  EXPECT_THAT(run("EXEC"), "(error) EXECABORT Transaction discarded because of previous errors.");
  run("MULTI");
  configure("maxmemory 0");
  run("SET a 1");
  configure("maxmemory 1");
  EXPECT_EQ(run("EXEC"),
            "(error) EXECABORT Transaction discarded because of: OOM command not allowed when used "
            "memory > 'maxmemory'.");
  EXPECT_EQ(run("EXEC"), "(error) ERR EXEC without MULTI");
  run("MULTI");
  configure("maxmemory 0");
  run("GET a");
  configure("maxmemory 1");
  EXPECT_EQ(run("EXEC"), "1) (nil)");
}

TEST_F(Transactions, OfAStrangerAreRefused) {
  configure("requirepass secret");
  client().state.authenticated = false;
  EXPECT_EQ(run("MULTI"), "(error) NOAUTH Authentication required.");
  EXPECT_EQ(run("EXEC"),
            "(error) EXECABORT Transaction discarded because of: NOAUTH Authentication required.");
  EXPECT_EQ(run("AUTH secret"), "OK");
  EXPECT_EQ(exec({"AUTH secret", "PING"}), "1) OK\n2) PONG");
  EXPECT_THAT(exec({"AUTH wrong", "PING"}), StartsWith("1) (error) WRONGPASS"));
}

TEST_F(Transactions, WaitForAPauseIfTheyWrite) {
  Client& other = connect();
  run("MULTI");
  run("SET a 1");
  other.run("MULTI");
  other.run("GET a");
  connect().run("CLIENT PAUSE 1000 WRITE");
  EXPECT_EQ(client().try_raw({"EXEC"}), std::nullopt);
  EXPECT_EQ(other.run("EXEC"), "1) (nil)");
  advance(1001ms);
  EXPECT_EQ(run("EXEC"), "1) OK");
}

TEST_F(Transactions, TakeNoCommandThatWaits) {
  configure("enable-debug-command yes");
  for (const char* line :
       {"SAVE", "DEBUG SLEEP 1", "DEBUG RELOAD", "CONFIG REWRITE", "MEMORY PURGE", "SHUTDOWN"}) {
    run("MULTI");
    EXPECT_EQ(run(line), "(error) ERR Command not allowed inside a transaction") << line;
    EXPECT_THAT(run("EXEC"), StartsWith("(error) EXECABORT")) << line;
  }
}

// None of them waits for a shard that the transaction holds, or for time.
TEST_F(Transactions, RunWhateverCanBeQueued) {
  configure("enable-debug-command yes");
  run("SET 1 text");
  for (const Command& row : registry.rows()) {
    if (row.run == nullptr || (row.flags & (kNotQueued | kNoMulti | kWaits)) != 0) continue;
    std::vector<std::string> words;
    if (row.container != nullptr) words.emplace_back(row.container->name);
    words.emplace_back(row.name);
    const auto count = static_cast<std::size_t>(std::abs(row.arity.words));
    for (; words.size() < count; words.emplace_back("1")) {
    }
    SCOPED_TRACE(row.full_name);
    EXPECT_EQ(run("MULTI"), "OK");
    EXPECT_EQ(run("SET other 1"), "QUEUED");
    EXPECT_EQ(run_words(words), "QUEUED");
    client().try_raw({"EXEC"});
    client().state.reply_mode = ConnectionState::ReplyMode::on;
    client().state.close_after_reply = false;
    run("RESET");
    run("CLIENT UNPAUSE");
    EXPECT_EQ(run("EXEC"), "(error) ERR EXEC without MULTI");
  }
}

TEST_F(Transactions, AreSeenInClientList) {
  Client& other = connect();
  EXPECT_THAT(other.run("CLIENT LIST"), Not(HasSubstr("multi=0")));
  run("MULTI");
  EXPECT_THAT(other.run("CLIENT LIST"), HasSubstr(" flags=x db=0 sub=0 psub=0 ssub=0 multi=0 "));
  run("SET a 1");
  run("GET a");
  EXPECT_THAT(other.run("CLIENT LIST"), HasSubstr(" multi=2 "));
  EXPECT_THAT(other.run("CLIENT LIST"),
              Not(HasSubstr("flags=x db=0 sub=0 psub=0 ssub=0 multi=2 "
                            "qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0")));
  run("EXEC");
  EXPECT_THAT(other.run("CLIENT LIST"), Not(HasSubstr("flags=x")));
  run("WATCH a");
  EXPECT_THAT(other.run("CLIENT LIST"), Not(HasSubstr("flags=x")));
  EXPECT_THAT(exec({"CLIENT INFO"}), HasSubstr("multi=1 "));
}

TEST_F(Transactions, CountTheirCommandsWhenTheyRun) {
  run("CONFIG RESETSTAT");
  run("MULTI");
  run("SET a 1");
  run("INCR a");
  run("HSET a f v");
  EXPECT_THAT(run("INFO commandstats"), StartsWith("QUEUED"));
  run("EXEC");
  const std::string stats = run("INFO commandstats");
  for (const char* line :
       {"cmdstat_set:calls=1,", "cmdstat_incr:calls=1,", "cmdstat_hset:calls=1,",
        "cmdstat_exec:calls=1,", "cmdstat_multi:calls=1,", "rejected_calls=0,failed_calls=1"}) {
    EXPECT_THAT(stats, HasSubstr(line));
  }
  run("MULTI");
  run("SET a");
  run("DISCARD");
  EXPECT_THAT(run("INFO commandstats"), HasSubstr("rejected_calls=1,failed_calls=0"));
}

TEST_F(Transactions, StandInTheSlowLogCommandByCommand) {
  configure("slowlog-log-slower-than 0");
  run("SLOWLOG RESET");
  exec({"SET a 1", "GET a"});
  const std::string slow = run("SLOWLOG GET 10");
  EXPECT_THAT(slow, HasSubstr("\"SET\""));
  EXPECT_THAT(slow, HasSubstr("\"GET\""));
  EXPECT_THAT(slow, Not(HasSubstr("\"EXEC\"")));
}

TEST_F(Transactions, AreBoundedLikeARequest) {
  configure("client-query-buffer-limit 1mb");
  run("MULTI");
  const std::string large(100'000, 'x');
  int queued = 0;
  while (queued < 100 && run_words({"SET", "a", large}) == "QUEUED") ++queued;
  EXPECT_EQ(queued, 10);
  EXPECT_TRUE(client().state.close_after_reply);
  EXPECT_EQ(client().state.multi.bytes(), 0u);

  Client& watcher = connect();
  for (int i = 0; i < 100'000 && !watcher.state.close_after_reply; ++i) {
    watcher.run_words({"WATCH", "k:" + std::to_string(i)});
  }
  EXPECT_TRUE(watcher.state.close_after_reply);

  // But a loop that watches one key does not grow.
  Client& loop = connect();
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(loop.run("WATCH k"), "OK");
  EXPECT_LT(loop.state.multi.bytes(), 1000u);
}

TEST_F(Transactions, OfManyCommandsTakeTimeInProportion) {
  run("MULTI");
  for (int i = 0; i < 10'000; ++i) run_words({"SET", "k:" + std::to_string(i), "v"});
  for (int i = 0; i < 10'000; ++i) run_words({"APPEND", "k", "v"});
  const auto begin = std::chrono::steady_clock::now();
  const auto reply = client().ask({"EXEC"});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->elements.size(), 20'000u);
  EXPECT_EQ(run("STRLEN k"), "(integer) 10000");
}

class TransactionsInMemory : public MemoryCommandTest {};

TEST_F(TransactionsInMemory, WatchByVersionsToo) {
  Client& other = connect();
  for (const char* change : {"SET a 1", "EXPIRE a 100", "EXPIRE a 100", "PERSIST a", "APPEND a x",
                             "DEL a", "HSET a f v", "HSET a f v", "HDEL a f"}) {
    run("WATCH a");
    other.run(change);
    run("MULTI");
    EXPECT_EQ(run("EXEC"), "(nil)") << change;
  }
}

}  // namespace
}  // namespace sojourn::server
