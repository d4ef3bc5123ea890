#include "server/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace sojourn::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogFile : public ::testing::Test {
 protected:
  LogFile() {
    std::string name = (std::filesystem::temp_directory_path() / "sojourn-log-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~LogFile() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Log> open(LogLevel level) { return Log::open(path(), level).value(); }
  std::string path() const { return directory_ / "server.log"; }
  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::filesystem::path directory_;
};

TEST_F(LogFile, WritesLinesInTheFormOperatorsKnow) {
  open(LogLevel::notice)->notice("Ready to accept {}", "connections");
  EXPECT_THAT(content(path()), MatchesRegex("[0-9]+:M [0-9][0-9] [A-Z][a-z][a-z] [0-9]+ "
                                            "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\\.[0-9][0-9][0-9] "
                                            "\\* Ready to accept connections\n"));
  EXPECT_THAT(content(path()), ::testing::StartsWith(std::to_string(getpid()) + ":M "));
}

TEST_F(LogFile, MarksEachLevel) {
  const auto log = open(LogLevel::debug);
  log->debug("a");
  log->verbose("b");
  log->notice("c");
  log->warning("d");
  const std::string text = content(path());
  for (const char* line : {" . a\n", " - b\n", " * c\n", " # d\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST_F(LogFile, LeavesOutWhatIsBelowItsLevel) {
  const auto log = open(LogLevel::warning);
  log->notice("quiet");
  log->set_level(LogLevel::notice);
  log->notice("loud");
  EXPECT_THAT(content(path()), Not(HasSubstr("quiet")));
  EXPECT_THAT(content(path()), HasSubstr("loud"));
}

TEST_F(LogFile, NobodyCanForgeALine) {
  open(LogLevel::notice)->notice("name: {}", "x\r\n1:M forged\x1b[2J\t");
  EXPECT_THAT(content(path()), EndsWith("name: x\\r\\n1:M forged\\x1b[2J\\x09\n"));
}

TEST_F(LogFile, GoesOnInANewFileAfterRotation) {
  const auto log = open(LogLevel::notice);
  log->notice("before");
  std::filesystem::rename(path(), path() + ".1");
  log->notice("after");
  EXPECT_THAT(content(path() + ".1"), EndsWith("before\n"));
  EXPECT_THAT(content(path()), EndsWith("after\n"));
}

TEST_F(LogFile, SaysWhatItCannotOpen) {
  const auto log = Log::open(directory_ / "missing" / "server.log", LogLevel::notice);
  ASSERT_TRUE(log.has_error());
  EXPECT_THAT(log.error().detail, HasSubstr("missing/server.log': No such file or directory"));
}

TEST_F(LogFile, DropsALineItCannotWrite) {
  const auto log = open(LogLevel::notice);
  std::filesystem::remove_all(directory_);
  log->notice("lost");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace sojourn::server
