// The scripts that session libraries send. Those with a SHA-1 have the library's exact text; of the
// others only what they do is known, and the text is ours.

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

class LibraryScripts : public CommandTest {
 protected:
  // Loads the script, sees that its SHA-1 is the one the library asks for, and asks for it.
  std::string evalsha(const std::string& sha, const std::string& script,
                      const std::vector<std::string>& keys_and_arguments, int keys = 1) {
    EXPECT_EQ(run_words({"SCRIPT", "LOAD", script}), sha);
    return send("EVALSHA", sha, keys_and_arguments, keys);
  }
  std::string eval(const std::string& script, const std::vector<std::string>& keys_and_arguments,
                   int keys = 1) {
    return send("EVAL", script, keys_and_arguments, keys);
  }

 private:
  std::string send(const std::string& command, const std::string& script,
                   const std::vector<std::string>& keys_and_arguments, int keys) {
    std::vector<std::string> words{command, script, std::to_string(keys)};
    words.insert(words.end(), keys_and_arguments.begin(), keys_and_arguments.end());
    return run_words(words);
  }
};

TEST_F(LibraryScripts, PhpredisReleasesItsLock) {
  const std::string sha = "b70c2384248f88e6b75b9f89241a180f856ad852";
  const std::string script =
      "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else "
      "return 0 end";
  EXPECT_EQ(run_words({"EVALSHA", sha, "1", "s_LOCK", "mine"}),
            "(error) NOSCRIPT No matching script. Please use EVAL.");
  run("SET s_LOCK mine NX PX 1000");
  EXPECT_EQ(evalsha(sha, script, {"s_LOCK", "another's"}), "(integer) 0");
  EXPECT_EQ(evalsha(sha, script, {"s_LOCK", "mine"}), "(integer) 1");
  EXPECT_EQ(evalsha(sha, script, {"s_LOCK", "mine"}), "(integer) 0");
  restart();
  EXPECT_EQ(run("GET s_LOCK"), "(nil)");
}

TEST_F(LibraryScripts, PhpredisLocksAndReadsAtOnce) {
  const std::string script =
      "local locked = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) "
      "if not locked then return {0, false} end "
      "if ARGV[3] ~= '' then return {1, redis.call('GETEX', KEYS[2], 'EX', ARGV[3])} end "
      "return {1, redis.call('GET', KEYS[2])}";
  run("SET {s} data");
  EXPECT_EQ(eval(script, {"{s}_LOCK", "{s}", "mine", "500", "60"}, 2),
            "1) (integer) 1\n2) \"data\"");
  EXPECT_EQ(run("TTL {s}"), "(integer) 60");
  EXPECT_EQ(eval(script, {"{s}_LOCK", "{s}", "other", "500", ""}, 2), "1) (integer) 0\n2) (nil)");
  advance(501ms);
  EXPECT_EQ(eval(script, {"{s}_LOCK", "{s}", "other", "500", ""}, 2),
            "1) (integer) 1\n2) \"data\"");
}

TEST_F(LibraryScripts, LaravelLocks) {
  const std::string add =
      "return redis.call('exists',KEYS[1])<1 and "
      "redis.call('setex',KEYS[1],ARGV[2],ARGV[1])";
  EXPECT_EQ(evalsha("a08c9c69b7c07ae2485190873b90d128a23e502d", add, {"k", "me", "10"}), "OK");
  EXPECT_EQ(evalsha("a08c9c69b7c07ae2485190873b90d128a23e502d", add, {"k", "you", "10"}), "(nil)");
  const std::string refresh =
      "if redis.call('get', KEYS[1]) == ARGV[1] then if tonumber(ARGV[2]) > 0 then "
      "return redis.call('expire', KEYS[1], ARGV[2]) else return redis.call('persist', KEYS[1]) "
      "end else return 0 end";
  EXPECT_EQ(eval(refresh, {"k", "me", "100"}), "(integer) 1");
  EXPECT_EQ(run("TTL k"), "(integer) 100");
  EXPECT_EQ(eval(refresh, {"k", "you", "100"}), "(integer) 0");
  EXPECT_EQ(eval(refresh, {"k", "me", "0"}), "(integer) 1");
  EXPECT_EQ(run("TTL k"), "(integer) -1");
  const std::string release =
      "if redis.call(\"get\",KEYS[1]) == ARGV[1] then\n    return redis.call(\"del\",KEYS[1])\n"
      "else\n    return 0\nend";
  EXPECT_EQ(evalsha("647c65a442733a1aa440f99908d249d13b4d6c4a", release, {"k", "you"}),
            "(integer) 0");
  EXPECT_EQ(evalsha("647c65a442733a1aa440f99908d249d13b4d6c4a", release, {"k", "me"}),
            "(integer) 1");
}

TEST_F(LibraryScripts, RedisonsExpireManyKeys) {
  const std::string sha = "3fd750e0b43af99dbd223e5523718f18cded3664";
  const std::string script =
      "local result = 0;for j = 1, #KEYS, 1 do local expireSet; if ARGV[2] ~= '' then expireSet = "
      "redis.call('pexpire', KEYS[j], ARGV[1], ARGV[2]); else expireSet = redis.call('pexpire', "
      "KEYS[j], ARGV[1]); end; if expireSet == 1 then result = expireSet;end; end; return result; ";
  run("MSET a 1 c 1");
  EXPECT_EQ(evalsha(sha, script, {"a", "b", "c", "1000", ""}, 3), "(integer) 1");
  EXPECT_EQ(run("PTTL c"), "(integer) 1000");
  EXPECT_EQ(evalsha(sha, script, {"a", "b", "500", "GT"}, 2), "(integer) 0");
  EXPECT_EQ(evalsha(sha, script, {"b", "1000", ""}), "(integer) 0");
}

TEST_F(LibraryScripts, RedislockObtainsSeveralAtOnce) {
  const std::string obtain =
      "local values = {} for i = 1, #KEYS do values[2 * i - 1] = KEYS[i] values[2 * i] = ARGV[1] "
      "end "
      "if redis.call('MSETNX', unpack(values)) == 0 then for i = 1, #KEYS do "
      "if redis.call('GETRANGE', KEYS[i], 0, tonumber(ARGV[2]) - 1) ~= string.sub(ARGV[1], 1, "
      "tonumber(ARGV[2])) then return false end end redis.call('MSET', unpack(values)) end "
      "for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end "
      "return redis.status_reply('OK')";
  EXPECT_EQ(eval(obtain, {"a", "b", "token:1", "5", "2000"}, 2), "OK");
  EXPECT_EQ(eval(obtain, {"b", "other:1", "5", "2000"}), "(nil)");
  EXPECT_EQ(eval(obtain, {"a", "b", "token:2", "5", "2000"}, 2), "OK");
  const std::string equal =
      "local values = redis.call('MGET', unpack(KEYS)) for i, _ in ipairs(KEYS) do "
      "if values[i] ~= ARGV[1] then return false end end ";
  const std::string pttl =
      equal +
      "local least = nil for _, key in ipairs(KEYS) do local ms = redis.call('PTTL', key) "
      "if least == nil or ms < least then least = ms end end return least";
  EXPECT_EQ(eval(pttl, {"a", "b", "token:2"}, 2), "(integer) 2000");
  EXPECT_EQ(eval(pttl, {"a", "b", "token:1"}, 2), "(nil)");
  const std::string refresh =
      equal +
      "for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end "
      "return redis.status_reply('OK')";
  EXPECT_EQ(eval(refresh, {"a", "b", "token:2", "9000"}, 2), "OK");
  EXPECT_EQ(run("PTTL b"), "(integer) 9000");
  const std::string release =
      equal + "redis.call('DEL', unpack(KEYS)) return redis.status_reply('OK')";
  EXPECT_EQ(eval(release, {"a", "b", "token:1"}, 2), "(nil)");
  EXPECT_EQ(eval(release, {"a", "b", "token:2"}, 2), "OK");
  EXPECT_EQ(run("EXISTS a b"), "(integer) 0");
}

TEST_F(LibraryScripts, BetterAuthTakesAndCounts) {
  const std::string take =
      "local v = redis.call('GET', KEYS[1]) if v then redis.call('DEL', "
      "KEYS[1]) end return v";
  run("SET k v");
  EXPECT_EQ(eval(take, {"k"}), "v");
  EXPECT_EQ(eval(take, {"k"}), "(nil)");
  const std::string count =
      "local n = redis.call('INCR', KEYS[1]) if n == 1 then "
      "redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n";
  EXPECT_EQ(eval(count, {"n", "60"}), "(integer) 1");
  advance(1s);
  EXPECT_EQ(eval(count, {"n", "60"}), "(integer) 2");
  EXPECT_EQ(run("TTL n"), "(integer) 59");
}

TEST_F(LibraryScripts, LitestarRenewsAndClears) {
  const std::string renew =
      "local data = redis.call('GET', KEYS[1]) local ttl = redis.call('TTL', KEYS[1]) "
      "if ttl > 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return data";
  run("SET s:1 data EX 5");
  EXPECT_EQ(eval(renew, {"s:1", "50"}), "data");
  EXPECT_EQ(run("TTL s:1"), "(integer) 50");
  const std::string clear =
      "local cursor = 0 repeat local result = redis.call('SCAN', cursor, 'MATCH', ARGV[1]) "
      "for _, key in ipairs(result[2]) do redis.call('UNLINK', key) end "
      "cursor = tonumber(result[1]) until cursor == 0";
  for (int i = 0; i < 50; ++i) run("SET s:" + std::to_string(i) + " x");
  run("SET other 1");
  EXPECT_EQ(eval(clear, {"s:*"}, 0), "(nil)");
  EXPECT_EQ(run("KEYS *"), "1) \"other\"");
}

TEST_F(LibraryScripts, DotNetCachesSetHashes) {
  for (const std::string set : {"HMSET", "HSET"}) {
    const std::string script =
        "redis.call('" + set +
        "', KEYS[1], 'absexp', ARGV[1], 'sldexp', ARGV[2], 'data', ARGV[4]) "
        "if ARGV[3] ~= '-1' then redis.call('EXPIRE', KEYS[1], ARGV[3]) end return 1";
    EXPECT_EQ(eval(script, {"k", "-1", "12000000000", "1200", "\x01\x02"}), "(integer) 1");
    EXPECT_EQ(run("TTL k"), "(integer) 1200");
    EXPECT_EQ(eval(script, {"k2", "-1", "-1", "-1", "x"}), "(integer) 1");
    EXPECT_EQ(run("TTL k2"), "(integer) -1");
    EXPECT_EQ(run("HMGET k absexp sldexp data"),
              "1) \"-1\"\n2) \"12000000000\"\n3) \"\\x01\\x02\"");
  }
}

TEST_F(LibraryScripts, AspNetStatesAreLockedAndReleased) {
  const std::string lock =
      "local retArray = {} local lockValue = ARGV[1] "
      "local locked = redis.call('SETNX', KEYS[1], ARGV[1]) local IsLocked = true "
      "if locked == 0 then lockValue = redis.call('GET', KEYS[1]) "
      "else redis.call('EXPIRE', KEYS[1], ARGV[2]) IsLocked = false end "
      "retArray[1] = lockValue "
      "if lockValue == ARGV[1] then retArray[2] = redis.call('GET', KEYS[2]) else retArray[2] = '' "
      "end "
      "local SessionTimeout = redis.call('GET', KEYS[3]) "
      "if SessionTimeout ~= false then retArray[3] = SessionTimeout "
      "redis.call('EXPIRE', KEYS[2], SessionTimeout) redis.call('EXPIRE', KEYS[3], SessionTimeout) "
      "else retArray[3] = '-1' end "
      "retArray[4] = IsLocked return retArray";
  const std::vector<std::string> keys{"{a_1}_Write_Lock", "{a_1}_Data", "{a_1}_Internal"};
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), keys.begin(), keys.end());
    return arguments;
  };
  run("SET {a_1}_Data data");
  run("SET {a_1}_Internal 1200");
  EXPECT_EQ(eval(lock, with({"id-1", "110"}), 3),
            "1) \"id-1\"\n2) \"data\"\n3) \"1200\"\n4) (nil)");
  EXPECT_EQ(eval(lock, with({"id-2", "110"}), 3),
            "1) \"id-1\"\n2) \"\"\n3) \"1200\"\n4) (integer) 1");
  EXPECT_EQ(run("TTL {a_1}_Data"), "(integer) 1200");
  const std::string release =
      "local writeLockValueFromCache = redis.call('GET', KEYS[1]) "
      "if writeLockValueFromCache == ARGV[1] then redis.call('DEL', KEYS[1]) end "
      "local SessionTimeout = redis.call('GET', KEYS[3]) if SessionTimeout ~= false then "
      "redis.call('EXPIRE', KEYS[2], SessionTimeout) redis.call('EXPIRE', KEYS[3], SessionTimeout) "
      "end return 1";
  EXPECT_EQ(eval(release, with({"id-2", "1200"}), 3), "(integer) 1");
  EXPECT_EQ(run("EXISTS {a_1}_Write_Lock"), "(integer) 1");
  EXPECT_EQ(eval(release, with({"id-1", "1200"}), 3), "(integer) 1");
  EXPECT_EQ(run("EXISTS {a_1}_Write_Lock"), "(integer) 0");
}

}  // namespace
}  // namespace sojourn::server
