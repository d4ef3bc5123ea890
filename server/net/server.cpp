#include "server/net/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "server/net/listener.h"
#include "server/net/socket.h"
#include "server/net/worker.h"

namespace sojourn::server {

namespace {

constexpr std::chrono::milliseconds kDrainMax{500};

// Counts workers that are done. Shared by whoever waits and by workers that are late: the last of
// them may come after the wait was given up.
class Arrivals {
 public:
  void arrive() {
    const std::lock_guard lock(mutex_);
    ++arrived_;
    changed_.notify_all();
  }
  void wait_for(std::size_t all, std::chrono::milliseconds most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, most, [&] { return arrived_ == all; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t arrived_ = 0;
};

// A pause in one word: what is paused in the lowest bits, until when above them.
constexpr int kPauseBits = 2;
constexpr std::int64_t kPauseUntilMax = std::int64_t{1} << 60;

std::int64_t pause_word(Connections::Pause what, std::int64_t until_ms) {
  return until_ms << kPauseBits | static_cast<std::int64_t>(what);
}

Connections::Pause pause_in(std::int64_t word, Time now) {
  if (word == 0 || unix_ms(now) >= word >> kPauseBits) return Connections::Pause::none;
  return static_cast<Connections::Pause>(word & ((1 << kPauseBits) - 1));
}

}  // namespace

Server::Server(std::function<void()> on_shutdown) : on_shutdown_(std::move(on_shutdown)) {}

Server::~Server() { stop(); }

Result<void> Server::listen(const Settings& settings) {
  if (settings.port == 0 && settings.tls_port == 0 && settings.unixsocket.empty()) {
    return Error{Errc::network,
                 "port and tls-port are 0 and there is no unixsocket, so nobody could connect"};
  }
  for (const auto& [port, tls] : {std::pair(settings.port, false), {settings.tls_port, true}}) {
    if (port == 0) continue;
    if (auto listening = listen_to_all(settings, port, tls); !listening) return listening;
  }
  if (settings.unixsocket.empty()) return {};
  return listen_unix(settings.path_of(settings.unixsocket), settings.unixsocketperm,
                     settings.tcp_backlog);
}

Result<void> Server::listen_to_all(const Settings& settings, std::uint16_t port, bool tls) {
  std::size_t bound = 0;
  for (const std::string& address : settings.bind) {
    const bool optional = address.starts_with('-');
    auto socket =
        sojourn::server::listen_tcp(address.substr(optional ? 1 : 0), port, settings.tcp_backlog);
    if (socket) {
      listening_.push_back({std::move(*socket), tls});
      ++bound;
    } else if (!optional || !socket.error().absent) {
      return socket.error().error;
    }
  }
  if (bound > 0) return {};
  return Error{Errc::network, "this machine has none of the addresses that bind names"};
}

Result<std::uint16_t> Server::listen_tcp(const std::string& address, std::uint16_t port,
                                         int backlog, bool tls) {
  auto socket = sojourn::server::listen_tcp(address, port, backlog);
  if (!socket) return socket.error().error;
  listening_.push_back({std::move(*socket), tls});
  return local_port(listening_.back().socket.get());
}

Result<void> Server::listen_unix(const std::string& path, std::uint32_t permissions, int backlog) {
  auto socket = sojourn::server::listen_unix(path, permissions, backlog);
  if (!socket) return socket.error();
  listening_.push_back({std::move(*socket), false});
  unix_path_ = path;
  return {};
}

std::size_t Server::workers_for(const Settings& settings) {
  if (settings.io_threads != 0) return settings.io_threads;
  return std::max(1u, std::thread::hardware_concurrency());
}

void Server::start(Services& services, std::size_t workers) {
  shared_ = std::make_unique<WorkersShared>(services, tls_);
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(*shared_, i, workers));
  }
  services.keyspace.journal().on_progress([this] {
    for (const auto& worker : workers_) worker->journal_progressed();
  });
  listener_ = std::make_unique<Listener>(*shared_, workers_, std::move(listening_));
  for (const auto& worker : workers_) {
    threads_.emplace_back([&worker] { worker->run(); });
  }
}

void Server::stop() {
  if (!threads_.empty()) {
    shared_->services.scripts->stop();
    boost::asio::post(workers_.front()->io(), [this] { listener_->close(); });
    remove_unix_socket();
    drain();
    for (const auto& worker : workers_) worker->stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  listening_.clear();
  remove_unix_socket();
}

void Server::drain() {
  auto arrivals = std::make_shared<Arrivals>();
  for (const auto& worker : workers_) {
    worker->drain([arrivals] { arrivals->arrive(); });
  }
  arrivals->wait_for(workers_.size(), kDrainMax);
}

void Server::remove_unix_socket() {
  if (!unix_path_.empty()) ::unlink(std::exchange(unix_path_, {}).c_str());
}

std::vector<ConnectionState> Server::list(const ConnectionState& self) const {
  std::vector<ConnectionState> all{self};
  for (const auto& worker : workers_) {
    worker->refresh_published();
    worker->published().append_to(all, self.id);
  }
  std::ranges::sort(all, {}, &ConnectionState::id);
  return all;
}

std::optional<std::size_t> Server::worker_of(std::uint64_t id) const {
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (workers_[worker]->published().has(id)) return worker;
  }
  return std::nullopt;
}

void Server::close(const std::vector<std::uint64_t>& ids) {
  for (const auto& worker : workers_) worker->close(ids);
}

void Server::review() {
  for (const auto& worker : workers_) worker->review();
}

void Server::pause(Pause what, Time until) {
  // As in Redis, a pause that is on is not made weaker or shorter by another one.
  const Time now = shared_->services.clock.now();
  std::int64_t was = pause_.load(std::memory_order_acquire);
  std::int64_t becomes = 0;
  do {
    if (what == Pause::none) {
      becomes = 0;
    } else {
      const Pause on = pause_in(was, now);
      const std::int64_t until_ms = std::min(unix_ms(until), kPauseUntilMax);
      becomes = on == Pause::none
                    ? pause_word(what, until_ms)
                    : pause_word(std::max(on, what), std::max(was >> kPauseBits, until_ms));
    }
  } while (!pause_.compare_exchange_weak(was, becomes, std::memory_order_acq_rel));
}

Server::Pause Server::paused(Time now) const {
  return pause_in(pause_.load(std::memory_order_acquire), now);
}

std::size_t Server::count() const {
  return shared_ ? shared_->connections.load(std::memory_order_relaxed) : 0;
}

void Server::shutdown() { on_shutdown_(); }

}  // namespace sojourn::server
