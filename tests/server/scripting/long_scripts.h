#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/command_fixture.h"
#include "tests/support/wait_for.h"

namespace sojourn::server {

inline constexpr std::string_view kBusyReply =
    "(error) BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
    "NOSAVE.";

// A script that does not end, on a worker of its own.
class LongScripts : public CommandTest {
 protected:
  using Outcome = Dispatcher::Outcome;

  void SetUp() override {
    configure("busy-reply-threshold 1");
    own = std::make_unique<Dispatcher>(*services);
    state.authenticated = true;
    state.id = 99;
    wait_for([this] { return keyspace->warm(); });
  }
  void TearDown() override {
    state = {};
    own.reset();
  }
  void configure(std::string_view lines) { ASSERT_TRUE(config.read(lines, "test")); }
  std::string eval(const std::string& script) { return run_words({"EVAL", script, "0"}); }
  // What upkeep will find.
  void put_due_keys() {
    for (int i = 0; i < 100; ++i) run("SET due:" + std::to_string(i) + " 1 PX 5000");
  }

  Outcome begin(const std::string& script) {
    words = {"EVAL", script, "1", "held"};
    return go_on();
  }
  // Some turns later it has written, also where everything is slow.
  void begin_to_write(const std::string& script) {
    ASSERT_EQ(begin(script), Outcome::next_turn);
    go_on_for_some_turns();
  }
  void go_on_for_some_turns() {
    for (int turns = 0; turns < 5; ++turns) ASSERT_EQ(go_on(), Outcome::next_turn);
  }
  Outcome go_on() {
    const std::vector<std::string_view> views(words.begin(), words.end());
    return own->run(state, views, out, clock.now(), [] {});
  }
  void end() {
    while (go_on() == Outcome::next_turn) {
    }
  }

  std::unique_ptr<Dispatcher> own;
  ConnectionState state;
  std::vector<std::string> words;
  std::string out;
};

}  // namespace sojourn::server
