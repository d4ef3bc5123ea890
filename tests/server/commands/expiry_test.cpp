#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

class ExpiryCommands : public CommandTest {};

TEST_F(ExpiryCommands, ASessionEndsAtItsDeadlineAndNotBefore) {
  EXPECT_EQ(run("SET s:1 alice PX 1000"), "OK");
  advance(999ms);
  EXPECT_EQ(run("GET s:1"), "alice");
  advance(1ms);
  EXPECT_EQ(run("GET s:1"), "(nil)");
  EXPECT_EQ(run("TTL s:1"), "(integer) -2");
}

TEST_F(ExpiryCommands, NoCommandSeesAnExpiredKey) {
  const auto expired = [this] {
    run("HSET s:1 user alice");
    run("PEXPIRE s:1 10");
    advance(10ms);
  };
  const struct {
    const char *line, *reply;
  } kRows[] = {
      {"EXISTS s:1", "(integer) 0"},
      {"TYPE s:1", "none"},
      {"HGET s:1 user", "(nil)"},
      {"HGETALL s:1", "(empty array)"},
      {"DEL s:1", "(integer) 0"},
      {"UNLINK s:1", "(integer) 0"},
      {"TOUCH s:1", "(integer) 0"},
      {"PERSIST s:1", "(integer) 0"},
      {"EXPIRE s:1 10", "(integer) 0"},
      {"PTTL s:1", "(integer) -2"},
      {"PEXPIRETIME s:1", "(integer) -2"},
      {"KEYS *", "(empty array)"},
      {"RANDOMKEY", "(nil)"},
      {"RENAME s:1 s:2", "(error) ERR no such key"},
      {"COPY s:1 s:2", "(integer) 0"},
      {"MOVE s:1 1", "(integer) 0"},
      {"OBJECT ENCODING s:1", "(nil)"},
      {"GET s:1", "(nil)"},
      {"STRLEN s:1", "(integer) 0"},
      {"INCR s:1", "(integer) 1"},
      {"SETNX s:1 new", "(integer) 1"},
      {"MSETNX s:1 new", "(integer) 1"},
      {"APPEND s:1 new", "(integer) 3"},
      {"HSET s:1 other 1", "(integer) 1"},
      {"HDEL s:1 user", "(integer) 0"},
  };
  for (const auto& row : kRows) {
    expired();
    EXPECT_EQ(run(row.line), row.reply) << row.line;
    run("FLUSHDB");
  }
}

TEST_F(ExpiryCommands, ANewKeyDoesNotInheritAnExpiredDeadline) {
  run("SET s:1 old PX 10");
  advance(10ms);
  EXPECT_EQ(run("APPEND s:1 new"), "(integer) 3");
  EXPECT_EQ(run("PTTL s:1"), "(integer) -1");
}

TEST_F(ExpiryCommands, ExpireTakesFourForms) {
  run("SET k v");
  EXPECT_EQ(run("EXPIRE k 10"), "(integer) 1");
  EXPECT_EQ(run("PTTL k"), "(integer) 10000");
  EXPECT_EQ(run("PEXPIRE k 1500"), "(integer) 1");
  EXPECT_EQ(run("PTTL k"), "(integer) 1500");
  EXPECT_EQ(run("EXPIREAT k 1700000100"), "(integer) 1");
  EXPECT_EQ(run("EXPIRETIME k"), "(integer) 1700000100");
  EXPECT_EQ(run("PEXPIREAT k 1700000100001"), "(integer) 1");
  EXPECT_EQ(run("PEXPIRETIME k"), "(integer) 1700000100001");
  EXPECT_EQ(run("EXPIRE absent 10"), "(integer) 0");
}

TEST_F(ExpiryCommands, TtlRoundsToTheNearestSecond) {
  run("SET k v PX 1499");
  EXPECT_EQ(run("TTL k"), "(integer) 1");
  run("PEXPIRE k 1500");
  EXPECT_EQ(run("TTL k"), "(integer) 2");
  run("PEXPIRE k 499");
  EXPECT_EQ(run("TTL k"), "(integer) 0");
  run("PEXPIREAT k 1700000100500");
  EXPECT_EQ(run("EXPIRETIME k"), "(integer) 1700000101");
}

TEST_F(ExpiryCommands, TheTtlFamilyTellsNoKeyFromNoDeadline) {
  run("SET k v");
  for (const char* name : {"TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"}) {
    EXPECT_EQ(run_words({name, "k"}), "(integer) -1") << name;
    EXPECT_EQ(run_words({name, "absent"}), "(integer) -2") << name;
  }
}

TEST_F(ExpiryCommands, ADeadlineThatHasPassedDeletes) {
  for (const char* line :
       {"EXPIRE k 0", "EXPIRE k -1", "PEXPIRE k 0", "PEXPIRE k -5", "EXPIREAT k 1",
        "PEXPIREAT k 1700000000000", "EXPIREAT k -1", "PEXPIRE k -9223372036854775808",
        "EXPIRE k -9223372036854775", "PEXPIREAT k -9223372036854775808"}) {
    ASSERT_EQ(run("SET k v"), "OK");
    EXPECT_EQ(run(line), "(integer) 1") << line;
    EXPECT_EQ(run("EXISTS k"), "(integer) 0") << line;
  }
}

TEST_F(ExpiryCommands, ExpireRefusesTimesThatDoNotFit) {
  run("SET k v");
  const auto invalid = [](std::string name) {
    return "(error) ERR invalid expire time in '" + name + "' command";
  };
  EXPECT_EQ(run("EXPIRE k 9223372036854775807"), invalid("expire"));
  EXPECT_EQ(run("EXPIRE k 9223372036854776"), invalid("expire"));
  EXPECT_EQ(run("EXPIRE k 9223372036854775"), invalid("expire"));
  EXPECT_EQ(run("EXPIRE k -9223372036854776"), invalid("expire"));
  EXPECT_EQ(run("EXPIRE k -9223372036854775808"), invalid("expire"));
  EXPECT_EQ(run("PEXPIRE k 9223372036854775807"), invalid("pexpire"));
  EXPECT_EQ(run("EXPIREAT k 9223372036854775807"), invalid("expireat"));
  EXPECT_EQ(run("EXPIRE absent 9223372036854775807"), invalid("expire"));
  EXPECT_EQ(run("EXPIRE k 9223372036854775808"),
            "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("EXPIRE k 1.5"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(run("TTL k"), "(integer) -1");
}

TEST_F(ExpiryCommands, ADeadlineNobodyWaitsForIsStillADeadline) {
  run("SET k v");
  EXPECT_EQ(run("EXPIREAT k 253402300799"), "(integer) 1");
  EXPECT_EQ(run("PEXPIRETIME k"), "(integer) 253402300799000");
  EXPECT_EQ(run("PEXPIREAT k 9223372036854775807"), "(integer) 1");
  EXPECT_NE(run("PTTL k"), "(integer) -1");
  EXPECT_EQ(run("SET k w PXAT 9223372036854775807"), "OK");
  EXPECT_NE(run("PTTL k"), "(integer) -1");
  advance(24h * 365 * 100);
  EXPECT_EQ(run("GET k"), "w");
}

TEST_F(ExpiryCommands, ExpireNxGivesADeadlineOnlyWhereThereIsNone) {
  run("SET k v");
  EXPECT_EQ(run("EXPIRE k 10 NX"), "(integer) 1");
  EXPECT_EQ(run("EXPIRE k 20 NX"), "(integer) 0");
  EXPECT_EQ(run("TTL k"), "(integer) 10");
}

TEST_F(ExpiryCommands, ExpireXxMovesOnlyADeadlineThatIsThere) {
  run("SET k v");
  EXPECT_EQ(run("EXPIRE k 10 XX"), "(integer) 0");
  EXPECT_EQ(run("TTL k"), "(integer) -1");
  run("EXPIRE k 10");
  EXPECT_EQ(run("EXPIRE k 20 xx"), "(integer) 1");
  EXPECT_EQ(run("TTL k"), "(integer) 20");
}

TEST_F(ExpiryCommands, ExpireGtAndLtTakeNoDeadlineForTheLatest) {
  run("SET k v");
  EXPECT_EQ(run("EXPIRE k 10 GT"), "(integer) 0");
  EXPECT_EQ(run("EXPIRE k 10 LT"), "(integer) 1");
  EXPECT_EQ(run("EXPIRE k 10 GT"), "(integer) 0");
  EXPECT_EQ(run("EXPIRE k 10 LT"), "(integer) 0");
  EXPECT_EQ(run("EXPIRE k 11 GT"), "(integer) 1");
  EXPECT_EQ(run("EXPIRE k 9 LT XX"), "(integer) 1");
  EXPECT_EQ(run("TTL k"), "(integer) 9");
  EXPECT_EQ(run("EXPIRE k -1 GT"), "(integer) 0");
  EXPECT_EQ(run("EXPIRE k -1 LT"), "(integer) 1");
  EXPECT_EQ(run("EXISTS k"), "(integer) 0");
}

TEST_F(ExpiryCommands, ExpireLooksAtItsOptionsFirst) {
  const std::string nx =
      "(error) ERR NX and XX, GT or LT options at the same time are not compatible";
  EXPECT_EQ(run("EXPIRE k 10 FOO"), "(error) ERR Unsupported option FOO");
  EXPECT_EQ(run("EXPIRE k abc FOO"), "(error) ERR Unsupported option FOO");
  EXPECT_EQ(run("EXPIRE k abc NX XX"), nx);
  EXPECT_EQ(run("EXPIRE k 10 NX GT"), nx);
  EXPECT_EQ(run("EXPIRE k 10 LT NX"), nx);
  EXPECT_EQ(run("EXPIRE k 10 GT LT"),
            "(error) ERR GT and LT options at the same time are not compatible");
  EXPECT_EQ(run("EXPIRE k abc NX"), "(error) ERR value is not an integer or out of range");
}

TEST_F(ExpiryCommands, PersistTakesTheDeadlineOff) {
  run("SET k v PX 100");
  EXPECT_EQ(run("PERSIST k"), "(integer) 1");
  EXPECT_EQ(run("PERSIST k"), "(integer) 0");
  EXPECT_EQ(run("PERSIST absent"), "(integer) 0");
  advance(1000ms);
  EXPECT_EQ(run("GET k"), "v");
}

TEST_F(ExpiryCommands, UpkeepRemovesWhatIsDue) {
  for (int i = 0; i < 100; ++i) run_words({"SET", "s:" + std::to_string(i), "v", "PX", "1000"});
  run("SET stays v");
  advance(2000ms);
  upkeep();
  EXPECT_EQ(run("DBSIZE"), "(integer) 1");
}

TEST_F(ExpiryCommands, ATouchedSessionOutlivesItsFirstDeadline) {
  run("SET s:1 v PX 1000");
  advance(900ms);
  run("PEXPIRE s:1 1000");
  advance(900ms);
  upkeep();
  EXPECT_EQ(run("GET s:1"), "v");
  advance(100ms);
  EXPECT_EQ(run("GET s:1"), "(nil)");
}

TEST_F(ExpiryCommands, AnExpiredSessionStaysDeadAfterARestart) {
  run("SET s:1 v PX 1000");
  run("SET s:2 v PX 1000");
  run("SET s:3 v");
  advance(1000ms);
  EXPECT_EQ(run("GET s:1"), "(nil)");
  restart();
  EXPECT_EQ(run("EXISTS s:1 s:2 s:3"), "(integer) 1");
  EXPECT_EQ(run("KEYS *"), "1) \"s:3\"");
}

TEST_F(ExpiryCommands, DeadlinesSurviveARestart) {
  run("SET later v PX 1000");
  run("PEXPIRE later 9000");
  run("SET earlier v PX 9000");
  run("PEXPIRE earlier 1000");
  run("SET never v PX 1000");
  run("PERSIST never");
  restart();
  EXPECT_EQ(run("PTTL later"), "(integer) 9000");
  EXPECT_EQ(run("PTTL earlier"), "(integer) 1000");
  EXPECT_EQ(run("PTTL never"), "(integer) -1");
}

}  // namespace
}  // namespace sojourn::server
