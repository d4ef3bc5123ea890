#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;

class LatencyCommands : public CommandTest {
 protected:
  std::string now() const { return "(integer) " + std::to_string(unix_ms(clock.now()) / 1000); }
};

TEST_F(LatencyCommands, ShowWhatTookLong) {
  services->latency->add("turn", clock.now(), 7ms);
  const std::string then = now();
  advance(2s);
  services->latency->add("turn", clock.now(), 3ms);
  EXPECT_EQ(run("LATENCY LATEST"),
            "1) 1) \"turn\"\n   2) " + now() + "\n   3) (integer) 3\n   4) (integer) 7");
  EXPECT_EQ(run("LATENCY HISTORY turn"),
            "1) 1) " + then + "\n   2) (integer) 7\n2) 1) " + now() + "\n   2) (integer) 3");
  EXPECT_EQ(run("LATENCY HISTORY Turn"), "(empty array)");
  EXPECT_EQ(run("LATENCY RESET turn command"), "(integer) 1");
  EXPECT_EQ(run("LATENCY LATEST"), "(empty array)");
}

TEST_F(LatencyCommands, RememberSlowCommandsFromTheThresholdOn) {
  ASSERT_TRUE(config.read("enable-debug-command yes", "test"));
  run("DEBUG SLEEP 0.05");
  EXPECT_EQ(run("LATENCY LATEST"), "(empty array)") << "it is off by default";
  EXPECT_EQ(run("CONFIG SET latency-monitor-threshold 40"), "OK");
  run("DEBUG SLEEP 0.05");
  const auto samples = services->latency->history("command");
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_GE(samples[0].ms, 50);
}

TEST_F(LatencyCommands, DoctorSaysWhatThereIsToSay) {
  EXPECT_THAT(run("LATENCY DOCTOR"), HasSubstr("CONFIG SET latency-monitor-threshold"));
  run("CONFIG SET latency-monitor-threshold 4000");
  EXPECT_THAT(run("LATENCY DOCTOR"), HasSubstr("Nothing took 4000 ms or longer."));
  services->latency->add("turn", clock.now(), 4007ms);
  EXPECT_THAT(run("LATENCY DOCTOR"), HasSubstr("turn: in 1 different seconds"));
  EXPECT_THAT(run("LATENCY DOCTOR"), HasSubstr("4007 at most"));
}

}  // namespace
}  // namespace sojourn::server
