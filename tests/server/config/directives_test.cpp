#include "server/config/directives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "server/base/numbers.h"
#include "server/config/reader.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;

// Something other than the default that the row takes.
std::string another_value(const Directive& row) {
  using enum Kind::Type;
  const std::string now = print_directive(row, {});
  switch (row.kind.type) {
    case yes_no:
      return now == "yes" ? "no" : "yes";
    case number:
    case memory:
      return std::to_string(*parse_integer(now) + (*parse_integer(now) < row.kind.max ? 1 : -1));
    case memory_or_percent:
      return "10%";
    case octal:
      return "700";
    case choice:
      return std::string(now == row.kind.choices[0] ? row.kind.choices[1] : row.kind.choices[0]);
    case text:
      return row.name == "notify-keyspace-events" ? "gxE" : "/a \"b\"\n'c'";
    case words:
      break;
  }
  if (row.name == "client-output-buffer-limit") return "normal 1 2 3 slave 4 5 6 pubsub 7 8 9";
  if (row.name.starts_with("shutdown-on")) return "nosave now";
  if (row.name == "bind") return "10.0.0.1 -::1";
  return row.name == "save" ? "60 1 10 2" : "1 2 3";
}

TEST(EveryDirective, ReadsItsOwnLineAsTheSameValue) {
  for (const Directive* row : all_directives()) {
    if (row->has(kFileOnly)) continue;
    for (const std::string& value : {print_directive(*row, {}), another_value(*row)}) {
      if (row->refused && value != row->standard) continue;
      Settings given;
      ASSERT_TRUE(apply_directive(*row, {value}, Origin::command, given)) << row->name;
      EXPECT_EQ(print_directive(*row, given), value) << row->name;
      ConfigReader reader({}, {});
      const auto read = reader.read_text(directive_line(*row, given), "test");
      ASSERT_TRUE(read) << read.error().detail;
      EXPECT_EQ(print_directive(*row, reader.settings), value) << row->name;
    }
  }
}

TEST(EveryDirective, HasOneName) {
  std::set<std::string_view> names;
  for (const Directive* row : all_directives()) {
    EXPECT_TRUE(names.insert(row->name).second) << row->name;
    EXPECT_TRUE(row->old_name.empty() || names.insert(row->old_name).second) << row->old_name;
    EXPECT_EQ(row->name, lower_case(row->name));
    EXPECT_FALSE(row->summary.empty()) << row->name;
  }
}

TEST(EveryDirective, WithoutMeaningHasADefaultItWouldTake) {
  for (const Directive& row : kept_directives()) {
    if (row.has(kFileOnly)) continue;
    Settings settings;
    const auto applied = apply_directive(row, {std::string(row.standard)}, Origin::line, settings);
    EXPECT_TRUE(applied) << row.name << ": " << applied.error().detail;
    EXPECT_EQ(print_directive(row, settings), row.standard) << row.name;
  }
}

TEST(EveryDirective, IsInTheReadme) {
  std::ostringstream readme;
  readme << std::ifstream(SOJOURN_CONFIG_README).rdbuf();
  for (const Directive* row : all_directives()) {
    EXPECT_THAT(readme.str(), HasSubstr("`" + std::string(row->name) + "`"));
  }
}

TEST(Directives, AreFoundByOldNamesAndInAnyCase) {
  EXPECT_EQ(find_directive("Slave-Read-Only"), find_directive("replica-read-only"));
  EXPECT_NE(find_directive("PORT"), nullptr);
  EXPECT_EQ(find_directive("prot"), nullptr);
}

TEST(Directives, AreGuessedFromASlipOfTheFinger) {
  EXPECT_EQ(similar_directive("prot"), find_directive("port"));
  EXPECT_EQ(similar_directive("MaxMemroy"), find_directive("maxmemory"));
  EXPECT_EQ(similar_directive("append-only"), find_directive("appendonly"));
  EXPECT_EQ(similar_directive("completely-unknown"), nullptr);
}

}  // namespace
}  // namespace sojourn::server
