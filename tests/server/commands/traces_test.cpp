#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

// What looking for a key leaves behind: a hit or a miss, and a new access time.
class Traces : public CommandTest {
 protected:
  std::int64_t figure(const std::string& name) {
    const std::string info = client().ask({"INFO", "stats"})->text;
    const std::size_t at = info.find("\n" + name + ":");
    return at == info.npos ? -1 : std::stoll(info.substr(at + name.size() + 2));
  }
  // "hit", "miss", "hit miss", or "" for none.
  std::string counted(const std::string& line) {
    const std::int64_t hits = figure("keyspace_hits");
    const std::int64_t misses = figure("keyspace_misses");
    run(line);
    std::string counted;
    if (figure("keyspace_hits") > hits) counted += "hit";
    if (figure("keyspace_misses") > misses) counted += counted.empty() ? "miss" : " miss";
    return counted;
  }
  void put_unused_for_5_seconds(const std::string& line) {
    run("FLUSHALL");
    const Command* command = registry.find(line.substr(0, line.find(' ')));
    run(command->group == Group::hash         ? "HSET k f v n 1"
        : command->group == Group::set        ? "SADD k a b c"
        : command->group == Group::sorted_set ? "ZADD k 1 a 2 b 3 c"
                                              : "SET k 12345678");
    advance(5s);
  }
};

// Noted from redis-server 7.0.15: keyspace_hits, keyspace_misses and OBJECT IDLETIME.
TEST_F(Traces, AreThoseRedisLeaves) {
  struct Row {
    const char* line;
    bool counts;
    bool uses;
  };
  constexpr Row kAsRedis[] = {
      {"GET k", true, true},
      {"MGET k", true, true},
      {"STRLEN k", true, true},
      {"GETRANGE k 0 1", true, true},
      {"SUBSTR k 0 1", true, true},
      // The next seven are of Redis 7.4 and 8.0, which could not be asked.
      {"HTTL k FIELDS 1 f", true, true},
      {"HPEXPIRETIME k FIELDS 1 f", true, true},
      {"HEXPIRE k 100 FIELDS 1 f", false, true},
      {"HPERSIST k FIELDS 1 f", false, true},
      {"HGETEX k FIELDS 1 f", false, true},
      {"HSETEX k FIELDS 1 f v", false, true},
      {"HGETDEL k FIELDS 1 f", false, true},
      {"GETEX k", true, true},
      {"GETEX k EX 100", true, true},
      {"GETSET k v", true, true},
      {"SET k v", false, true},
      {"SET k v NX", false, true},
      {"SET k v XX", false, true},
      {"SET k v GET", true, true},
      {"SETNX k v", false, true},
      {"SETEX k 100 v", false, true},
      {"MSET k v", false, true},
      {"MSETNX k v", false, true},
      {"APPEND k v", false, true},
      {"SETRANGE k 0 v", false, true},
      {"INCR k", false, true},
      {"INCRBYFLOAT k 1", false, true},
      {"EXISTS k", true, false},
      {"TOUCH k", true, true},
      {"TYPE k", true, false},
      {"TTL k", true, false},
      {"PTTL k", true, false},
      {"EXPIRETIME k", true, false},
      {"PEXPIRETIME k", true, false},
      {"EXPIRE k 100", false, true},
      {"EXPIRE k 100 XX", false, true},
      {"PEXPIREAT k 99999999999999", false, true},
      {"PERSIST k", false, true},
      {"OBJECT ENCODING k", true, false},
      {"OBJECT REFCOUNT k", true, false},
      {"OBJECT IDLETIME k", true, false},
      {"OBJECT FREQ k", true, false},
      {"MEMORY USAGE k", false, false},
      {"COPY k k2", true, true},
      {"HSET k f v", false, true},
      {"HMSET k f v", false, true},
      {"HSETNX k f v", false, true},
      {"HGET k f", true, true},
      {"HMGET k f", true, true},
      {"HGETALL k", true, true},
      {"HDEL k nobody", false, true},
      {"HDEL k f", false, true},
      {"HEXISTS k f", true, true},
      {"HLEN k", true, true},
      {"HKEYS k", true, true},
      {"HVALS k", true, true},
      {"HSTRLEN k f", true, true},
      {"HINCRBY k n 1", false, true},
      {"HINCRBYFLOAT k n 1", false, true},
      {"HRANDFIELD k", true, true},
      {"HSCAN k 0", true, true},
      {"SADD k a", false, true},
      {"SREM k nobody", false, true},
      {"SMEMBERS k", true, true},
      {"SCARD k", true, true},
      {"SISMEMBER k a", true, true},
      {"SMISMEMBER k a", true, true},
      {"SPOP k", false, true},
      {"SPOP k 1", false, true},
      {"SRANDMEMBER k", true, true},
      {"SRANDMEMBER k 1", true, true},
      {"SSCAN k 0", true, true},
      {"SINTER k", true, true},
      {"SINTERCARD 1 k", true, true},
      {"SUNION k", true, true},
      {"SDIFF k", true, true},
      {"SMOVE k k2 nobody", false, true},
      {"SMOVE k2 k nobody", false, true},
      {"SINTERSTORE d k", true, true},
      {"SUNIONSTORE d k", true, true},
      {"SUNIONSTORE k k", true, true},
      {"SDIFFSTORE d k", true, true},
      {"ZADD k 1 a", false, true},
      {"ZINCRBY k 1 a", false, true},
      {"ZREM k nobody", false, true},
      {"ZCARD k", true, true},
      {"ZSCORE k a", true, true},
      {"ZMSCORE k a", true, true},
      {"ZRANK k a", true, true},
      {"ZCOUNT k 1 2", true, true},
      {"ZLEXCOUNT k - +", true, true},
      {"ZRANGE k 0 1", true, true},
      {"ZRANGEBYSCORE k 0 1", true, true},
      {"ZRANGESTORE d k 0 1", true, true},
      {"ZREMRANGEBYRANK k 0 0", false, true},
      {"ZREMRANGEBYSCORE k 0 1", false, true},
      {"ZPOPMIN k", false, true},
      {"ZPOPMAX k 1", false, true},
      {"ZMPOP 1 k MIN", false, true},
      {"ZRANDMEMBER k", true, true},
      {"ZRANDMEMBER k 2", true, true},
      {"ZSCAN k 0", true, true},
      {"ZUNION 1 k", true, true},
      {"ZINTER 1 k", true, true},
      {"ZDIFF 1 k", true, true},
      {"ZINTERCARD 1 k", true, true},
      {"ZUNIONSTORE d 1 k", true, true},
      {"KEYS k", false, false},
      {"SCAN 0 MATCH k", false, false},
      {"RANDOMKEY", false, false},
      {"DBSIZE", false, false},
  };
  for (const Row& row : kAsRedis) {
    put_unused_for_5_seconds(row.line);
    EXPECT_EQ(counted(row.line), row.counts ? "hit" : "") << row.line;
    EXPECT_EQ(run("OBJECT IDLETIME k"), row.uses ? "(integer) 0" : "(integer) 5") << row.line;
    run("FLUSHALL");
    EXPECT_EQ(counted(row.line), row.counts ? "miss" : "") << row.line;
  }
}

TEST_F(Traces, OfWhatTakesTheKeyAwayAreCountedWhereItsDataIsReturned) {
  const struct {
    const char* line;
    const char* there;
    const char* missing;
  } kAsRedis[] = {
      {"GETDEL k", "hit", "miss"},
      {"DEL k", "", ""},
      {"UNLINK k", "", ""},
      {"RENAME k k2", "", ""},
      {"RENAMENX k k2", "", ""},
      {"MOVE k 1", "", ""},
      {"MGET k nobody", "hit miss", "miss"},
      {"EXISTS k nobody", "hit miss", "miss"},
  };
  for (const auto& row : kAsRedis) {
    put_unused_for_5_seconds(row.line);
    EXPECT_EQ(counted(row.line), row.there) << row.line;
    run("FLUSHALL");
    EXPECT_EQ(counted(row.line), row.missing) << row.line;
  }
}

TEST_F(Traces, AreHitsAndMissesOnlyWithoutTouch) {
  for (const char* line : {"GET k", "EXPIRE k 100", "PERSIST k", "TTL k", "SETNX k v"}) {
    put_unused_for_5_seconds(line);
    run("CLIENT NO-TOUCH ON");
    EXPECT_EQ(counted("GET k"), "hit");
    run(line);
    EXPECT_EQ(run("OBJECT IDLETIME k"), "(integer) 5") << line;
    EXPECT_EQ(counted("TOUCH k"), "hit");
    EXPECT_EQ(run("OBJECT IDLETIME k"), "(integer) 0");
    run("CLIENT NO-TOUCH OFF");
  }
}

}  // namespace
}  // namespace sojourn::server
