#include "tests/client/real_server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>

namespace sojourn {

// Free a moment ago; nothing else on a test machine takes the same one in between as a rule.
std::uint16_t RealServer::free_port() {
  boost::asio::io_context context;
  const boost::asio::ip::tcp::acceptor acceptor(context,
                                                {boost::asio::ip::address_v4::loopback(), 0});
  return acceptor.local_endpoint().port();
}

namespace {

std::optional<std::string> if_runnable(std::string path) {
  if (::access(path.c_str(), X_OK) != 0) return std::nullopt;
  return path;
}

}  // namespace

std::optional<std::string> RealServer::find(Program program) {
  if (program == Program::redis) return if_runnable("/usr/bin/redis-server");
  if (const char* path = std::getenv("SOJOURN_TEST_SERVER")) return if_runnable(path);
#ifdef SOJOURN_SERVER_BUILT
  return if_runnable(SOJOURN_SERVER_BUILT);
#else
  return std::nullopt;
#endif
}

RealServer::RealServer(Program program, const std::string& path, std::vector<std::string> more)
    : port_(free_port()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sojourn-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  // Apart from the socket and the log: a data directory with foreign files in it may be refused.
  const std::filesystem::path data = directory_ / "data";
  std::filesystem::create_directory(data);
  arguments_ = {path,
                "--port",
                std::to_string(port_),
                "--bind",
                "127.0.0.1",
                "--unixsocket",
                unix_socket(),
                "--dir",
                data.string(),
                "--logfile",
                (directory_ / "log").string()};
  arguments_.insert(arguments_.end(), more.begin(), more.end());
  if (program == Program::redis) {
    arguments_.insert(arguments_.end(), {"--save", "", "--appendonly", "yes"});
  }
  start();
}

RealServer::~RealServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void RealServer::start() {
  std::vector<char*> words;
  for (std::string& argument : arguments_) words.push_back(argument.data());
  words.push_back(nullptr);
  const int failed = ::posix_spawn(&pid_, words[0], nullptr, nullptr, words.data(), environ);
  ASSERT_EQ(failed, 0) << arguments_[0];
}

void RealServer::restart() {
  kill();
  start();
}

void RealServer::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

// The client itself waits for the server to listen: it tries again until the time is up.
Options RealServer::over_unix_socket() const {
  Options options;
  options.unix_socket = unix_socket();
  options.request_timeout = std::chrono::seconds(30);
  options.backoff_max = std::chrono::milliseconds(100);
  return options;
}

Options RealServer::over_tcp() const {
  Options options = over_unix_socket();
  options.unix_socket.clear();
  options.host = "localhost";
  options.port = port_;
  return options;
}

}  // namespace sojourn
