#include "server/acl/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "server/acl/rule_words.h"
#include "tests/server/acl/catalogue.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class AllUsers : public ::testing::Test {
 protected:
  std::string set(std::string_view name, const Words& words) {
    const auto done = users_.set(name, words, false);
    return done ? "OK" : done.error().detail;
  }
  std::string replace(std::string_view text) {
    const auto done = users_.replace(text, "users.acl", false);
    return done ? "OK" : done.error().detail;
  }

  std::atomic<int> announced_{0};
  Users users_{small_catalogue(), [this] { ++announced_; }};
};

constexpr const char* kPlain = "user default on nopass sanitize-payload ~* &* +@all";

TEST_F(AllUsers, BeginWithOneWhoMayDoEverything) {
  EXPECT_THAT(users_.lines(), ElementsAre(kPlain));
  EXPECT_TRUE(users_.open());
  EXPECT_TRUE(users_.default_is_plain());
  EXPECT_TRUE(users_.default_user()->unrestricted());
}

TEST_F(AllUsers, AChangeIsAnnouncedAndMakesAnother) {
  EXPECT_EQ(set("alice", {"on", ">x", "+get"}), "OK");
  const auto before = users_.find("alice");
  const int announced = announced_;
  EXPECT_EQ(set("alice", {"+set"}), "OK");
  EXPECT_GT(announced_, announced);
  const auto now = users_.as_of_now(*before);
  ASSERT_NE(now, nullptr);
  EXPECT_NE(now, before);
  EXPECT_EQ(before->selectors()[0].describe_commands(), "-@all +get");
  EXPECT_EQ(now->selectors()[0].describe_commands(), "-@all +get +set");
}

TEST_F(AllUsers, OneWrongRuleChangesNothing) {
  EXPECT_EQ(set("alice", {"on", "+nope"}),
            "Error in ACL SETUSER modifier '+nope': Unknown command or category name in ACL");
  EXPECT_EQ(users_.find("alice"), nullptr);
  EXPECT_EQ(set("alice", {"on", "(+get", "~a"}),
            "Unmatched parenthesis in acl selector starting at '(+get'.");
  EXPECT_EQ(users_.find("alice"), nullptr);
}

TEST_F(AllUsers, WhoHasTheNameOfADeletedOneIsAnother) {
  set("alice", {"on"});
  const auto before = users_.find("alice");
  const std::string_view names[] = {"alice", "nobody", "default"};
  EXPECT_EQ(users_.remove(names), 1u);
  EXPECT_EQ(users_.as_of_now(*before), nullptr);
  EXPECT_NE(users_.default_user(), nullptr) << "never goes";
  set("alice", {"on"});
  EXPECT_EQ(users_.as_of_now(*before), nullptr);
}

TEST_F(AllUsers, ComeInWithTheirPasswords) {
  set("alice", {"on", ">x"});
  EXPECT_EQ(users_.log_in("alice", "x"), users_.find("alice"));
  EXPECT_EQ(users_.log_in("alice", "y"), nullptr);
  EXPECT_EQ(users_.log_in("nobody", "x"), nullptr);
  set("alice", {"off"});
  EXPECT_EQ(users_.log_in("alice", "x"), nullptr);
}

TEST_F(AllUsers, TheDefaultOneFollowsRequirepassWhenItChanges) {
  users_.follow_requirepass("secret");
  EXPECT_FALSE(users_.open());
  EXPECT_FALSE(users_.unprotected());
  EXPECT_TRUE(users_.default_is_plain());
  EXPECT_NE(users_.log_in("default", "secret"), nullptr);
  set("default", {"resetpass", ">other"});
  EXPECT_FALSE(users_.default_is_plain());
  users_.follow_requirepass("secret");
  EXPECT_EQ(users_.log_in("default", "secret"), nullptr) << "it has not changed";
  users_.follow_requirepass("");
  EXPECT_TRUE(users_.open());
  set("default", {"off"});
  EXPECT_FALSE(users_.open());
  EXPECT_TRUE(users_.unprotected());
}

TEST_F(AllUsers, TellWhetherChannelsWereTakenAway) {
  EXPECT_EQ(users_.set("alice", Words{"&a", "&b"}, false).value(), false);
  EXPECT_EQ(users_.set("alice", Words{"&c"}, false).value(), false);
  EXPECT_EQ(users_.set("alice", Words{"resetchannels", "&a"}, false).value(), true);
}

TEST_F(AllUsers, AreWrittenAndReadBack) {
  set("alice", {"on", ">x", "~a*", "&c", "+get", "(+config|get", "%R~b)"});
  set("carl", {"(~a) +get)", "(%R~\"x\\\"y\")", "+select|0)"});
  EXPECT_EQ(users_.find("carl")->selectors().size(), 3u);
  set("bob", {"+@all", "-@admin", "skip-sanitize-payload"});
  users_.follow_requirepass("secret");
  const Words lines = users_.lines();
  std::string text = "\n";
  for (const std::string& line : lines) text += "  " + line + " \r\n\n";
  Users others(small_catalogue(), [] {});
  ASSERT_TRUE(others.replace(text, "users.acl", false));
  EXPECT_EQ(others.lines(), lines);
}

TEST_F(AllUsers, AFileThatIsWrongChangesNothingAndSaysWhy) {
  set("alice", {"on"});
  const Words before = users_.lines();
  EXPECT_EQ(replace("user bob on +nope +get bad ~a\nwat\nuser\nuser bob on\nuser bob on\n# x\n"
                    "user carl (+get\n"),
            "users.acl:1: Error in applying operation '+nope': Unknown command or category name in "
            "ACL. users.acl:1: Syntax error. "
            "users.acl:2 should start with user keyword followed by the username. "
            "users.acl:3 should start with user keyword followed by the username. "
            "WARNING: Duplicate user 'bob' found on line 5. "
            "users.acl:6 should start with user keyword followed by the username. "
            "users.acl:7: Unmatched parenthesis in selector definition."
            "WARNING: ACL errors detected, no change to the previously active ACL rules was "
            "performed");
  EXPECT_EQ(users_.lines(), before);
}

TEST_F(AllUsers, WhomAFileNamesAgainStaysTheSameOne) {
  set("alice", {"on"});
  set("bob", {"on"});
  const auto alice = users_.find("alice"), bob = users_.find("bob"),
             someone = users_.default_user();
  EXPECT_EQ(replace("user alice on nopass +get\nuser carl on"), "OK");
  EXPECT_NE(users_.as_of_now(*alice), nullptr);
  EXPECT_EQ(users_.as_of_now(*bob), nullptr);
  EXPECT_NE(users_.as_of_now(*someone), nullptr);
  EXPECT_EQ(users_.lines().size(), 3u) << "the default user is there whatever the file says";
}

TEST_F(AllUsers, AFileThatDoesNotNameTheDefaultOneLeavesHimHisPassword) {
  users_.follow_requirepass("secret");
  EXPECT_EQ(replace("user alice on nopass +get"), "OK");
  EXPECT_NE(users_.log_in("default", "secret"), nullptr);
  EXPECT_EQ(users_.log_in("default", ""), nullptr);
  EXPECT_FALSE(users_.open());
  EXPECT_FALSE(users_.unprotected());
}

TEST_F(AllUsers, OfLinesMayBeTheDefaultOne) {
  users_.follow_requirepass("secret");
  const std::vector<Words> lines{{"alice", "on", "(+get", "~a)"}, {"default", "on", ">other"}};
  ASSERT_TRUE(users_.add_lines(lines, false));
  EXPECT_EQ(users_.log_in("default", "secret"), nullptr);
  EXPECT_NE(users_.log_in("default", "other"), nullptr);
  EXPECT_FALSE(users_.default_user()->unrestricted()) << "he begins anew";
  const std::vector<Words> twice{{"bob"}, {"bob"}};
  EXPECT_THAT(users_.add_lines(twice, false).error().detail, HasSubstr("Duplicate user"));
  const std::vector<Words> spaced{{"b ob"}};
  EXPECT_THAT(users_.add_lines(spaced, false).error().detail, HasSubstr("invalid characters"));
  EXPECT_EQ(users_.find("bob"), nullptr);
}

TEST_F(AllUsers, AreSeenWholeWhileTheyChange) {
  set("alice", {"on", ">x", "+@all", "~*", "&*"});
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto user = users_.find("alice");
        const std::string told = user->describe();
        EXPECT_TRUE(told.ends_with("~* &* +@all") || told.ends_with("~a resetchannels -@all"))
            << told;
        EXPECT_NE(users_.log_in("alice", "x"), nullptr);
      }
    });
  }
  for (int i = 0; i < 5000; ++i) {
    set("alice", {"resetkeys", "~a", "resetchannels", "-@all"});
    set("alice", {"+@all", "~*", "&*"});
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST(RuleWords, JoinWhatIsInBrackets) {
  std::size_t unmatched = 0;
  EXPECT_THAT(*join_selectors(Words{"on", "(+get", "~a)", "(x)", "()"}, unmatched),
              ElementsAre("on", "(+get ~a)", "(x)", "()"));
  EXPECT_THAT(*join_selectors(Words{}, unmatched), ElementsAre());
  EXPECT_EQ(join_selectors(Words{"on", "(+get", "(a"}, unmatched), std::nullopt);
  EXPECT_EQ(unmatched, 1u);
  EXPECT_EQ(join_selectors(Words{"("}, unmatched), std::nullopt);
  EXPECT_EQ(unmatched, 0u);
}

TEST(RuleWords, QuoteWhatAFileCouldNotHold) {
  EXPECT_EQ(quote_each("user alice ~a:* +get"), "user alice ~a:* +get");
  EXPECT_EQ(quote_each("user ~\"a"), "user \"~\\\"a\"");
  EXPECT_EQ(put_in_brackets("~a) +get"), "('~a)' +get)");
}

}  // namespace
}  // namespace sojourn::server
