#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sojourn/reply.h"
#include "sojourn/request.h"
#include "sojourn/tls_options.h"

namespace sojourn {

// Where the server is and how to treat it. Every limit counts for one Client.
struct Options {
  std::string host = "127.0.0.1";  // a name or an address
  std::uint16_t port = 6379;
  std::string unix_socket{};        // a path; if set, host and port mean nothing
  std::optional<TlsOptions> tls{};  // nothing: not encrypted

  std::string username{};  // empty: the server's default user
  std::string password{};  // empty, and no username: no AUTH at all
  std::string client_name{};
  unsigned database = 0;
  // 3: RESP3 if the server has it, else RESP2. 2: RESP2, no HELLO is sent.
  int protocol = 3;

  // Connections, each opened when it is first needed and carrying the requests of many callers. A
  // request goes to the least busy one. Two keep a slow command from holding up all the others.
  std::size_t connections = 2;

  // From the look-up of the host's name to the end of the greeting.
  std::chrono::milliseconds connect_timeout{3000};
  // From async_exec() to the last reply, waiting for a connection included. Zero: no limit.
  std::chrono::milliseconds request_timeout{5000};
  // The wait before a connection is tried again doubles from the first to the second of these, and
  // a random half of it is left out so that a fleet of clones does not come back at once.
  std::chrono::milliseconds backoff_first{50};
  std::chrono::milliseconds backoff_max{5000};

  // Beyond these a call fails at once with Errc::queue_full.
  std::size_t pending_requests_max = 10'000;
  std::size_t pending_bytes_max = 256u * 1024 * 1024;
  // A larger reply ends the connection with Errc::reply_too_large; nothing is allocated for it.
  std::size_t reply_bytes_max = 512u * 1024 * 1024;
  std::size_t reply_elements_max = 16u * 1024 * 1024;

  // Sent on every new connection before anything else: CLIENT TRACKING, SUBSCRIBE (with RESP3).
  // If one of its commands is answered by an error, the connection is not used.
  Request setup{};
  // Called with every RESP3 push that answers no command, on the thread that runs the client and in
  // the order of arrival on its connection. Must be quick and must not throw.
  std::function<void(Reply)> on_push{};
  // Called when a connection that was in use is lost, likewise; no push of it comes afterwards.
  std::function<void()> on_lost{};
};

}  // namespace sojourn
