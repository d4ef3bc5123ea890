// The transcripts of tests/transcripts, replayed in process.

#include "tests/server/transcripts/transcript.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/command_fixture.h"
#include "tests/support/redis_cli.h"

namespace sojourn::server {
namespace {

std::vector<std::string> all_transcripts() {
  std::vector<std::string> paths;
  for (const auto& file : std::filesystem::recursive_directory_iterator(SOJOURN_TRANSCRIPTS)) {
    if (file.path().extension() == ".txt") paths.push_back(file.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string test_name(const ::testing::TestParamInfo<std::string>& path) {
  return std::filesystem::path(path.param).stem().string();
}

bool printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 32 && c < 127; });
}

// As the transcripts have it: a lone string stands bare unless it cannot be printed.
std::string shown(const protocol::Reply& reply) {
  if (reply.type != protocol::Reply::Type::bulk || printable(reply.text)) return show(reply);
  protocol::Reply list;
  list.type = protocol::Reply::Type::array;
  list.elements.push_back(reply);
  return show(list).substr(std::string_view("1) ").size());
}

class Transcripts : public CommandTest, public ::testing::WithParamInterface<std::string> {
 protected:
  Client& named(const std::string& name) {
    auto& known = connections_[name];
    if (known == nullptr) {
      known = connections_.size() == 1 ? &client() : &connect();
      known->state.authenticated = services->users->open();
    }
    return *known;
  }

  void replay(const Transcript::Exchange& exchange) {
    const auto reply = named(exchange.connection).ask(cli_words(exchange.request));
    const std::string got = reply ? shown(*reply) : "";
    const bool right = reply ? fits(exchange.reply, got) : exchange.reply.empty();
    EXPECT_TRUE(right) << GetParam() << ":" << exchange.line_number << ": " << exchange.request
                       << "\nanswers:\n"
                       << got;
  }

 private:
  std::map<std::string, Client*> connections_;
};

TEST_P(Transcripts, AreTrue) {
  const Transcript transcript = Transcript::read(GetParam());
  for (const auto& [name, value] : transcript.directives) {
    if (client().run_words({"CONFIG", "SET", name, value}) == "OK") continue;
    ASSERT_TRUE(config.read(name + " " + value, GetParam()));  // not while the server runs
  }
  for (const auto& step : transcript.steps) {
    if (const auto* exchange = std::get_if<Transcript::Exchange>(&step)) {
      replay(*exchange);
    } else {
      advance(std::get<Transcript::Advance>(step));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Replayed, Transcripts, ::testing::ValuesIn(all_transcripts()), test_name);

}  // namespace
}  // namespace sojourn::server
