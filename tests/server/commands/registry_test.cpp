#include "server/commands/registry.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace sojourn::server {
namespace {

TEST(Registry, FindsCommandsInAnyCase) {
  const Registry registry;
  for (std::string_view name : {"get", "GET", "gEt"}) {
    const Command* command = registry.find(name);
    ASSERT_NE(command, nullptr) << name;
    EXPECT_EQ(command->name, "get");
  }
}

TEST(Registry, FindsEveryCommandItListsAndGivesEachItsOwnIndex) {
  const Registry registry;
  std::set<std::size_t> indices;
  for (const Command& row : registry.rows()) {
    EXPECT_EQ(&registry.rows()[Registry::index_of(row)], &row) << row.full_name;
    EXPECT_EQ(registry.find_full_name(row.full_name), &row);
    indices.insert(Registry::index_of(row));
  }
  EXPECT_EQ(indices.size(), registry.rows().size());
  EXPECT_GT(registry.all().size(), 80u);
}

TEST(Registry, FindsNothingUnderOtherNames) {
  const Registry registry;
  using namespace std::string_view_literals;
  for (std::string_view name : {""sv, "ge"sv, "gett"sv, "get\0"sv, "\0get"sv, "g\x05t"sv, "get "sv,
                                "client|list"sv, "nope"sv}) {
    EXPECT_EQ(registry.find(name), nullptr) << name;
  }
  EXPECT_EQ(registry.find(std::string(32, 'x')), nullptr);
  EXPECT_EQ(registry.find(std::string(33, 'x')), nullptr);
  EXPECT_EQ(registry.find(std::string(100'000, 'x')), nullptr);
}

TEST(Registry, TellsLettersFromBytesThatDifferInTheSameBit) {
  const Registry registry;
  const Command* client = registry.find("client");
  ASSERT_NE(client, nullptr);
  EXPECT_NE(Registry::find_sub(*client, "NO-Touch"), nullptr);
  EXPECT_EQ(Registry::find_sub(*client, "NO\rTOUCH"), nullptr);
  Registry renamed;
  ASSERT_TRUE(renamed.rename("get", "a-b_[@"));
  EXPECT_NE(renamed.find("A-B_[@"), nullptr);
  EXPECT_EQ(renamed.find("a\rb_[@"), nullptr);
  EXPECT_EQ(renamed.find("a-b\x7f[@"), nullptr);
  EXPECT_EQ(renamed.find("a-b_{@"), nullptr);
  EXPECT_EQ(renamed.find("a-b_[`"), nullptr);
}

TEST(Registry, FindsTheRowARequestRuns) {
  const Registry registry;
  const std::vector<std::string_view> kill{"CLIENT", "Kill", "x"};
  const Command* row = registry.find_row(kill);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->full_name, "client|kill");
  ASSERT_NE(row->container, nullptr);
  EXPECT_EQ(row->container->name, "client");
  const std::vector<std::string_view> alone{"client"};
  EXPECT_EQ(registry.find_row(alone)->full_name, "client");
  const std::vector<std::string_view> unknown{"client", "nope"};
  EXPECT_EQ(registry.find_row(unknown), nullptr);
}

TEST(Registry, RenamesCommandsToNamesOfAnyLength) {
  Registry registry;
  const Command* config = registry.find("config");
  const std::string secret = "b840fc02d524045429941cc15f59e41cb7be6c52";
  EXPECT_TRUE(registry.rename("CONFIG", secret));
  EXPECT_EQ(registry.find("config"), nullptr);
  EXPECT_EQ(registry.find(secret), config);
  EXPECT_EQ(registry.find(secret + "0"), nullptr);
  EXPECT_TRUE(registry.rename(secret, "cfg"));
  EXPECT_EQ(registry.find("CFG"), config);
  EXPECT_EQ(registry.find(secret), nullptr);
}

TEST(Registry, RemovesCommandsAndRefusesWhatCannotBeRenamed) {
  Registry registry;
  const std::size_t before = registry.all().size();
  EXPECT_TRUE(registry.rename("keys", ""));
  EXPECT_EQ(registry.find("keys"), nullptr);
  EXPECT_EQ(registry.all().size(), before - 1);
  EXPECT_EQ(registry.rename("keys", "x").error().detail, "No such command in rename-command");
  EXPECT_EQ(registry.rename("get", "set").error().detail, "Target command name already exists");
  EXPECT_NE(registry.find("get"), nullptr);
}

TEST(Registry, KnowsWhatOnlyRedisHas) {
  EXPECT_TRUE(Registry::only_in_redis("FCALL"));
  EXPECT_FALSE(Registry::only_in_redis("fool"));
  const Registry registry;
  for (const Command* command : registry.all()) {
    EXPECT_FALSE(Registry::only_in_redis(command->name)) << command->name;
  }
}

TEST(Registry, EveryRowTellsWhatItIs) {
  const Registry registry;
  for (const Command& row : registry.rows()) {
    EXPECT_TRUE(well_formed(row)) << row.full_name;
    EXPECT_FALSE(row.since.empty()) << row.full_name;
    EXPECT_FALSE(row.summary.empty()) << row.full_name;
    if (row.run != nullptr) {
      EXPECT_FALSE(row.complexity.empty()) << row.full_name;
    }
    // WATCH reads none of the data, and what a script does its row cannot know; Redis says so.
    constexpr std::uint64_t kTouches = kWrite | kReadOnly | kTransactionCategory | kGrows;
    const bool touches_keys = (row.flags & kTouches) != 0;
    if (row.keys.first != 0) {
      EXPECT_TRUE(touches_keys) << row.full_name << " has keys but neither reads nor writes";
    }
  }
}

}  // namespace
}  // namespace sojourn::server
