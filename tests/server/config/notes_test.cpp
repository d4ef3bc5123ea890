#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/config/config_support.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> notes(std::string_view text) {
  Config config;
  EXPECT_EQ(read(config, text), "OK");
  return config.notes();
}

TEST(Notes, AreSilentAboutWhatWorks) {
  EXPECT_THAT(notes("port 7000\nappendfsync always\nmaxmemory 1gb\n"), IsEmpty());
}

TEST(Notes, SayOnceWhyDirectivesHaveNoMeaning) {
  EXPECT_THAT(
      notes("save 900 1\nhz 10\nrdbcompression yes\nsave 60 1\n"),
      ElementsAre("No effect: save, rdbcompression (there are no RDB snapshots: every change "
                  "is written through to disk)",
                  StartsWith("No effect: hz (")));
}

TEST(Notes, WarnOfSettingsThatAreWeakerThanTheyLook) {
  EXPECT_THAT(notes("appendonly no"),
              ElementsAre(HasSubstr("every session ends with this process")));
  EXPECT_THAT(notes("maxmemory-policy allkeys-lru"),
              ElementsAre(HasSubstr("no session is evicted")));
  EXPECT_THAT(notes("maxmemory-policy noeviction"), IsEmpty());
  EXPECT_THAT(notes("maxmemory 1gb\nmaxmemory-policy noeviction\nappendonly no"),
              ElementsAre(HasSubstr("every session ends with this process")));
  EXPECT_THAT(notes("maxmemory 1gb\nappendonly no"),
              ElementsAre(HasSubstr("every session ends with this process"),
                          HasSubstr("at maxmemory writes are refused")));
  EXPECT_THAT(notes("requirepass short"), ElementsAre(HasSubstr("can be guessed")));
  EXPECT_THAT(notes("client-output-buffer-limit normal 0 0 0"),
              ElementsAre(HasSubstr("connection-buffers-budget")));
}

TEST(Notes, HoldNoSecret) {
  for (const std::string& note : notes("requirepass short")) {
    EXPECT_THAT(note, ::testing::Not(HasSubstr("short ")));
  }
}

}  // namespace
}  // namespace sojourn::server
