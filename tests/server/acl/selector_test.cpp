#include "server/acl/selector.h"

#include <gtest/gtest.h>

#include "tests/server/acl/catalogue.h"

namespace sojourn::server {
namespace {

class ASelector : public ::testing::Test {
 protected:
  RuleError apply(std::string_view rule) { return selector_.apply(rule, commands_); }
  void take(std::initializer_list<std::string_view> rules) {
    for (const std::string_view rule : rules) EXPECT_EQ(apply(rule), RuleError::none) << rule;
  }
  // Of the catalogue, those it allows; "select 0" stands for a request.
  std::string allowed() const {
    std::string names;
    for (std::size_t i = 0; i < commands_.all().size(); ++i) {
      const std::string_view words[] = {"x", "0"};
      if (!selector_.allows_command(static_cast<CommandCatalogue::Index>(i), words)) continue;
      names += (names.empty() ? "" : " ") + commands_.all()[i].full_name;
    }
    return names;
  }

  const CommandCatalogue commands_ = small_catalogue();
  Selector selector_{false};
};

TEST_F(ASelector, AllowsNothingAtFirst) {
  EXPECT_EQ(allowed(), "");
  EXPECT_FALSE(selector_.allows_key("a", false, false));
  EXPECT_FALSE(selector_.allows_channel("a", false));
  EXPECT_EQ(selector_.describe(), "resetchannels -@all");
  EXPECT_FALSE(selector_.unrestricted());
}

TEST_F(ASelector, AllowsEverythingWhenItIsToldSo) {
  take({"+@all", "~*", "&*"});
  EXPECT_TRUE(selector_.unrestricted());
  EXPECT_EQ(selector_.describe(), "~* &* +@all");
  take({"-ping"});
  EXPECT_FALSE(selector_.unrestricted());
  EXPECT_EQ(allowed(), "get set config config|get config|set select");
  EXPECT_EQ(selector_.describe_commands(), "+@all -ping");
}

TEST_F(ASelector, TakesCommandsInAnyCaseAndTellsThemInLowerCase) {
  take({"+GET", "-get", "+SeT"});
  EXPECT_EQ(allowed(), "set");
  EXPECT_EQ(selector_.describe_commands(), "-@all -get +set");
}

TEST_F(ASelector, AContainerStandsForItsSubcommands) {
  take({"+config"});
  EXPECT_EQ(allowed(), "config config|get config|set");
  take({"-config|set"});
  EXPECT_EQ(allowed(), "config config|get");
  EXPECT_EQ(selector_.describe_commands(), "-@all +config -config|set");
  take({"-config"});
  EXPECT_EQ(allowed(), "");
  EXPECT_EQ(selector_.describe_commands(), "-@all -config") << "what was said of its parts is over";
}

TEST_F(ASelector, TakesCategories) {
  take({"+@admin"});
  EXPECT_EQ(allowed(), "config|get config|set");
  take({"+@Connection", "-@fast"});
  EXPECT_EQ(allowed(), "config|get config|set");
  EXPECT_EQ(selector_.describe_commands(), "-@all +@admin +@connection -@fast");
  take({"+@admin"});
  EXPECT_EQ(selector_.describe_commands(), "-@all +@connection -@fast +@admin");
  EXPECT_EQ(apply("+@nope"), RuleError::unknown_command);
  take({"+@list"});  // there are no such commands
}

TEST_F(ASelector, AllowsACommandForAFirstArgument) {
  take({"+select|0"});
  EXPECT_EQ(allowed(), "select");
  const auto index = commands_.find("select")->index;
  const std::string_view other[] = {"select", "1"};
  const std::string_view alone[] = {"select"};
  EXPECT_FALSE(selector_.allows_command(index, other));
  EXPECT_FALSE(selector_.allows_command(index, alone));
  take({"-select"});
  EXPECT_EQ(allowed(), "");
}

TEST_F(ASelector, KnowsOfWhatOnlyRedisHas) {
  take({"+lpush", "+LPUSH|x", "-lpush", "+config|resetstat"});
  EXPECT_EQ(allowed(), "");
  EXPECT_EQ(selector_.describe_commands(), "-@all -lpush +config|resetstat");
}

TEST_F(ASelector, RefusesRulesThatAreWrong) {
  EXPECT_EQ(apply("+nope"), RuleError::unknown_command);
  EXPECT_EQ(apply("-nope"), RuleError::unknown_command);
  EXPECT_EQ(apply("+nope|x"), RuleError::unknown_command);
  EXPECT_EQ(apply("+config|nope"), RuleError::unknown_command);
  EXPECT_EQ(apply("-get|x"), RuleError::unknown_command);
  EXPECT_EQ(apply("+get|"), RuleError::syntax);
  EXPECT_EQ(apply("+get|x\nuser mallory on nopass +@all"), RuleError::syntax);
  EXPECT_EQ(apply("+lpush|x y"), RuleError::syntax);
  EXPECT_EQ(apply("+config|get|x"), RuleError::first_argument_of_subcommand);
  for (const char* rule : {"get", "@all", "%", "%R", "%~a", "%X~a", "%RR~a", "~a b", "&a\tb"}) {
    const bool good = std::string_view(rule) == "%R";
    EXPECT_EQ(apply(rule), good ? RuleError::none : RuleError::syntax) << rule;
  }
  EXPECT_EQ(apply(std::string_view("~a\0b", 4)), RuleError::syntax);
  EXPECT_EQ(selector_.describe(), "%R~ resetchannels -@all");
}

TEST_F(ASelector, TellsReadingFromWriting) {
  take({"%R~r:*", "%W~w:*", "%rw~b:*", "~c:*"});
  EXPECT_TRUE(selector_.allows_key("r:1", true, false));
  EXPECT_FALSE(selector_.allows_key("r:1", false, true));
  EXPECT_FALSE(selector_.allows_key("w:1", true, true));
  EXPECT_TRUE(selector_.allows_key("w:1", false, true));
  EXPECT_TRUE(selector_.allows_key("b:1", true, true));
  EXPECT_TRUE(selector_.allows_key("c:1", true, true));
  EXPECT_TRUE(selector_.allows_key("r:1", false, false)) << "only its presence is told";
  EXPECT_FALSE(selector_.allows_key("other", false, false));
  take({"%W~r:*"});
  EXPECT_TRUE(selector_.allows_key("r:1", true, true));
  EXPECT_EQ(selector_.describe_keys(), "~r:* %W~w:* ~b:* ~c:*");
}

TEST_F(ASelector, ReadingOfOnePatternAndWritingOfAnotherMakeNoPermissionForBoth) {
  take({"%R~*a", "%W~a*"});
  EXPECT_FALSE(selector_.allows_key("aa", true, true));
}

TEST_F(ASelector, AfterAllKeysNoPatternMakesSense) {
  take({"~a", "allkeys"});
  EXPECT_EQ(apply("~b"), RuleError::keys_after_all);
  EXPECT_EQ(apply("%X~b"), RuleError::keys_after_all);
  take({"resetkeys", "~b"});
  EXPECT_EQ(selector_.describe_keys(), "~b");
  take({"%RW~*"});
  EXPECT_EQ(selector_.describe(), "~b %RW~* resetchannels -@all") << "reads back as it is";
}

TEST_F(ASelector, MatchesChannelsButPatternsLetterByLetter) {
  take({"&news:*"});
  EXPECT_TRUE(selector_.allows_channel("news:1", false));
  EXPECT_FALSE(selector_.allows_channel("other", false));
  EXPECT_TRUE(selector_.allows_channel("news:*", true));
  EXPECT_FALSE(selector_.allows_channel("news:1*", true));
  EXPECT_FALSE(selector_.allows_channel("*", true));
  take({"&*"});
  EXPECT_EQ(apply("&a"), RuleError::channels_after_all);
  take({"resetchannels"});
  EXPECT_FALSE(selector_.allows_channel("news:1", false));
}

}  // namespace
}  // namespace sojourn::server
