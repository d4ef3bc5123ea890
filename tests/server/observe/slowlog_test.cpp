#include "server/observe/slowlog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

using Words = std::vector<std::string_view>;

TEST(Redact, ShowsTheCommandAndHidesKeysAndValues) {
  EXPECT_THAT(redact(Words{"set", "sess:secret", "alice"}, 1),
              ElementsAre("set", "(11 bytes)", "(5 bytes)"));
  EXPECT_THAT(redact(Words{"client", "setname", "x"}, 2),
              ElementsAre("client", "setname", "(1 bytes)"));
}

TEST(Redact, ShowsEverythingWhenAskedTo) {
  EXPECT_THAT(redact(Words{"set", "sess:1", "alice"}, 3), ElementsAre("set", "sess:1", "alice"));
}

TEST(Redact, CutsLongWordsAsRedisDoes) {
  const std::string word(200, 'a');
  EXPECT_THAT(redact(Words{"echo", word}, 2),
              ElementsAre("echo", std::string(128, 'a') + "... (72 more bytes)"));
}

TEST(Redact, CutsLongRequestsAsRedisDoes) {
  const Words words(40, "x");
  const std::vector<std::string> shown = redact(words, words.size());
  EXPECT_EQ(shown.size(), 32u);
  EXPECT_EQ(shown.back(), "... (9 more arguments)");
  EXPECT_EQ(redact(Words(32, "x"), 32).back(), "x");
}

class SlowLogTest : public ::testing::Test {
 protected:
  void add(const std::string& name, std::size_t entries_max = 128) {
    log_.add({.id = 0,
              .at = from_unix_ms(5),
              .took = std::chrono::microseconds(20),
              .words = {name},
              .peer = "127.0.0.1:1",
              .connection_name = ""},
             entries_max);
  }
  std::vector<std::uint64_t> ids(std::size_t count = 100) const {
    std::vector<std::uint64_t> ids;
    for (const SlowLog::Entry& entry : log_.latest(count)) ids.push_back(entry.id);
    return ids;
  }
  SlowLog log_;
};

TEST_F(SlowLogTest, GivesTheNewestFirstWithRisingIds) {
  for (const char* name : {"a", "b", "c"}) add(name);
  EXPECT_THAT(ids(), ElementsAre(2, 1, 0));
  EXPECT_THAT(log_.latest(1), ElementsAre(Field(&SlowLog::Entry::words, ElementsAre("c"))));
}

TEST_F(SlowLogTest, ForgetsTheOldest) {
  for (const char* name : {"a", "b", "c"}) add(name, 2);
  EXPECT_THAT(ids(), ElementsAre(2, 1));
  add("d", 1);
  EXPECT_THAT(ids(), ElementsAre(3));
  add("e", 0);
  EXPECT_EQ(log_.size(), 0u);
}

TEST_F(SlowLogTest, NeverUsesAnIdTwice) {
  add("a");
  log_.reset();
  EXPECT_THAT(ids(), IsEmpty());
  add("b");
  EXPECT_THAT(ids(), ElementsAre(1));
}

}  // namespace
}  // namespace sojourn::server
