// What the process owes its operator: a pidfile, a word to systemd, an orderly end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "server/net/file_descriptor.h"
#include "server/process/daemon.h"
#include "server/process/service_manager.h"
#include "server/process/stop_request.h"
#include "tests/support/temporary_directory.h"

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;

TEST(PidFile, HoldsTheNumberAsLongAsItLives) {
  TemporaryDirectory directory;
  const std::string path = directory / "sojourn.pid";
  {
    const auto file = PidFile::write(path);
    ASSERT_TRUE(file);
    int number = 0;
    std::ifstream(path) >> number;
    EXPECT_EQ(number, ::getpid());
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PidFile, SaysWhyItCannotBeWritten) {
  const auto file = PidFile::write("/no/such/directory/sojourn.pid");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().detail, ::testing::HasSubstr("/no/such/directory/sojourn.pid"));
}

TEST(ServiceManager, IsToldOnTheSocketItNames) {
  TemporaryDirectory directory;
  const std::string path = directory / "notify";
  FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);

  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_service_manager("READY=1");
  ::unsetenv("NOTIFY_SOCKET");

  std::array<char, 64> received;
  const ssize_t n = ::recv(socket.get(), received.data(), received.size(), MSG_DONTWAIT);
  ASSERT_GT(n, 0);
  EXPECT_EQ(std::string(received.data(), static_cast<std::size_t>(n)), "READY=1");
}

TEST(StopRequest, ComesFromACommandOrASignal) {
  {
    StopRequest stop;
    EXPECT_FALSE(stop.wait_for(0ms));
    stop.ask();
    EXPECT_TRUE(stop.wait_for(30s));
    EXPECT_EQ(stop.reason(), "SHUTDOWN");
  }
  StopRequest stop;
  ASSERT_EQ(::raise(SIGTERM), 0);
  EXPECT_TRUE(stop.wait_for(30s));
  EXPECT_EQ(stop.reason(), "SIGTERM");
}

}  // namespace
}  // namespace sojourn::server
