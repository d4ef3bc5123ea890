#include "server/acl/user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/acl/password.h"
#include "tests/server/acl/catalogue.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;

class AUser : public ::testing::Test {
 protected:
  RuleError apply(std::string_view rule) { return user_.apply(rule, context_); }
  void take(std::initializer_list<std::string_view> rules) {
    for (const std::string_view rule : rules) EXPECT_EQ(apply(rule), RuleError::none) << rule;
  }

  const CommandCatalogue commands_ = small_catalogue();
  const RuleContext context_{commands_, false};
  User user_{"alice", 1, context_};
};

TEST_F(AUser, IsOffAtFirstAndAllowedNothing) {
  EXPECT_EQ(user_.describe(), "off sanitize-payload resetchannels -@all");
  EXPECT_FALSE(user_.accepts(""));
  EXPECT_FALSE(user_.unrestricted());
}

TEST_F(AUser, ComesInWithAnyOfHisPasswords) {
  take({"on", ">one", ">two", "#" + hash_password("three"), ">one"});
  EXPECT_EQ(user_.password_hashes().size(), 3u);
  for (const char* password : {"one", "two", "three"}) EXPECT_TRUE(user_.accepts(password));
  for (const char* password : {"", "on", "one ", "One"}) EXPECT_FALSE(user_.accepts(password));
  EXPECT_FALSE(user_.accepts(hash_password("one")));
  take({"<one", "!" + hash_password("two")});
  EXPECT_FALSE(user_.accepts("one"));
  EXPECT_FALSE(user_.accepts("two"));
  EXPECT_EQ(apply("<one"), RuleError::no_such_password);
  EXPECT_EQ(apply("!abc"), RuleError::bad_hash);
  EXPECT_EQ(apply("#abc"), RuleError::bad_hash);
}

TEST_F(AUser, WithoutAPasswordNeedsNoneOrCannotComeIn) {
  take({"on", "nopass"});
  EXPECT_TRUE(user_.accepts("anything"));
  take({">one"});
  EXPECT_FALSE(user_.accepts("anything"));
  take({"nopass"});
  EXPECT_TRUE(user_.password_hashes().empty());
  take({"resetpass"});
  EXPECT_FALSE(user_.accepts("anything"));
}

TEST_F(AUser, WhoIsOffDoesNotComeIn) {
  take({"nopass", ">one", "off"});
  EXPECT_FALSE(user_.accepts("one"));
}

TEST_F(AUser, HasSelectorsBesideHisOwnRules) {
  take({"+get", "~a", "(+set ~b)", "(%R~c &d +@all -get)"});
  EXPECT_EQ(user_.selectors().size(), 3u);
  EXPECT_EQ(user_.describe(),
            "off sanitize-payload ~a resetchannels -@all +get (~b resetchannels -@all +set) (%R~c "
            "resetchannels &d +@all -get)");
  EXPECT_EQ(apply("(+nope)"), RuleError::unknown_command);
  EXPECT_EQ(apply("(on)"), RuleError::syntax);
  EXPECT_EQ(apply("(>x)"), RuleError::syntax);
  EXPECT_EQ(apply("((+get))"), RuleError::syntax);
  EXPECT_EQ(user_.selectors().size(), 3u);
  take({"clearselectors"});
  EXPECT_EQ(user_.selectors().size(), 1u);
}

TEST_F(AUser, QuotesWhatOfASelectorWouldNotReadBack) {
  take({"(~\"a\\\"b\" ~'c')"});
  EXPECT_EQ(user_.selectors()[1].describe_keys(), "~a\"b ~c");
  User again("again", 2, context_);
  EXPECT_EQ(again.apply("(" + std::string("\"~a\\\"b\" ~c") + ")", context_), RuleError::none);
  EXPECT_EQ(again.selectors()[1].describe_keys(), "~a\"b ~c");
  EXPECT_NE(user_.describe().find("(\"~a\\\"b\" ~c "), std::string::npos) << user_.describe();
}

TEST_F(AUser, IsUnrestrictedIfOneSelectorIs) {
  take({"+@all", "~*"});
  EXPECT_FALSE(user_.unrestricted());
  take({"(+@all ~* &*)"});
  EXPECT_TRUE(user_.unrestricted());
  take({"clearselectors"});
  EXPECT_FALSE(user_.unrestricted());
  take({"allchannels"});
  EXPECT_TRUE(user_.unrestricted());
  take({"-ping"});
  EXPECT_FALSE(user_.unrestricted());
  take({"+ping"});
  EXPECT_FALSE(user_.unrestricted()) << "new commands are not his";
}

TEST_F(AUser, IsAsNewAfterReset) {
  take({"on", "nopass", ">x", "+@all", "~*", "&*", "(+get)", "skip-sanitize-payload"});
  EXPECT_THAT(user_.flags(), ElementsAre("on", "skip-sanitize-payload"));
  take({"reset"});
  EXPECT_EQ(user_.describe(), "off sanitize-payload resetchannels -@all");
  EXPECT_EQ(user_.name(), "alice");
  EXPECT_EQ(user_.account(), 1u);
  EXPECT_FALSE(user_.unrestricted());
}

TEST_F(AUser, WordsCountInAnyCaseAndNoWordIsNone) {
  take({"ON", "NoPass", "AllKeys", ""});
  EXPECT_EQ(user_.describe(), "on nopass sanitize-payload ~* resetchannels -@all");
}

TEST_F(AUser, LacksChannelsOnlyIfTheOtherHadMore) {
  take({"&a", "(&b)"});
  User other = user_;
  EXPECT_FALSE(user_.lacks_channels_of(other));
  EXPECT_EQ(other.apply("&c", context_), RuleError::none);
  EXPECT_TRUE(user_.lacks_channels_of(other));
  EXPECT_FALSE(other.lacks_channels_of(user_));
  EXPECT_EQ(other.apply("allchannels", context_), RuleError::none);
  EXPECT_TRUE(user_.lacks_channels_of(other));
  EXPECT_FALSE(other.lacks_channels_of(user_));
}

TEST(ANewUser, MayHaveAllChannelsByDefault) {
  const CommandCatalogue commands = small_catalogue();
  User user("bob", 1, {commands, true});
  EXPECT_EQ(user.apply("(+get)", {commands, true}), RuleError::none);
  EXPECT_EQ(user.describe(), "off sanitize-payload &* -@all (&* -@all +get)");
  EXPECT_EQ(user.apply("reset", {commands, false}), RuleError::none);
  EXPECT_EQ(user.describe(), "off sanitize-payload resetchannels -@all");
}

}  // namespace
}  // namespace sojourn::server
