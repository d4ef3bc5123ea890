#include "server/net/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sojourn::server {

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

bool parse_address(const std::string& text, std::uint16_t port, Address& into) {
  auto& v4 = reinterpret_cast<sockaddr_in&>(into.storage);
  const std::string v4_text = text == "*" ? "0.0.0.0" : text;
  if (inet_pton(AF_INET, v4_text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    into.size = sizeof v4;
    return true;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(into.storage);
  const std::string v6_text = text == "::*" ? "::" : text;
  if (inet_pton(AF_INET6, v6_text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    into.size = sizeof v6;
    return true;
  }
  return false;
}

Error network_error(std::string_view what, std::string_view where, int error) {
  return {Errc::network, fmt::format("{} {}: {}", what, where, std::strerror(error))};
}

void set_option(int socket, int level, int option, int value) {
  // Tuning only: a socket that refuses an option still works.
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

std::string describe(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(v4.sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6.sin6_port));
  }
  return {};
}

std::string unix_name(int socket) {
  Address own;
  own.size = sizeof own.storage;
  if (::getsockname(socket, own.get(), &own.size) != 0) return "?:0";
  const auto& path = reinterpret_cast<const sockaddr_un&>(own.storage);
  return fmt::format("{}:0", path.sun_path);
}

std::string name_of(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  Address address;
  address.size = sizeof address.storage;
  if (ask(socket, address.get(), &address.size) != 0) return "?:0";
  if (address.storage.ss_family == AF_UNIX) return unix_name(socket);
  return describe(address);
}

// A socket left behind by an earlier run would make bind() fail. One that somebody answers on, or
// anything else, is not ours.
Result<void> remove_stale_socket(const std::string& path, const sockaddr* address,
                                 socklen_t address_size) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return Error{Errc::network, fmt::format("{} is there already and is no socket", path)};
  }
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (probe && ::connect(probe.get(), address, address_size) == 0) {
    return Error{Errc::network, path + " is in use by another process"};
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

void throw_exception_from_error(const ListenFailure&, const boost::source_location&) {
  CHECK(!"value() of a failed result");
}

boost::system::result<FileDescriptor, ListenFailure> listen_tcp(const std::string& address,
                                                                std::uint16_t port, int backlog) {
  Address parsed;
  const std::string where = fmt::format("{} port {}", address, port);
  if (!parse_address(address, port, parsed)) {
    return ListenFailure{{Errc::network, where + ": not a numeric address"}, false};
  }
  const int family = parsed.storage.ss_family;
  FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) {
    return ListenFailure{network_error("socket for", where, errno),
                         errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT};
  }
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (family == AF_INET6) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (::bind(socket.get(), parsed.get(), parsed.size) != 0) {
    return ListenFailure{network_error("bind", where, errno), errno == EADDRNOTAVAIL};
  }
  if (::listen(socket.get(), backlog) != 0) {
    return ListenFailure{network_error("listen on", where, errno), false};
  }
  return socket;
}

Result<FileDescriptor> listen_unix(const std::string& path, std::uint32_t permissions,
                                   int backlog) {
  Address address;
  auto& own = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.size() >= sizeof own.sun_path) {
    return Error{Errc::network, fmt::format("{}: longer than a socket's path may be ({} bytes)",
                                            path, sizeof own.sun_path - 1)};
  }
  own.sun_family = AF_UNIX;
  std::memcpy(own.sun_path, path.c_str(), path.size() + 1);
  address.size = sizeof own;

  if (auto removed = remove_stale_socket(path, address.get(), address.size); !removed) {
    return removed.error();
  }
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return network_error("socket for", path, errno);
  // Between bind() and chmod() the path must not be more open than asked for, and nobody can
  // connect before listen(): so in this order.
  const mode_t umask_before = ::umask(0177);
  const int bound = ::bind(socket.get(), address.get(), address.size);
  const int bind_error = errno;
  ::umask(umask_before);
  if (bound != 0) return network_error("bind", path, bind_error);
  if (permissions != 0 && ::chmod(path.c_str(), permissions) != 0) {
    return network_error("chmod", path, errno);
  }
  if (::listen(socket.get(), backlog) != 0) return network_error("listen on", path, errno);
  return socket;
}

std::uint16_t local_port(int socket) {
  Address address;
  address.size = sizeof address.storage;
  if (::getsockname(socket, address.get(), &address.size) != 0) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

std::string peer_name(int socket) { return name_of(socket, ::getpeername); }
std::string local_name(int socket) { return name_of(socket, ::getsockname); }

bool peer_is_local(int socket) {
  Address address;
  address.size = sizeof address.storage;
  if (::getpeername(socket, address.get(), &address.size) != 0) return false;
  if (address.storage.ss_family == AF_UNIX) return true;
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

void tune(int socket, std::chrono::seconds keepalive) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  if (keepalive.count() <= 0) return;
  // As Redis does: the first probe after the whole time, the next ones after a third of it, and
  // three without an answer end the connection.
  const int seconds = static_cast<int>(keepalive.count());
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 3));
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace sojourn::server
