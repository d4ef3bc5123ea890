#include "server/acl/acl_log.h"

#include <gtest/gtest.h>

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;

AclLog::Entry entry(std::string object, Millis at = 0ms) {
  return {.reason = AclLog::Reason::key,
          .context = AclLog::Context::toplevel,
          .object = std::move(object),
          .user = "alice",
          .connection = "id=" + std::to_string(at.count()),
          .updated = Time(1'000'000ms + at)};
}

TEST(TheAclLog, KeepsTheNewestFirst) {
  AclLog log;
  for (const char* key : {"a", "b", "c"}) log.add(entry(key), 2);
  const auto latest = log.latest(10);
  ASSERT_EQ(latest.size(), 2u);
  EXPECT_EQ(latest[0].object, "c");
  EXPECT_EQ(latest[0].id, 2u);
  EXPECT_EQ(latest[1].object, "b");
  EXPECT_EQ(log.latest(1).size(), 1u);
  EXPECT_EQ(log.latest(0).size(), 0u);
  EXPECT_EQ(log.count(AclLog::Reason::key), 3u);
  EXPECT_EQ(log.count(AclLog::Reason::command), 0u);
}

TEST(TheAclLog, CountsWhatIsAlikeAsOne) {
  AclLog log;
  log.add(entry("a", 0ms), 128);
  log.add(entry("b", 1ms), 128);
  log.add(entry("a", 60'000ms), 128);
  const auto latest = log.latest(10);
  ASSERT_EQ(latest.size(), 2u);
  EXPECT_EQ(latest[0].object, "a");
  EXPECT_EQ(latest[0].count, 2u);
  EXPECT_EQ(latest[0].id, 0u);
  EXPECT_EQ(latest[0].created, Time(1'000'000ms));
  EXPECT_EQ(latest[0].updated, Time(1'060'000ms));
  EXPECT_EQ(latest[0].connection, "id=60000");
  log.add(entry("a", 120'001ms), 128);
  EXPECT_EQ(log.latest(10).size(), 3u) << "a minute later it is another story";
}

TEST(TheAclLog, TellsApartWhatDiffersInAnything) {
  AclLog log;
  log.add(entry("a"), 128);
  AclLog::Entry other = entry("a");
  other.user = "bob";
  log.add(other, 128);
  other = entry("a");
  other.context = AclLog::Context::multi;
  log.add(other, 128);
  other = entry("a");
  other.reason = AclLog::Reason::command;
  log.add(other, 128);
  other = entry("a");
  other.object_hash = 1;
  log.add(other, 128);
  EXPECT_EQ(log.latest(10).size(), 5u);
}

TEST(TheAclLog, ForgetsEntriesButNotHowManyThereWere) {
  AclLog log;
  log.add(entry("a"), 128);
  log.clear();
  EXPECT_TRUE(log.latest(10).empty());
  log.add(entry("a"), 128);
  EXPECT_EQ(log.latest(10).at(0).id, 1u);
  EXPECT_EQ(log.count(AclLog::Reason::key), 2u);
  log.add(entry("b"), 0);
  EXPECT_TRUE(log.latest(10).empty());
  EXPECT_EQ(log.count(AclLog::Reason::key), 3u);
}

TEST(TheAclLog, TakesNoMemoryForWhatNobodyReads) {
  AclLog log;
  AclLog::Entry huge = entry(std::string(10 << 20, 'k'));
  huge.user = huge.object;
  log.add(huge, 128);
  EXPECT_LE(log.latest(1).at(0).object.size(), 1024u);
  EXPECT_LE(log.latest(1).at(0).user.size(), 1024u);
}

}  // namespace
}  // namespace sojourn::server
