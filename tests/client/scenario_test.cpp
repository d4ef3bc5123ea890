#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>

#include "sojourn/sessions.h"
#include "tests/client/real_server.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"

namespace sojourn {
namespace {

using namespace std::chrono_literals;

int run_program(std::vector<std::string> arguments) {
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  pid_t pid = -1;
  if (::posix_spawn(&pid, words[0], nullptr, nullptr, words.data(), environ) != 0) return -1;
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Scenario : public testing::TestWithParam<RealServer::Program> {
 protected:
  void SetUp() override {
    const auto path = RealServer::find(GetParam());
    if (!path) {
      GTEST_SKIP() << "no program to test against: build sojournd or set SOJOURN_TEST_SERVER, "
                      "install redis-server";
    }
    server_.emplace(GetParam(), *path);
  }

  RealServer& server() { return *server_; }

 private:
  std::optional<RealServer> server_;
};

TEST_P(Scenario, ASessionLivesFromLoginToLogout) {
  Client one(server().over_unix_socket());
  Client other(server().over_tcp());
  Sessions here(one);
  Sessions there(other);
  const std::string before = Sessions::new_id();
  const std::string after = Sessions::new_id();
  const std::string bytes("{\"user\":\"alice\"}\0\r\n", 19);

  EXPECT_EQ(here.load(before).value(), std::nullopt);
  ASSERT_TRUE(here.save(before, bytes));
  EXPECT_EQ(there.load(before).value(), bytes);
  EXPECT_TRUE(there.touch(before).value());
  EXPECT_TRUE(here.renew(before, after).value());
  EXPECT_FALSE(here.renew(before, after).value());
  EXPECT_EQ(there.load(before).value(), std::nullopt);
  EXPECT_EQ(there.load(after).value(), bytes);
  EXPECT_TRUE(there.update(after, "{}", 10min).value());
  ASSERT_TRUE(here.end(after));
  EXPECT_FALSE(there.update(after, bytes).value());
  EXPECT_FALSE(there.touch(after).value());
  EXPECT_EQ(there.load(after).value(), std::nullopt);
}

TEST_P(Scenario, SaveTouchAndRenewKeepTheTimeThatIsMeant) {
  Client client(server().over_unix_socket());
  Sessions sessions(client, {.prefix = "s:", .idle = 30min});
  const auto left = [&client](std::string_view key) {
    const auto replies = client.exec(Request().push("PTTL", key));
    return std::chrono::milliseconds(replies.value().at(0).as<std::int64_t>().value());
  };
  ASSERT_TRUE(sessions.save("1", "x"));
  EXPECT_GT(left("s:1"), 29min);
  ASSERT_TRUE(sessions.save("1", "x", 5min));
  EXPECT_LE(left("s:1"), 5min);
  ASSERT_TRUE(sessions.renew("1", "2").value());
  EXPECT_LE(left("s:2"), 5min);
  EXPECT_GT(left("s:2"), 4min);
  ASSERT_TRUE(sessions.touch("2").value());
  EXPECT_GT(left("s:2"), 29min);
}

TEST_P(Scenario, APipelineAnswersEachCommandWithItsType) {
  for (const int protocol : {3, 2}) {
    Options options = server().over_unix_socket();
    options.protocol = protocol;
    Client client(options);
    Request request;
    request.push("SET", "k", "v", "PX", 900s)
        .push("HSET", "h", std::map<std::string, int>{{"a", 1}, {"b", 2}})
        .push("GET", "k")
        .push("GET", "absent")
        .push("HGETALL", "h")
        .push("INCR", "k")
        .push("MGET", std::vector<std::string>{"k", "absent"})
        .push("HINCRBYFLOAT", "h", "c", 1.5)
        .push("DEL", "h", "k");
    const Replies replies = client.exec(request).value();
    ASSERT_EQ(replies.size(), request.size());
    EXPECT_TRUE(replies[0].as<void>());
    EXPECT_EQ(replies[1].as<int>().value(), 2);
    EXPECT_EQ(replies[2].as<std::string>().value(), "v");
    EXPECT_EQ(replies[3].as<std::optional<std::string>>().value(), std::nullopt);
    EXPECT_EQ((replies[4].as<std::map<std::string, int>>().value()),
              (std::map<std::string, int>{{"a", 1}, {"b", 2}}));
    EXPECT_EQ(replies[5].text, "ERR value is not an integer or out of range");
    EXPECT_EQ(replies[6].as<std::vector<std::optional<std::string>>>().value(),
              (std::vector<std::optional<std::string>>{"v", std::nullopt}));
    EXPECT_EQ(replies[7].as<double>().value(), 1.5);
    EXPECT_EQ(replies[8].as<int>().value(), 2);
    EXPECT_EQ(replies[4].type, protocol == 3 ? Reply::Type::map : Reply::Type::array);
  }
}

TEST_P(Scenario, EveryConnectionHasItsNameAndDatabase) {
  Options options = server().over_unix_socket();
  options.client_name = "clone-1";
  options.database = 3;
  Client client(options);
  const Replies replies =
      client.exec(Request().push("CLIENT", "GETNAME").push("SET", "k", "v").push("DBSIZE")).value();
  EXPECT_EQ(replies[0].text, "clone-1");
  EXPECT_EQ(replies[2].integer, 1);
  Client elsewhere(server().over_unix_socket());
  EXPECT_EQ(elsewhere.exec(Request().push("DBSIZE")).value()[0].integer, 0);
}

TEST_P(Scenario, LargeAndManyRequestsComeBackWhole) {
  Client client(server().over_tcp());
  const std::string large(8'000'000, 'x');
  const Replies replies =
      client.exec(Request().push("SET", "large", large).push("GET", "large")).value();
  EXPECT_TRUE(replies[1].text == large);

  std::vector<std::future<Result<Replies>>> answers;
  for (int i = 0; i < 2000; ++i) {
    answers.push_back(client.async_exec(Request().push("ECHO", i), boost::asio::use_future));
  }
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(answers[i].get().value()[0].as<int>().value(), i);
  }
}

TEST_P(Scenario, ASessionOutlivesTheDeathOfTheServer) {
  Client client(server().over_unix_socket());
  Sessions sessions(client);
  ASSERT_TRUE(sessions.save("kept", "alice"));
  ASSERT_TRUE(sessions.save("ended", "bob"));
  ASSERT_TRUE(sessions.end("ended"));
  server().restart();
  EXPECT_EQ(sessions.load("kept").value(), "alice");
  EXPECT_EQ(sessions.load("ended").value(), std::nullopt);
}

TEST_P(Scenario, TheExampleRuns) {
  Client client(server().over_tcp());
  ASSERT_TRUE(client.exec(Request().push("PING"))) << "until the server listens";
  EXPECT_EQ(run_program({EXAMPLE_LOGIN, server().unix_socket()}), 0);
  EXPECT_EQ(run_program({EXAMPLE_LOGIN, "127.0.0.1", std::to_string(server().over_tcp().port)}), 0);
}

TEST_P(Scenario, ASessionLivesOverTlsToo) {
  const server::TemporaryDirectory files;
  const Authority authority("Authority of the test");
  std::ofstream(files / "ca.crt") << authority.certificate();
  authority.issue().write(files.path(), "server");
  authority.issue({.common_name = "clone-1"}).write(files.path(), "clone");
  const std::uint16_t port = RealServer::free_port();
  RealServer guarded(
      GetParam(), *RealServer::find(GetParam()),
      {"--tls-port", std::to_string(port), "--tls-cert-file", files / "server.crt",
       "--tls-key-file", files / "server.key", "--tls-ca-cert-file", files / "ca.crt"});
  Options options = guarded.over_tcp();
  options.port = port;
  options.tls = TlsOptions{.ca_file = files / "ca.crt",
                           .certificate_file = files / "clone.crt",
                           .key_file = files / "clone.key"};
  Client client(options);
  Sessions sessions(client);
  const std::string large(8'000'000, 'x');
  ASSERT_TRUE(sessions.save("kept", large));
  EXPECT_TRUE(sessions.load("kept").value() == large);
  guarded.restart();
  EXPECT_TRUE(sessions.load("kept").value() == large);

  options.tls->certificate_file.clear();
  options.tls->key_file.clear();
  EXPECT_EQ(Client(options).exec(Request().push("PING")).error().code, Errc::refused);
}

TEST_P(Scenario, AServerWithAPasswordIsGivenIt) {
  const auto path = RealServer::find(GetParam());
  RealServer guarded(GetParam(), *path, {"--requirepass", "secret"});
  Options options = guarded.over_unix_socket();
  for (const int protocol : {3, 2}) {
    options.protocol = protocol;
    options.password = "secret";
    EXPECT_EQ(Client(options).exec(Request().push("ECHO", "hi")).value()[0].text, "hi");
    options.password = "wrong";
    const Error error = Client(options).exec(Request().push("ECHO", "hi")).error();
    EXPECT_EQ(error.code, Errc::refused);
    EXPECT_EQ(error.detail, "WRONGPASS invalid username-password pair or user is disabled.");
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, Scenario,
                         testing::Values(RealServer::Program::sojourn, RealServer::Program::redis),
                         [](const auto& info) {
                           return info.param == RealServer::Program::redis ? "Redis" : "Sojourn";
                         });

}  // namespace
}  // namespace sojourn
