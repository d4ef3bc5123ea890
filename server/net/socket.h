#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "server/base/result.h"
#include "server/net/file_descriptor.h"

struct sockaddr_storage;

namespace sojourn::server {

// What the kernel's sockets need to be told, in one place. Everything is non-blocking and closed on
// exec.

// Listens on a numeric IPv4 or IPv6 address, "*" (all of IPv4) or "::*" (all of IPv6). Port 0 takes
// a free one: see local_port(). Fails with Errc::network; `absent` tells whether that was because
// this machine has no such address.
struct ListenFailure {
  Error error;
  bool absent;
};
boost::system::result<FileDescriptor, ListenFailure> listen_tcp(const std::string& address,
                                                                std::uint16_t port, int backlog);
[[noreturn]] void throw_exception_from_error(const ListenFailure&, const boost::source_location&);

// Listens on a path. Nobody can connect before the permissions are those asked for (0: as made by
// this process's umask, at most 0600 until then). What stands there from an earlier run is removed,
// but only if it is a socket.
Result<FileDescriptor> listen_unix(const std::string& path, std::uint32_t permissions, int backlog);

std::uint16_t local_port(int socket);
// "127.0.0.1:40312", "[::1]:40312", "/path/of/socket:0".
std::string peer_name(int socket);
std::string local_name(int socket);
// The peer is this machine itself: a loopback address or a Unix socket.
bool peer_is_local(int socket);

// For an accepted socket: no delay, and keep-alive probes as tcp-keepalive asks (0: none).
void tune(int socket, std::chrono::seconds keepalive);

}  // namespace sojourn::server
