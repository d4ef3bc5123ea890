#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/config/config_support.h"

namespace sojourn::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::vector<std::pair<std::string, std::string>> get(const Config& config,
                                                     std::vector<std::string_view> patterns) {
  return config.get(patterns);
}

// The questions real clients ask when they connect.
TEST(ConfigGet, AnswersWhatClientsAsk) {
  const Config config;
  EXPECT_EQ(value_of(config, "timeout"), "0");
  EXPECT_EQ(value_of(config, "databases"), "16");
  EXPECT_EQ(value_of(config, "slave-read-only"), "yes");
  EXPECT_EQ(value_of(config, "replica-read-only"), "yes");
  EXPECT_EQ(value_of(config, "notify-keyspace-events"), "");
  EXPECT_EQ(value_of(config, "appendonly"), "yes");
  EXPECT_EQ(value_of(config, "maxmemory-policy"), "spill");
  EXPECT_EQ(value_of(config, "proto-max-bulk-len"), "536870912");
}

TEST(ConfigGet, TakesSeveralPatternsAndGivesNoNameTwice) {
  const Config config;
  EXPECT_THAT(
      get(config, {"maxmemory", "MAXMEM*", "port"}),
      UnorderedElementsAre(Pair("maxmemory", "0"), Pair("maxmemory-policy", "spill"),
                           Pair("maxmemory-samples", "5"), Pair("maxmemory-clients", "0"),
                           Pair("maxmemory-eviction-tenacity", "10"), Pair("port", "6379")));
}

TEST(ConfigGet, GivesBothNamesOfADirective) {
  const Config config;
  EXPECT_THAT(get(config, {"repl-ping-*"}),
              UnorderedElementsAre(Pair("repl-ping-replica-period", "10"),
                                   Pair("repl-ping-slave-period", "10")));
}

TEST(ConfigGet, GivesAPlainNameBackAsItWasAskedFor) {
  EXPECT_THAT(get(Config(), {"TimeOut"}), ElementsAre(Pair("TimeOut", "0")));
}

TEST(ConfigGet, KnowsNothingOfUnknownNamesAndOfFileDirectives) {
  EXPECT_THAT(get(Config(), {"nothing", "rename-command", "include", "user"}), IsEmpty());
  EXPECT_THAT(get(Config(), {"*"}), Not(Contains(Pair("rename-command", ::testing::_))));
}

}  // namespace
}  // namespace sojourn::server
