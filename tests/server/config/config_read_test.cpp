#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/config/config_support.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(ConfigRead, TakesLinesCommentsAndQuotes) {
  Config config;
  ASSERT_EQ(read(config,
                 "# a comment\n\n  PORT 7000\r\n\tbind 10.0.0.1 '-::1'\n"
                 "requirepass \"with \\\"quotes\\\" and \\x23\"\nmaxmemory 1gb\ntimeout 30"),
            "OK");
  const auto settings = config.current();
  EXPECT_EQ(settings->port, 7000);
  EXPECT_THAT(settings->bind, ElementsAre("10.0.0.1", "-::1"));
  EXPECT_EQ(settings->requirepass, "with \"quotes\" and #");
  EXPECT_EQ(settings->maxmemory, 1u << 30);
  EXPECT_EQ(settings->timeout, std::chrono::seconds(30));
}

TEST(ConfigRead, TheLastLineWins) {
  Config config;
  ASSERT_EQ(read(config, "port 1\nport 2\n"), "OK");
  ASSERT_EQ(read(config, "timeout 5\n"), "OK");
  EXPECT_EQ(config.current()->port, 2);
  EXPECT_EQ(config.current()->timeout, std::chrono::seconds(5));
}

TEST(ConfigRead, SaysFileLineTextAndWhatWasExpected) {
  Config config;
  EXPECT_EQ(read(config, "# first\nport 6379\nprot 6379\n"),
            "*** FATAL CONFIG FILE ERROR (Sojourn 0.1.0) ***\n"
            "Reading test.conf, at line 3\n"
            ">>> 'prot 6379'\n"
            "unknown directive 'prot'; did you mean 'port'?");
  EXPECT_THAT(read(config, "port x"),
              EndsWith(">>> 'port x'\nargument couldn't be parsed into an integer"));
  EXPECT_THAT(read(config, "port"), EndsWith("wrong number of arguments"));
  EXPECT_THAT(read(config, "port 1 2"), EndsWith("wrong number of arguments"));
  EXPECT_THAT(read(config, "dir \"abc"), EndsWith("Unbalanced quotes in configuration line"));
  EXPECT_THAT(read(config, "xyzzy 1"), EndsWith("\nunknown directive 'xyzzy'"));
}

TEST(ConfigRead, ChangesNothingWhenALineIsWrong) {
  Config config;
  EXPECT_NE(read(config, "port 7000\nmaxmemory lots\n"), "OK");
  EXPECT_EQ(config.current()->port, 6379);
}

TEST(ConfigRead, ShowsNoSecretInAnError) {
  Config config;
  EXPECT_THAT(read(config, "requirepass \"hunter2"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(read(config, "masterauth hunter2 twice"), HasSubstr(">>> 'masterauth ...'"));
}

TEST(ConfigRead, AddsSavePointsUntilTheyAreCleared) {
  Config config;
  EXPECT_EQ(value_of(config, "save"), "3600 1 300 100 60 10000");
  ASSERT_EQ(read(config, "save 900 1\nsave 300 10 60 10000\n"), "OK");
  EXPECT_EQ(value_of(config, "save"), "900 1 300 10 60 10000");
  ASSERT_EQ(read(config, "save \"\"\n"), "OK");
  EXPECT_EQ(value_of(config, "save"), "");
  EXPECT_THAT(read(config, "save 900"), EndsWith("Invalid save parameters"));
}

TEST(ConfigRead, AddsRenamedCommands) {
  Config config;
  ASSERT_EQ(read(config, "rename-command CONFIG \"\"\nrename-command flushall wipe\n"), "OK");
  EXPECT_THAT(config.current()->rename_command,
              ElementsAre(Pair("CONFIG", ""), Pair("flushall", "wipe")));
  EXPECT_THAT(read(config, "rename-command CONFIG"), EndsWith("wrong number of arguments"));
}

TEST(ConfigRead, SetsOutputLimitsOfTheNamedClassOnly) {
  Config config;
  ASSERT_EQ(read(config,
                 "client-output-buffer-limit Normal 1mb 512kb 10\n"
                 "client-output-buffer-limit replica 0 0 0\n"),
            "OK");
  EXPECT_EQ(config.current()->output_limit.hard_bytes, 1u << 20);
  EXPECT_EQ(config.current()->output_limit.soft_time, std::chrono::seconds(10));
  EXPECT_EQ(value_of(config, "client-output-buffer-limit"),
            "normal 1048576 524288 10 slave 0 0 0 pubsub 33554432 8388608 60");
}

TEST(ConfigRead, OutputOfConnectionsIsBoundedByDefault) {
  EXPECT_GT(Config().current()->output_limit.hard_bytes, 0u);
}

TEST(ConfigRead, IncludesFilesByPattern) {
  const TemporaryDirectory directory;
  directory.write("10-port.conf", "port 7001\n");
  directory.write("20-port.conf", "port 7002\ntimeout 9\n");
  Config config;
  ASSERT_EQ(read(config, "include " + directory.path().string() + "/*.conf\ntimeout 10\n"), "OK");
  EXPECT_EQ(config.current()->port, 7002);
  EXPECT_EQ(config.current()->timeout, std::chrono::seconds(10));
  EXPECT_EQ(read(config, "include " + directory.path().string() + "/*.none\n"), "OK");
}

TEST(ConfigRead, NamesTheIncludedFileInItsErrors) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("a.conf", "\nport x\n");
  Config config;
  EXPECT_THAT(read(config, "include " + file), HasSubstr("Reading " + file + ", at line 2\n"));
  EXPECT_THAT(read(config, "include " + file + ".none"),
              EndsWith("can't open '" + file + ".none': No such file or directory"));
}

TEST(ConfigRead, EndsAtAFileThatIncludesItself) {
  const TemporaryDirectory directory;
  const std::string file = directory.path() / "loop.conf";
  directory.write("loop.conf", "include " + file + "\n");
  Config config;
  EXPECT_THAT(read(config, "include " + file), EndsWith("files include one another too deeply"));
}

TEST(ConfigRead, TakesNoEndlessFile) {
  Config config;
  EXPECT_THAT(read(config, "include /dev/zero"), EndsWith("no configuration"));
}

TEST(ConfigRead, KeepsTheLinesOfUsers) {
  Config config;
  EXPECT_EQ(read(config, "user alice on >secret ~a* +@all\nuser bob (+get ~b)\naclfile \"\""),
            "OK");
  using Words = std::vector<std::string>;
  EXPECT_THAT(
      config.current()->user_lines,
      ElementsAre(Words{"alice", "on", ">secret", "~a*", "+@all"}, Words{"bob", "(+get", "~b)"}));
  EXPECT_THAT(read(config, "user"), HasSubstr("wrong number of arguments"));
  EXPECT_THAT(read(config, "user alice \"on >hunter2"),
              AllOf(HasSubstr("Unbalanced quotes"), Not(HasSubstr("hunter2"))));
}

// What would break a promise if it were ignored ends start-up.
TEST(ConfigRead, RefusesWhatIsNotThereYet) {
  Config config;
  for (const char* line :
       {"replicaof 10.0.0.1 6379", "slaveof 10.0.0.1 6379", "cluster-enabled yes",
        "loadmodule /lib/x.so", "min-replicas-to-write 1"}) {
    EXPECT_THAT(read(config, line), HasSubstr("not supported")) << line;
  }
  for (const char* line :
       {"replicaof no one", "cluster-enabled no", "min-slaves-to-write 0"}) {
    EXPECT_EQ(read(config, line), "OK") << line;
  }
}

}  // namespace
}  // namespace sojourn::server
