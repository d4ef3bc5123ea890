// What scripts may take of the server's memory, and what becomes of it.

#include <gmock/gmock.h>

#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class ScriptMemory : public MemoryCommandTest {
 protected:
  std::string eval(const std::string& script) { return run_words({"EVAL", script, "0"}); }
  // Texts of about this length, none of them twice.
  std::string text(std::size_t bytes) {
    return "return '" + std::to_string(++texts_) + std::string(bytes, 'x') + "'";
  }
  // Until not even the smallest finds room.
  void fill_with_known_scripts() {
    std::string reply;
    for (std::size_t bytes = 32u << 20; bytes > 0; bytes /= 32) {
      do {
        reply = run_words({"SCRIPT", "LOAD", text(bytes)});
      } while (reply.size() == 40);
    }
    EXPECT_THAT(reply, EndsWith("not enough memory"));
  }
  std::size_t bytes() const { return services->scripts->figures().machine_bytes; }

 private:
  std::size_t texts_ = 0;
};

TEST_F(ScriptMemory, GivesRoomAgainAfterItWasFull) {
  for (std::size_t i = 0; i < Scripts::kEvaluatedMax; ++i) eval(text(10));
  fill_with_known_scripts();
  // The oldest that EVAL brought makes room for the next one.
  for (int i = 0; i < 3; ++i) eval(text(10));
  EXPECT_EQ(run("SCRIPT FLUSH"), "OK");
  EXPECT_LT(bytes(), 1u << 20);
  EXPECT_EQ(eval("return 1"), "(integer) 1");
  EXPECT_EQ(run_words({"SCRIPT", "LOAD", text(32u << 20)}).size(), 40u);
}

// To collect all of it for each script would take the longer the more scripts there are.
TEST_F(ScriptMemory, IsNotLookedThroughForEachScriptWhenManyAreKnown) {
  while (bytes() < 24u << 20) run_words({"SCRIPT", "LOAD", text(1u << 20)});
  eval("return 1");
  const std::size_t before = bytes();
  eval("return #string.rep('x', 1000000)");
  EXPECT_GT(bytes(), before + 1'000'000) << "some garbage is let be";
  for (int i = 0; i < 100; ++i) {
    eval("return #string.rep('x', 1000000 + " + std::to_string(i) + ")");
    EXPECT_LT(bytes(), before + (24u << 20));
  }
}

TEST_F(ScriptMemory, IsUsedMemory) {
  advance(Gauges::kRateInterval);
  run("PING");
  const std::uint64_t before = services->gauges->used_memory();
  run_words({"SCRIPT", "LOAD", text(4u << 20)});
  advance(Gauges::kRateInterval);
  run("PING");
  EXPECT_GT(services->gauges->used_memory(), before + (4u << 20));
}

// Until all of them are written, the changes of a script take memory that nobody counts.
TEST_F(ScriptMemory, BoundsWhatIsRememberedOfChanges) {
  EXPECT_THAT(eval("local value = string.rep('x', 1048576) "
                   "for i = 1, 1000 do redis.call('HSET', 'h', 'f', value) "
                   "redis.call('SET', 'n', i) end"),
              HasSubstr("ERR The script has changed more than one unit may hold (256 MB)"));
  EXPECT_EQ(run("GET n"), "256");
  EXPECT_EQ(eval("return redis.call('HSET', 'h', 'f', 'small')"), "(integer) 0");
}

}  // namespace
}  // namespace sojourn::server
