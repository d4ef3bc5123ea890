#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config/directives.h"
#include "tests/server/config/config_support.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Action = Invocation::Action;

auto invoke(const std::vector<const char*>& arguments) { return Config::parse(arguments); }

std::string refusal(const std::vector<const char*>& arguments) {
  const auto parsed = invoke(arguments);
  return parsed ? "OK" : parsed.error().detail;
}

TEST(CommandLine, WithoutArgumentsServesWithTheDefaults) {
  const auto parsed = invoke({});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->first.action, Action::serve);
  EXPECT_EQ(parsed->first.config_file, "");
  EXPECT_EQ(parsed->second->current()->port, 6379);
}

TEST(CommandLine, GivesDirectivesWithTheirWords) {
  const auto parsed = invoke({"--port", "7000", "--bind", "10.0.0.1", "-::1", "--appendonly", "no",
                              "--slowlog-log-slower-than", "-1", "--save", ""});
  ASSERT_TRUE(parsed) << parsed.error().detail;
  const auto settings = parsed->second->current();
  EXPECT_EQ(settings->port, 7000);
  EXPECT_THAT(settings->bind, ElementsAre("10.0.0.1", "-::1"));
  EXPECT_FALSE(settings->appendonly);
  EXPECT_EQ(settings->slowlog_log_slower_than_us, -1);
  EXPECT_EQ(value_of(*parsed->second, "save"), "");
}

TEST(CommandLine, ComesAfterTheFile) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("a.conf", "port 7000\ntimeout 5\nsave 900 1\n");
  const auto parsed = invoke({file.c_str(), "--port", "7001", "--save", "60 1", "--save", "10 2"});
  ASSERT_TRUE(parsed) << parsed.error().detail;
  EXPECT_EQ(parsed->first.config_file, file);
  EXPECT_EQ(parsed->second->current()->port, 7001);
  EXPECT_EQ(parsed->second->current()->timeout, std::chrono::seconds(5));
  EXPECT_EQ(value_of(*parsed->second, "save"), "60 1 10 2");
}

TEST(CommandLine, RelativeFilesBecomeAbsolute) {
  const TemporaryDirectory directory;
  directory.write("a.conf", "");
  const std::string relative = std::filesystem::relative(directory.path() / "a.conf").string();
  const auto parsed = invoke({relative.c_str()});
  ASSERT_TRUE(parsed) << parsed.error().detail;
  EXPECT_EQ(parsed->first.config_file, directory.path() / "a.conf");
}

TEST(CommandLine, AcceptDataLossNeedsNoWord) {
  EXPECT_TRUE(invoke({"--accept-data-loss"})->second->current()->accept_data_loss);
  EXPECT_TRUE(invoke({"--accept-data-loss", "--port", "1"})->second->current()->accept_data_loss);
  EXPECT_FALSE(invoke({"--accept-data-loss", "no"})->second->current()->accept_data_loss);
}

TEST(CommandLine, AsksForHelpVersionOrACheck) {
  EXPECT_EQ(invoke({"--help"})->first.action, Action::help);
  EXPECT_EQ(invoke({"-h"})->first.action, Action::help);
  EXPECT_EQ(invoke({"--version"})->first.action, Action::version);
  EXPECT_EQ(invoke({"-v"})->first.action, Action::version);
  EXPECT_EQ(invoke({"--port", "7000", "--check-config"})->first.action, Action::check_config);
  EXPECT_EQ(invoke({"/no/such/file", "--help"})->first.action, Action::help);
}

TEST(CommandLine, SaysWhichArgumentIsWrong) {
  EXPECT_EQ(refusal({"--port", "7000", "--timeout", "soon"}),
            "*** FATAL CONFIG FILE ERROR (Sojourn 0.1.0) ***\n"
            "Reading the command line, at argument 3\n"
            ">>> '--timeout soon'\n"
            "argument couldn't be parsed into an integer");
  EXPECT_THAT(refusal({"--prot", "1"}), EndsWith("unknown directive 'prot'; did you mean 'port'?"));
  EXPECT_THAT(refusal({"--port"}), EndsWith("wrong number of arguments"));
  EXPECT_THAT(refusal({"-x"}), EndsWith("'-x'\nexpected --directive value"));
  EXPECT_THAT(refusal({"--requirepass", "hunter2", "x"}), Not(HasSubstr("hunter2")));
}

TEST(CommandLine, SaysWhyAFileCannotBeRead) {
  EXPECT_THAT(refusal({"/no/such/file"}),
              EndsWith("Can't open /no/such/file: No such file or directory"));
}

TEST(CommandLine, HelpListsEveryDirectiveThatDoesSomething) {
  const std::string help = Config::help();
  for (const Directive& row : effective_directives()) {
    EXPECT_THAT(help, HasSubstr("\n  " + std::string(row.name) + " "));
    EXPECT_THAT(help, HasSubstr(std::string(row.summary)));
  }
}

}  // namespace
}  // namespace sojourn::server
