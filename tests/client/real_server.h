#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sojourn/options.h"

namespace sojourn {

// A server program of the Redis protocol, running in a directory of its own until the end.
class RealServer {
 public:
  enum class Program { sojourn, redis };

  // The program's path, or nothing if this machine has none. For sojourn: the environment's
  // SOJOURN_TEST_SERVER, else what the build made.
  static std::optional<std::string> find(Program program);

  static std::uint16_t free_port();

  // Starts listening on a Unix socket and, at `port`, on TCP. `more` are further arguments.
  RealServer(Program program, const std::string& path, std::vector<std::string> more = {});
  ~RealServer();

  Options over_unix_socket() const;
  Options over_tcp() const;
  std::string unix_socket() const { return (directory_ / "socket").string(); }
  void kill();     // SIGKILL, and waits for its end
  void restart();  // with the same arguments and directory

 private:
  void start();

  std::filesystem::path directory_;
  std::vector<std::string> arguments_;
  std::uint16_t port_;
  pid_t pid_ = -1;
};

}  // namespace sojourn
