#include "server/net/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "server/base/check.h"
#include "server/net/protected_mode.h"
#include "server/net/socket.h"

namespace sojourn::server {

namespace {

// Of one socket before others and the worker's own connections get their turn.
constexpr int kAcceptedPerTurnMax = 128;
// When descriptors or memory are short: those that are open must end first.
constexpr std::chrono::milliseconds kRest{100};
constexpr std::chrono::seconds kComplainEvery{10};
constexpr std::string_view kTooMany = "-ERR max number of clients reached\r\n";

}  // namespace

Listener::Listener(WorkersShared& shared, std::span<const std::unique_ptr<Worker>> workers,
                   std::vector<ListeningSocket> sockets)
    : shared_(shared),
      workers_(workers),
      rest_(workers.front()->io()),
      random_(std::random_device{}()) {
  sockets_.reserve(sockets.size());
  for (auto& [socket, tls] : sockets) {
    sockets_.push_back({{workers.front()->io(), socket.release()}, tls});
  }
  for (Socket& socket : sockets_) watch(socket);
}

void Listener::close() {
  rest_.cancel();
  sockets_.clear();
}

void Listener::watch(Socket& socket) {
  const auto readable = boost::asio::posix::stream_descriptor::wait_read;
  socket.descriptor.async_wait(readable, [this, &socket](const boost::system::error_code& error) {
    if (error) return;
    if (accept_some(socket)) return watch(socket);
    rest_.expires_after(kRest);
    rest_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      for (Socket& each : sockets_) {
        each.descriptor.cancel();
        watch(each);
      }
    });
  });
}

bool Listener::accept_some(Socket& socket) {
  for (int i = 0; i < kAcceptedPerTurnMax; ++i) {
    FileDescriptor accepted(::accept4(socket.descriptor.native_handle(), nullptr, nullptr,
                                      SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      admit(std::move(accepted), socket.tls);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else if (!may_continue_after(errno)) {
      return false;
    }
  }
  return true;
}

bool Listener::may_continue_after(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      break;
    default:
      // The error of one connection that ended before it was accepted, not of the socket.
      return true;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - complained_at_ >= kComplainEvery) {
    complained_at_ = now;
    shared_.services.log.warning("Cannot accept connections for now: {}", std::strerror(error));
  }
  return false;
}

void Listener::admit(FileDescriptor accepted, bool tls) {
  const auto settings = shared_.services.config.current();
  const std::size_t open = shared_.connections.fetch_add(1, std::memory_order_relaxed) + 1;
  if (open > settings->maxclients) return reject(accepted, kTooMany, tls);
  if (!tls) {
    // With TLS he can be told after the handshake only: by his worker.
    const std::string_view denial = 
        denial_by_protected_mode(*settings, *shared_.services.users, accepted.get());
    if (!denial.empty()) return reject(accepted, denial, tls);
  }
  WorkerMetrics::add(workers_.front()->metrics().connections_received);
  auto context = tls ? shared_.tls.get() : nullptr;
  CHECK(!tls || context != nullptr);  // without it he would be spoken to plainly
  choose_worker().adopt(std::move(accepted), std::move(context));
}

void Listener::reject(const FileDescriptor& accepted, std::string_view error, bool tls) {
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  WorkerMetrics::add(workers_.front()->metrics().connections_rejected);
  if (shared_.services.log.enabled(LogLevel::verbose)) {
    shared_.services.log.verbose("{} turned away: {}", peer_name(accepted.get()),
                                 error.substr(1, error.size() - 3));
  }
  // As in Redis: a handshake for one who is turned away anyway would cost more than he is worth.
  if (tls) return;
  // Sent if the fresh socket takes it, as it does; its peer is owed no more.
  (void)::send(accepted.get(), error.data(), error.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Worker& Listener::choose_worker() {
  Worker& one = *workers_[random_() % workers_.size()];
  Worker& other = *workers_[random_() % workers_.size()];
  return other.load() < one.load() ? other : one;
}

}  // namespace sojourn::server
