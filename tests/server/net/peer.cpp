#include "tests/server/net/peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sojourn::server {

namespace {

constexpr int kPatienceMs = 30'000;

bool wait_for(int socket, short what, int patience_ms) {
  pollfd watched{socket, what, 0};
  return ::poll(&watched, 1, patience_ms) == 1;
}

}  // namespace

Peer Peer::tcp(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return Peer(std::move(socket));
}

Peer Peer::unix_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
  return Peer(std::move(socket));
}

void Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ASSERT_GT(n, 0) << std::strerror(errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::size_t Peer::send_until_full(std::string_view bytes, std::chrono::milliseconds patience) {
  std::size_t sent = 0;
  while (sent < bytes.size() &&
         wait_for(socket_.get(), POLLOUT, static_cast<int>(patience.count()))) {
    const ssize_t n = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  return sent;
}

void Peer::end_sending() { ::shutdown(socket_.get(), SHUT_WR); }

std::string Peer::ask(std::string_view line) {
  send(std::string(line) + "\r\n");
  return read_line();
}

bool Peer::fill() {
  if (!wait_for(socket_.get(), POLLIN, kPatienceMs)) {
    ADD_FAILURE() << "nothing came; so far: " << received_.substr(0, 200);
    return false;
  }
  std::array<char, 65536> bytes;
  const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (n <= 0) return false;
  received_.append(bytes.data(), static_cast<std::size_t>(n));
  return true;
}

std::string Peer::read(std::size_t bytes) {
  while (received_.size() < bytes && fill()) {
  }
  const std::string result = received_.substr(0, bytes);
  received_.erase(0, bytes);
  return result;
}

std::string Peer::read_line() {
  std::size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (!fill()) return std::exchange(received_, {});
  }
  const std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

std::string Peer::read_to_end() {
  while (fill()) {
  }
  return std::exchange(received_, {});
}

bool Peer::silent() { return received_.empty() && !wait_for(socket_.get(), POLLIN, 0); }

}  // namespace sojourn::server
