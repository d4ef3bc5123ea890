#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kWrongTypeShown =
    "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
constexpr std::string_view kNotAnIntegerShown =
    "(error) ERR value is not an integer or out of range";
constexpr std::string_view kOverflowShown = "(error) ERR increment or decrement would overflow";
constexpr std::string_view kTooLongShown =
    "(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)";

class StringCommands : public CommandTest {
 protected:
  void SetUp() override { run("HSET hash f 1"); }
};

TEST_F(StringCommands, GetReturnsWhatSetStored) {
  EXPECT_EQ(run("SET s:1 alice"), "OK");
  EXPECT_EQ(run("GET s:1"), "alice");
  EXPECT_EQ(run("GET s:2"), "(nil)");
  EXPECT_EQ(run("GET hash"), kWrongTypeShown);
}

TEST_F(StringCommands, KeysAndValuesAreBinarySafe) {
  const std::string name("k\0\r\n\xff", 5);
  const std::string value("\0\r\n$-1\r\n\x80", 9);
  EXPECT_EQ(run_words({"SET", name, value}), "OK");
  EXPECT_EQ(run_words({"GET", name}), value);
  EXPECT_EQ(run_words({"GET", name.substr(0, 1)}), "(nil)");
  EXPECT_EQ(run("SET \"\" empty"), "OK");
  EXPECT_EQ(run("GET \"\""), "empty");
}

TEST_F(StringCommands, SetReplacesAnyTypeAndDropsTheDeadline) {
  EXPECT_EQ(run("EXPIRE hash 10"), "(integer) 1");
  EXPECT_EQ(run("SET hash now-a-string"), "OK");
  EXPECT_EQ(run("GET hash"), "now-a-string");
  EXPECT_EQ(run("TTL hash"), "(integer) -1");
}

TEST_F(StringCommands, SetTakesADeadlineInFourForms) {
  EXPECT_EQ(run("SET k v EX 10"), "OK");
  EXPECT_EQ(run("PTTL k"), "(integer) 10000");
  EXPECT_EQ(run("SET k v px 1500"), "OK");
  EXPECT_EQ(run("PTTL k"), "(integer) 1500");
  EXPECT_EQ(run("SET k v EXAT 1700000100"), "OK");
  EXPECT_EQ(run("PEXPIRETIME k"), "(integer) 1700000100000");
  EXPECT_EQ(run("SET k v PXAT 1700000100001"), "OK");
  EXPECT_EQ(run("PEXPIRETIME k"), "(integer) 1700000100001");
}

TEST_F(StringCommands, SetWithKeepttlKeepsTheDeadline) {
  EXPECT_EQ(run("SET k v PX 1000"), "OK");
  EXPECT_EQ(run("SET k w KEEPTTL"), "OK");
  EXPECT_EQ(run("PTTL k"), "(integer) 1000");
  advance(1000ms);
  EXPECT_EQ(run("SET k x KEEPTTL"), "OK");
  EXPECT_EQ(run("PTTL k"), "(integer) -1");
}

TEST_F(StringCommands, SetInThePastRemovesTheKey) {
  EXPECT_EQ(run("SET k v"), "OK");
  EXPECT_EQ(run("SET k w PXAT 1"), "OK");
  EXPECT_EQ(run("EXISTS k"), "(integer) 0");
}

TEST_F(StringCommands, SetNxAndXxLookWhetherTheKeyIsThere) {
  EXPECT_EQ(run("SET k 1 XX"), "(nil)");
  EXPECT_EQ(run("GET k"), "(nil)");
  EXPECT_EQ(run("SET k 1 NX"), "OK");
  EXPECT_EQ(run("SET k 2 NX"), "(nil)");
  EXPECT_EQ(run("SET hash 2 NX"), "(nil)");
  EXPECT_EQ(run("GET k"), "1");
  EXPECT_EQ(run("SET k 3 XX"), "OK");
  EXPECT_EQ(run("GET k"), "3");
}

TEST_F(StringCommands, SetWithGetReturnsTheOldString) {
  EXPECT_EQ(run("SET k 1 GET"), "(nil)");
  EXPECT_EQ(run("SET k 2 GET"), "1");
  EXPECT_EQ(run("SET k 3 NX GET"), "2");
  EXPECT_EQ(run("GET k"), "2");
  EXPECT_EQ(run("SET absent 3 XX GET"), "(nil)");
  EXPECT_EQ(run("EXISTS absent"), "(integer) 0");
  EXPECT_EQ(run("SET absent 3 NX GET EX 10"), "(nil)");
  EXPECT_EQ(run("TTL absent"), "(integer) 10");
  EXPECT_EQ(run("SET hash 4 GET"), kWrongTypeShown);
  EXPECT_EQ(run("SET hash 4 NX GET"), kWrongTypeShown);
  EXPECT_EQ(run("HGET hash f"), "1");
}

TEST_F(StringCommands, SetRefusesContradictions) {
  for (const char* options : {"NX XX", "XX NX", "EX 10 PX 10", "EX 10 KEEPTTL", "KEEPTTL EX 10",
                              "EX", "PERSIST", "FOO", "EX abc FOO", "EXAT 1 PXAT 1", "NX GET EX"}) {
    EXPECT_EQ(run(std::string("SET k v ") + options), "(error) ERR syntax error") << options;
  }
  EXPECT_EQ(run("EXISTS k"), "(integer) 0");
}

TEST_F(StringCommands, SetTakesARepeatedOptionAsRedisDoes) {
  EXPECT_EQ(run("SET k v EX 10 EX 20 NX NX"), "OK");
  EXPECT_EQ(run("TTL k"), "(integer) 20");
  EXPECT_EQ(run("SET k v KEEPTTL KEEPTTL"), "OK");
  EXPECT_EQ(run("TTL k"), "(integer) 20");
}

TEST_F(StringCommands, SetRefusesDeadlinesThatAreNone) {
  const std::string invalid = "(error) ERR invalid expire time in 'set' command";
  for (const char* expiry : {"EX 0", "EX -1", "PX 0", "EXAT 0", "PXAT -5", "EX 9223372036854775807",
                             "EX 9223372036854776", "PX 9223372036854775807",
                             "EXAT 9223372036854775807", "PX -9223372036854775808"}) {
    EXPECT_EQ(run(std::string("SET k v ") + expiry), invalid) << expiry;
  }
  for (const char* expiry : {"EX abc", "PX 1.5", "EX 9223372036854775808", "EX ''", "EX ' 1'",
                             "PX 1111111111222222222233333333334444444444"}) {
    EXPECT_EQ(run(std::string("SET k v ") + expiry), kNotAnIntegerShown) << expiry;
  }
  EXPECT_EQ(run("EXISTS k"), "(integer) 0");
}

TEST_F(StringCommands, SetexNamesItselfInItsErrors) {
  EXPECT_EQ(run("SETEX k 10 v"), "OK");
  EXPECT_EQ(run("TTL k"), "(integer) 10");
  EXPECT_EQ(run("PSETEX k 1500 w"), "OK");
  EXPECT_EQ(run("PTTL k"), "(integer) 1500");
  EXPECT_EQ(run("SETEX k 0 v"), "(error) ERR invalid expire time in 'setex' command");
  EXPECT_EQ(run("PSETEX k -1 v"), "(error) ERR invalid expire time in 'psetex' command");
  EXPECT_EQ(run("SETEX k abc v"), kNotAnIntegerShown);
  EXPECT_EQ(run("GET k"), "w");
}

TEST_F(StringCommands, SetnxSetsOnlyWhatIsNotThere) {
  EXPECT_EQ(run("SETNX k 1"), "(integer) 1");
  EXPECT_EQ(run("SETNX k 2"), "(integer) 0");
  EXPECT_EQ(run("SETNX hash 2"), "(integer) 0");
  EXPECT_EQ(run("GET k"), "1");
}

TEST_F(StringCommands, GetsetReturnsTheOldStringAndDropsTheDeadline) {
  EXPECT_EQ(run("GETSET k 1"), "(nil)");
  EXPECT_EQ(run("EXPIRE k 10"), "(integer) 1");
  EXPECT_EQ(run("GETSET k 2"), "1");
  EXPECT_EQ(run("TTL k"), "(integer) -1");
  EXPECT_EQ(run("GETSET hash 2"), kWrongTypeShown);
}

TEST_F(StringCommands, GetdelEndsASessionAtItsLastRead) {
  EXPECT_EQ(run("SET k v"), "OK");
  EXPECT_EQ(run("GETDEL k"), "v");
  EXPECT_EQ(run("GETDEL k"), "(nil)");
  EXPECT_EQ(run("GETDEL hash"), kWrongTypeShown);
  EXPECT_EQ(run("EXISTS hash"), "(integer) 1");
}

TEST_F(StringCommands, GetexKeepsASessionAliveOnlyWhileItIsUsed) {
  EXPECT_EQ(run("SET s:1 alice PX 1000"), "OK");
  advance(900ms);
  EXPECT_EQ(run("GETEX s:1 PX 1000"), "alice");
  advance(999ms);
  EXPECT_EQ(run("GETEX s:1"), "alice");
  advance(1ms);
  EXPECT_EQ(run("GET s:1"), "(nil)");
}

TEST_F(StringCommands, GetexPersistsMovesAndDeletes) {
  EXPECT_EQ(run("SET k v EX 10"), "OK");
  EXPECT_EQ(run("GETEX k PERSIST"), "v");
  EXPECT_EQ(run("TTL k"), "(integer) -1");
  EXPECT_EQ(run("GETEX k EXAT 1700000100"), "v");
  EXPECT_EQ(run("EXPIRETIME k"), "(integer) 1700000100");
  EXPECT_EQ(run("GETEX k PXAT 1"), "v");
  EXPECT_EQ(run("EXISTS k"), "(integer) 0");
}

TEST_F(StringCommands, GetexJudgesItsTimeOnlyOnceItHasAString) {
  EXPECT_EQ(run("GETEX absent EX 0"), "(nil)");
  EXPECT_EQ(run("GETEX hash EX 0"), kWrongTypeShown);
  EXPECT_EQ(run("GETEX hash EX 0 PERSIST"), "(error) ERR syntax error");
  EXPECT_EQ(run("SET k v"), "OK");
  EXPECT_EQ(run("GETEX k EX 0"), "(error) ERR invalid expire time in 'getex' command");
  EXPECT_EQ(run("GETEX k EX abc"), kNotAnIntegerShown);
  EXPECT_EQ(run("GETEX k KEEPTTL"), "(error) ERR syntax error");
}

TEST_F(StringCommands, MgetSkipsWhatIsNoString) {
  EXPECT_EQ(run("MSET a 1 b 2 a 3"), "OK");
  EXPECT_EQ(run("MGET a b absent hash a"), "1) \"3\"\n2) \"2\"\n3) (nil)\n4) (nil)\n5) \"3\"");
}

TEST_F(StringCommands, MsetReplacesDeadlinesAndRefusesAKeyWithoutValue) {
  EXPECT_EQ(run("SET a 1 EX 10"), "OK");
  EXPECT_EQ(run("MSET a 2 hash s"), "OK");
  EXPECT_EQ(run("TTL a"), "(integer) -1");
  EXPECT_EQ(run("GET hash"), "s");
  EXPECT_EQ(run("MSET a 1 b"), "(error) ERR wrong number of arguments for 'mset' command");
  EXPECT_EQ(run("MSETNX a 1 b"), "(error) ERR wrong number of arguments for 'msetnx' command");
}

TEST_F(StringCommands, MsetnxSetsAllOrNothing) {
  EXPECT_EQ(run("MSETNX a 1 b 2 a 3"), "(integer) 1");
  EXPECT_EQ(run("GET a"), "3");
  EXPECT_EQ(run("MSETNX c 1 b 9"), "(integer) 0");
  EXPECT_EQ(run("EXISTS c"), "(integer) 0");
  EXPECT_EQ(run("MSETNX d 1 hash 9"), "(integer) 0");
}

TEST_F(StringCommands, AppendOfNothingMakesAnEmptyKey) {
  EXPECT_EQ(run("APPEND k \"\""), "(integer) 0");
  EXPECT_EQ(run("EXISTS k"), "(integer) 1");
  EXPECT_EQ(run("GET k"), "");
}

TEST_F(StringCommands, AppendKeepsTheDeadline) {
  EXPECT_EQ(run("SET k ab EX 10"), "OK");
  EXPECT_EQ(run("APPEND k cde"), "(integer) 5");
  EXPECT_EQ(run("GET k"), "abcde");
  EXPECT_EQ(run("TTL k"), "(integer) 10");
  EXPECT_EQ(run("APPEND hash x"), kWrongTypeShown);
}

TEST_F(StringCommands, AppendAndSetrangeStopAtTheLongestString) {
  ASSERT_EQ(run("CONFIG SET proto-max-bulk-len 1mb"), "OK");
  EXPECT_EQ(run_words({"SET", "k", std::string(1024 * 1024 - 1, 'x')}), "OK");
  EXPECT_EQ(run("APPEND k yz"), kTooLongShown);
  EXPECT_EQ(run("APPEND k y"), "(integer) 1048576");
  EXPECT_EQ(run("SETRANGE k 1048575 zz"), kTooLongShown);
  EXPECT_EQ(run("SETRANGE k 1048575 z"), "(integer) 1048576");
}

TEST_F(StringCommands, StrlenCountsBytes) {
  EXPECT_EQ(run("SET k \"a\\x00\\xc3\\xa4\""), "OK");
  EXPECT_EQ(run("STRLEN k"), "(integer) 4");
  EXPECT_EQ(run("STRLEN absent"), "(integer) 0");
  EXPECT_EQ(run("STRLEN hash"), kWrongTypeShown);
}

TEST_F(StringCommands, GetrangeCountsFromBothEnds) {
  run("SET k \"Hello World\"");
  const struct {
    const char *start, *end, *part;
  } kRows[] = {
      {"0", "4", "Hello"},
      {"-5", "-1", "World"},
      {"0", "-1", "Hello World"},
      {"-100", "4", "Hello"},
      {"6", "100", "World"},
      {"5", "3", ""},
      {"-1", "-5", ""},
      {"100", "200", ""},
      {"-200", "-100", "H"},
      {"0", "9223372036854775807", "Hello World"},
      {"-9223372036854775808", "9223372036854775807", "Hello World"},
      {"-9223372036854775808", "-9223372036854775808", "H"},
      {"9223372036854775807", "9223372036854775807", ""},
      {"4294967296", "4294967300", ""},
      {"2147483648", "-1", ""},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(run_words({"GETRANGE", "k", row.start, row.end}), row.part)
        << row.start << ' ' << row.end;
    EXPECT_EQ(run_words({"SUBSTR", "k", row.start, row.end}), row.part);
  }
  EXPECT_EQ(run("GETRANGE absent 0 -1"), "");
  EXPECT_EQ(run("GETRANGE hash 0 -1"), kWrongTypeShown);
  EXPECT_EQ(run("GETRANGE hash a 1"), kNotAnIntegerShown);
  EXPECT_EQ(run("GETRANGE k 0 9223372036854775808"), kNotAnIntegerShown);
}

TEST_F(StringCommands, SetrangePadsWithZeroBytes) {
  EXPECT_EQ(run("SETRANGE k 3 abc"), "(integer) 6");
  EXPECT_EQ(run("GET k"), std::string("\0\0\0abc", 6));
  EXPECT_EQ(run("EXPIRE k 10"), "(integer) 1");
  EXPECT_EQ(run("SETRANGE k 4 XY"), "(integer) 6");
  EXPECT_EQ(run("GET k"), std::string("\0\0\0aXY", 6));
  EXPECT_EQ(run("TTL k"), "(integer) 10");
}

TEST_F(StringCommands, SetrangeOfNothingChangesNothing) {
  EXPECT_EQ(run("SETRANGE absent 5 \"\""), "(integer) 0");
  EXPECT_EQ(run("EXISTS absent"), "(integer) 0");
  EXPECT_EQ(run("SET k abc"), "OK");
  EXPECT_EQ(run("SETRANGE k 9223372036854775807 \"\""), "(integer) 3");
  EXPECT_EQ(run("SETRANGE hash 0 \"\""), kWrongTypeShown);
}

TEST_F(StringCommands, SetrangeChecksItsOffsetBeforeItAllocates) {
  EXPECT_EQ(run("SETRANGE k -1 x"), "(error) ERR offset is out of range");
  EXPECT_EQ(run("SETRANGE hash -9223372036854775808 x"), "(error) ERR offset is out of range");
  for (const char* offset : {"536870912", "2147483647", "2147483648", "4294967295", "4294967296",
                             "9223372036854775806", "9223372036854775807"}) {
    EXPECT_EQ(run_words({"SETRANGE", "k", offset, "x"}), kTooLongShown) << offset;
  }
  EXPECT_EQ(run("SETRANGE k 9223372036854775808 x"), kNotAnIntegerShown);
  EXPECT_EQ(run("SETRANGE k nan x"), kNotAnIntegerShown);
  EXPECT_EQ(run("EXISTS k"), "(integer) 0");
}

TEST_F(StringCommands, IncrCountsFromNothingAndKeepsTheDeadline) {
  EXPECT_EQ(run("INCR k"), "(integer) 1");
  EXPECT_EQ(run("EXPIRE k 10"), "(integer) 1");
  EXPECT_EQ(run("INCRBY k 41"), "(integer) 42");
  EXPECT_EQ(run("DECR k"), "(integer) 41");
  EXPECT_EQ(run("DECRBY k 50"), "(integer) -9");
  EXPECT_EQ(run("GET k"), "-9");
  EXPECT_EQ(run("TTL k"), "(integer) 10");
  EXPECT_EQ(run("INCR hash"), kWrongTypeShown);
}

TEST_F(StringCommands, IncrTakesOnlyIntegersAsRedisWritesThem) {
  for (const char* text : {"abc", "", " 1", "1 ", "+1", "01", "1.0", "-0", "9223372036854775808",
                           "-9223372036854775809", "1111111111222222222233333333334444444444"}) {
    ASSERT_EQ(run_words({"SET", "k", text}), "OK");
    EXPECT_EQ(run("INCR k"), kNotAnIntegerShown) << text;
    EXPECT_EQ(run_words({"INCRBY", "other", text}), kNotAnIntegerShown) << text;
    EXPECT_EQ(run_words({"DECRBY", "other", text}), kNotAnIntegerShown) << text;
  }
  EXPECT_EQ(run("INCRBY hash abc"), kNotAnIntegerShown);
  EXPECT_EQ(run("EXISTS other"), "(integer) 0");
}

TEST_F(StringCommands, CountingStopsAtTheEndsOf64Bits) {
  EXPECT_EQ(run("SET k 9223372036854775807"), "OK");
  EXPECT_EQ(run("INCR k"), kOverflowShown);
  EXPECT_EQ(run("DECRBY k -1"), kOverflowShown);
  EXPECT_EQ(run("INCRBY k -9223372036854775808"), "(integer) -1");
  EXPECT_EQ(run("SET k -9223372036854775808"), "OK");
  EXPECT_EQ(run("DECR k"), kOverflowShown);
  EXPECT_EQ(run("INCRBY k -1"), kOverflowShown);
  EXPECT_EQ(run("DECRBY k 9223372036854775807"), kOverflowShown);
  EXPECT_EQ(run("DECRBY k -9223372036854775808"), "(error) ERR decrement would overflow");
  EXPECT_EQ(run("INCRBY k 9223372036854775807"), "(integer) -1");
}

TEST_F(StringCommands, IncrbyfloatAddsAsRedisPrintsIt) {
  EXPECT_EQ(run("SET k 10.50 EX 10"), "OK");
  EXPECT_EQ(run("INCRBYFLOAT k 0.1"), "10.6");
  EXPECT_EQ(run("INCRBYFLOAT k -5"), "5.6");
  EXPECT_EQ(run("TTL k"), "(integer) 10");
  EXPECT_EQ(run("SET k 5.0e3"), "OK");
  EXPECT_EQ(run("INCRBYFLOAT k 2.0e2"), "5200");
  EXPECT_EQ(run("INCRBYFLOAT absent 3"), "3");
  EXPECT_EQ(run("INCR absent"), "(integer) 4");
}

TEST_F(StringCommands, IncrbyfloatRefusesWhatIsNoNumber) {
  run("SET k 1");
  const std::string not_a_float = "(error) ERR value is not a valid float";
  for (const char* text : {"nan", "abc", "", " 1", "1 ", "1e4933", "0x"}) {
    EXPECT_EQ(run_words({"INCRBYFLOAT", "k", text}), not_a_float) << text;
  }
  const std::string infinite = "(error) ERR increment would produce NaN or Infinity";
  EXPECT_EQ(run("INCRBYFLOAT k inf"), infinite);
  EXPECT_EQ(run("INCRBYFLOAT k -infinity"), infinite);
  EXPECT_EQ(run("INCRBYFLOAT hash abc"), kWrongTypeShown);
  EXPECT_EQ(run("SET k text"), "OK");
  EXPECT_EQ(run("INCRBYFLOAT k 1"), not_a_float);
}

TEST_F(StringCommands, IncrbyfloatReachesBeyondDoubles) {
  const std::string sum = run("INCRBYFLOAT k 1e309");
  EXPECT_EQ(sum.size(), 309u);
  EXPECT_EQ(run("GET k"), sum);
}

TEST_F(StringCommands, StringsSurviveARestart) {
  run("SET k v PX 5000");
  run("APPEND k w");
  run("SET gone v");
  run("GETDEL gone");
  restart();
  EXPECT_EQ(run("GET k"), "vw");
  EXPECT_EQ(run("PTTL k"), "(integer) 5000");
  EXPECT_EQ(run("GET gone"), "(nil)");
}

using StringsInMemory = MemoryCommandTest;
TEST_F(StringsInMemory, WorkWithNothingOnDisk) {
  EXPECT_EQ(run("SET k v"), "OK");
  EXPECT_EQ(run("GET k"), "v");
  EXPECT_EQ(run("DEL k"), "(integer) 1");
  EXPECT_EQ(run("GET k"), "(nil)");
}

}  // namespace
}  // namespace sojourn::server
