#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LatencyCommands : public CommandTest {
 protected:
  protocol::Reply ask(std::vector<std::string> words) { return client().ask(words).value(); }
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

TEST_F(LatencyCommands, HistogramCountsCallsByTheTimeTheyTook) {
  WorkerMetrics& worker = services->metrics.add_worker();
  auto& get = worker.per_command[Registry::index_of(*services->registry.find("get"))];
  for (const std::uint64_t us : {0u, 1u, 2u, 9u, 9u, 40u, 70'000'000u}) get.count_latency(us);
  EXPECT_EQ(run("LATENCY HISTOGRAM get"),
            "1) \"get\"\n"
            "2) 1) \"calls\"\n"
            "   2) (integer) 7\n"
            "   3) \"histogram_usec\"\n"
            "   4)  1) (integer) 0\n"
            "       2) (integer) 1\n"
            "       3) (integer) 1\n"
            "       4) (integer) 2\n"
            "       5) (integer) 3\n"
            "       6) (integer) 3\n"
            "       7) (integer) 15\n"
            "       8) (integer) 5\n"
            "       9) (integer) 63\n"
            "      10) (integer) 6\n"
            "      11) (integer) 16777215\n"
            "      12) (integer) 7");
  EXPECT_EQ(run("LATENCY HISTOGRAM set nonsense"), "(empty array)");
}

TEST_F(LatencyCommands, HistogramTellsOfAllCommandsOrThoseAskedFor) {
  run("SET s:1 alice");
  run("CLIENT ID");
  run("CLIENT GETNAME");
  const auto names = [&](const std::string& request) {
    std::vector<std::string> names;
    const auto reply = ask({"LATENCY", "HISTOGRAM", request}).elements;
    for (std::size_t i = 0; i < reply.size(); i += 2) names.push_back(reply[i].text);
    return names;
  };
  EXPECT_THAT(names("client"), UnorderedElementsAre("client|id", "client|getname"));
  EXPECT_THAT(names("CLIENT|ID"), UnorderedElementsAre("client|id"));
  EXPECT_EQ(ask({"LATENCY", "HISTOGRAM"}).elements.size(), 2 * 4u)
      << "set, client|id, client|getname and the histograms above";
  run("CONFIG RESETSTAT");
  run("CONFIG SET latency-tracking no");
  run("SET s:1 alice");
  EXPECT_THAT(names("set"), IsEmpty());
}

}  // namespace
}  // namespace sojourn::server
