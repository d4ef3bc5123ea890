#include "server/net/worker.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "server/base/check.h"
#include "server/commands/connection_end.h"
#include "server/commands/permissions.h"
#include "server/net/socket.h"
#include "server/net/worker_limits.h"

namespace sojourn::server {

namespace asio = boost::asio;

Worker::Worker(WorkersShared& shared, std::size_t index, std::size_t count)
    : shared_(shared),
      services_(shared.services),
      journal_(services_.keyspace.journal()),
      metrics_(services_.metrics.add_worker()),
      mailbox_(services_.channels->mailbox(index)),
      index_(index),
      count_(count),
      dispatcher_(services_, metrics_, &outputs_.large()),
      io_(1),
      sockets_(io_, ::epoll_create1(EPOLL_CLOEXEC)),
      timer_(io_),
      ready_(std::make_unique<epoll_event[]>(kReadyMax)),
      turn_timer_(metrics_),
      lookahead_(services_.keyspace) {
  mailbox_.serve(
      [this] {
        // Who publishes on this worker has a turn, at whose end the message is handed out.
        if (io_.get_executor().running_in_this_thread()) return;
        asio::post(io_, [this] { const Turn turn(*this); });
      },
      [this](std::uint64_t id, const Delivery& delivery) { take_message(id, delivery); },
      [this](std::uint64_t id, const Invalidation& what) { take_invalidation(id, what); });
  refresh_settings();
}

Worker::~Worker() = default;

void Worker::run() {
  ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
  watch();
  arm_timer();
  io_.run();
}

// --- from other threads ---

void Worker::adopt(FileDescriptor socket, std::shared_ptr<const TlsContext> tls) {
  load_.fetch_add(1, std::memory_order_relaxed);
  asio::post(io_, [this, socket = std::move(socket), tls = std::move(tls)]() mutable {
    const Turn turn(*this);
    take_in(std::move(socket), tls.get());
  });
}

void Worker::close(std::vector<std::uint64_t> ids) {
  for (const std::uint64_t id : ids) published_.remove(id);
  asio::post(io_, [this, ids = std::move(ids)] {
    const Turn turn(*this);
    for (const std::uint64_t id : ids) {
      const auto found = connections_.find(id);
      if (found != connections_.end()) close_now(*found->second);
    }
  });
}

void Worker::review() {
  asio::post(io_, [this] {
    const Turn turn(*this);
    const std::uint64_t generation = services_.config.generation();
    for (auto& [id, connection] : connections_) {
      ConnectionState& state = connection->state;
      // Who is to be closed after a reply has changed users himself, and gets that.
      if (connection->closed || state.close_after_reply) continue;
      if (!follow_user(services_, state, generation)) close_now(*connection);
    }
  });
}

void Worker::journal_progressed() {
  // The worker sets the flag and then looks at released() once more; whoever takes it back wakes
  // the worker. Both are read-modify-writes of one atomic, so one of the two sees the other.
  if (awaiting_journal_.exchange(false, std::memory_order_acq_rel)) {
    asio::post(io_, [this] {
      const Turn turn(*this);
      release_held();
    });
  }
}

void Worker::drain(std::function<void()> done) {
  asio::post(io_, [this, done = std::move(done)]() mutable {
    const Turn turn(*this);
    draining_ = true;
    drained_ = std::move(done);
    for (auto& [id, connection] : connections_) touch(*connection);
  });
}

void Worker::stop() {
  asio::post(io_, [this] {
    for (auto& [id, connection] : connections_) close_now(*connection);
    bury();
    dispatcher_.end_scripts();
    io_.stop();
  });
}

// --- turns ---

void Worker::watch() {
  sockets_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        serve_sockets();
                        watch();
                      });
}

void Worker::schedule_turn() {
  if (turn_scheduled_) return;
  turn_scheduled_ = true;
  asio::post(io_, [this] {
    turn_scheduled_ = false;
    serve_sockets();
  });
}

void Worker::serve_sockets() {
  const Turn turn(*this);
  refresh_settings();
  serve_ready();
  run_backlogs();
  if (dispatcher_.has_orphan()) [[unlikely]]
    dispatcher_.go_on_with_orphan();
}

void Worker::end_turn() {
  settle();
  sendable_ = kSentPerTurnMax;
  tls_work_.end_turn();
  const auto [wall, cpu] = turn_timer_.end(long_turn_);
  if (std::exchange(upkeep_in_turn_, false)) {
    upkeep_share_.note_step(wall, TurnTimer::wall_clock());
  } else {
    upkeep_share_.note_turn(wall);
  }
  if (wall < long_turn_) [[likely]]
    return;
  const Time now = services_.clock.now();
  services_.latency->add("turn", now, wall);
  if (cpu >= long_turn_) services_.latency->add("turn-cpu", now, cpu);
}

void Worker::serve_ready() {
  // Who was ready and had no turn comes first: asking anew would bring the same ones to the front.
  if (next_ready_ == ready_count_) {
    next_ready_ = 0;
    ready_count_ = ::epoll_wait(sockets_.native_handle(), ready_.get(), kReadyMax, 0);
    ready_count_ = std::max(ready_count_, 0);
  }
  begin_requests();
  while (next_ready_ < ready_count_ || may_go_on_with_handshakes()) {
    if (!time_for_requests()) return schedule_turn();
    receive_group();
    run_group();
  }
  if (!handshakes_.empty()) [[unlikely]]
    schedule_turn();
}

void Worker::receive_group() {
  while (may_go_on_with_handshakes() && lookahead_.has_room()) go_on_with_handshake();
  while (next_ready_ < ready_count_ && lookahead_.has_room()) {
    const epoll_event& event = ready_[next_ready_++];
    auto* const connection = static_cast<Connection*>(event.data.ptr);
    if (connection != nullptr && !connection->closed) serve(*connection, event.events);
  }
}

void Worker::run_group() {
  lookahead_.fetch_keys();
  dispatcher_.restart_timer();
  for (const auto& [connection, bytes, foreseen] : lookahead_.all()) {
    if (connection->closed) continue;
    if (!time_for_requests()) {
      connection->input.assign(bytes);
      connection->backlog = true;
      continue;
    }
    const std::size_t taken = run_requests(*connection, bytes, foreseen);
    if (!connection->closed) connection->input.assign(bytes.substr(taken));
  }
  lookahead_.clear();
}

void Worker::begin_requests() {
  dispatcher_.restart_timer();
  requests_this_turn_ = 0;
  requests_end_ = dispatcher_.timer() + kRequestsTimeMax;
}

bool Worker::time_for_requests() const {
  return requests_this_turn_ < kRequestsPerTurnMax && dispatcher_.timer() < requests_end_;
}

void Worker::run_backlogs() {
  if (runnable_.empty()) return;
  std::vector<Connection*> runnable;
  runnable.swap(runnable_);
  begin_requests();  // a bound of their own, so that the others cannot use it up
  for (Connection* connection : runnable) {
    if (connection->closed) continue;
    if (!time_for_requests()) {
      runnable_.push_back(connection);
      schedule_turn();
      continue;
    }
    connection->runnable = false;
    run_backlog(*connection);
  }
}

void Worker::serve(Connection& connection, std::uint32_t events) {
  // The event may be older than what is wanted now.
  events &= connection.interest | EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    if ((connection.interest & EPOLLIN) == 0) return close_now(connection);
    if (connection.handshaking() && !tls_work_.may_shake_hands()) [[unlikely]] {
      put_off_handshake(connection);
    } else {
      receive(connection);
    }
  }
  touch(connection);
}

// Thousands may begin at once. Those who wait are not asked for meanwhile: they would be ready in
// every turn, before all others.
void Worker::put_off_handshake(Connection& connection) {
  connection.shakes_hands_later = true;
  handshakes_.push_back(connection.state.id);
}

bool Worker::may_go_on_with_handshakes() const {
  return !handshakes_.empty() && tls_work_.may_shake_hands();
}

void Worker::go_on_with_handshake() {
  const auto found = connections_.find(handshakes_.front());
  handshakes_.pop_front();
  if (found == connections_.end() || found->second->closed) return;
  Connection& connection = *found->second;
  connection.shakes_hands_later = false;
  receive(connection);
  touch(connection);
}

void Worker::touch(Connection& connection) {
  if (connection.touched) return;
  connection.touched = true;
  touched_.push_back(&connection);
}

// Ends a turn: everything that was changed goes to the journal at once, then everything that may
// leave is sent.
void Worker::settle() {
  if (mailbox_.waiting() || !overrun_.empty()) [[unlikely]]
    hand_out_messages();
  if (journal_.appended() != journal_.written()) journal_.end_turn();
  // Before the replies: who has read that a connection has a name finds it in CLIENT LIST.
  publish(changed_now_);
  changed_now_.clear();
  const JournalPosition released = journal_.released();
  for (Connection* connection : touched_) {
    connection->touched = false;
    if (!connection->closed) finish(*connection, released);
  }
  touched_.clear();
  report_buffers();
  if (!held_.empty() && !awaiting_journal_.exchange(true, std::memory_order_acq_rel)) {
    release_held();
  }
  bury();
  if (dispatcher_.has_orphan()) [[unlikely]]
    schedule_turn();
  if (draining_) check_drained();
}

void Worker::finish(Connection& connection, JournalPosition released) {
  if (connection.has_output()) send_or_hold(connection, released);
  if (connection.closed) return;
  if (connection.unsent() == 0) outputs_.take_back(connection.output);
  const bool ends = connection.ending || connection.state.close_after_reply;
  if (ends && connection.unsent() == 0 && !connection.backlog &&
      connection.waiting == Connection::Waiting::nothing) {
    return close_now(connection);
  }
  if (connection.backlog && !connection.runnable && connection.may_run(unsent_max(connection))) {
    connection.runnable = true;
    runnable_.push_back(&connection);
    schedule_turn();
  }
  update_interest(connection, released);
  count_buffers(connection);
}

void Worker::send_or_hold(Connection& connection, JournalPosition released) {
  if (connection.awaits_release(released)) {
    // Whether it was written is unknown, and will stay so: neither OK nor an error would be true.
    if (journal_.state() == StorageState::failed) return close_now(connection);
    if (!connection.held) {
      connection.held = true;
      held_.push_back(&connection);
    }
  } else {
    const std::uint64_t written_before = connection.state.bytes_written;
    const std::size_t most = std::clamp(sendable_, kSentBytesMin, kSentOfOneMax);
    if (connection.send(most) == Sent::failed) return close_now(connection);
    connection.compact_output();
    const std::size_t sent = connection.state.bytes_written - written_before;
    sendable_ -= std::min(sendable_, sent);
    WorkerMetrics::add(metrics_.writes);
    WorkerMetrics::add(metrics_.net_output_bytes, sent);
  }
  if (connection.unsent() == 0) {
    connection.over_soft_limit_since = kNever;
  } else if (over_output_limit(connection, services_.clock.now())) {
    close_now(connection);
  }
}

void Worker::release_held() {
  const JournalPosition released = journal_.released();
  const bool failed = journal_.state() == StorageState::failed;
  std::erase_if(held_, [&](Connection* connection) {
    if (!connection->closed && connection->awaits_release(released) && !failed) return false;
    connection->held = false;
    if (!connection->closed) finish(*connection, released);
    return true;
  });
}

void Worker::update_interest(Connection& connection, JournalPosition released) {
  std::uint32_t wanted = 0;
  if (!draining_ && !connection.ending && !connection.backlog && !connection.shakes_hands_later &&
      connection.may_run(unsent_max(connection))) {
    wanted |= EPOLLIN;
  }
  if (connection.has_output() && !connection.awaits_release(released)) wanted |= EPOLLOUT;
  // It may wait for ever, and nobody would read that its peer has gone.
  if (connection.state.blocked) wanted |= EPOLLRDHUP;
  if (wanted == connection.interest) return;
  connection.interest = wanted;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &connection;
  ::epoll_ctl(sockets_.native_handle(), EPOLL_CTL_MOD, connection.descriptor(), &event);
}

// --- connections come and go ---

void Worker::take_in(FileDescriptor socket, const TlsContext* tls) {
  refresh_settings();
  ConnectionState state;
  state.id = shared_.next_id.fetch_add(1, std::memory_order_relaxed);
  state.peer_address = peer_name(socket.get());
  state.local_address = local_name(socket.get());
  state.authenticated = services_.users->open();
  state.connected_at = state.last_request_at = services_.clock.now();
  state.worker = static_cast<int>(index_);
  tune(socket.get(), settings_->tcp_keepalive);

  auto connection = std::make_unique<Connection>(
      std::move(socket), std::move(state), spare_input_,
      tls != nullptr ? TlsStream::accept(*tls, settings_->tls_auth_clients, tls_work_) : nullptr);
  const bool without_tls = tls != nullptr && connection->tls() == nullptr;
  const std::uint64_t id = connection->state.id;
  connection->wake = [this, id] { asio::post(io_, [this, id] { wake(id); }); };
  epoll_event event{};
  event.events = connection->interest = EPOLLIN;
  event.data.ptr = connection.get();
  WorkerMetrics::add(metrics_.connections);
  published_.add(connection->state);
  if (!connection->state.authenticated || tls != nullptr) {
    unauthenticated_.emplace_back(connection->state.connected_at, id);
  }
  Connection& added = *connections_.emplace(id, std::move(connection)).first->second;
  if (::epoll_ctl(sockets_.native_handle(), EPOLL_CTL_ADD, added.descriptor(), &event) != 0) {
    services_.log.warning("Cannot watch a new connection: {}", std::strerror(errno));
    close_now(added);
  } else if (without_tls) {
    services_.log.warning("No memory for the TLS of a new connection");
    close_now(added);
  }
}

void Worker::close_now(Connection& connection) {
  if (connection.closed) return;
  // Closing alone does not end epoll's events while a process just forked has a copy of the socket.
  ::epoll_ctl(sockets_.native_handle(), EPOLL_CTL_DEL, connection.descriptor(), nullptr);
  connection.close();
  end_connection(services_, connection.state);
  count_buffers(connection);
  published_.remove(connection.state.id);
  buried_.push_back(connection.state.id);
  load_.fetch_sub(1, std::memory_order_relaxed);
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  metrics_.connections.store(metrics_.connections.load(std::memory_order_relaxed) - 1,
                             std::memory_order_relaxed);
}

// A closed connection may still be on lists; it leaves them all before it goes.
void Worker::bury() {
  if (buried_.empty()) return;
  const auto closed = [](const Connection* connection) { return connection->closed; };
  for (auto* list : {&touched_, &held_, &runnable_, &changed_now_, &changed_later_}) {
    std::erase_if(*list, closed);
  }
  for (int i = next_ready_; i < ready_count_; ++i) {
    const auto* const connection = static_cast<const Connection*>(ready_[i].data.ptr);
    if (connection != nullptr && connection->closed) ready_[i].data.ptr = nullptr;
  }
  for (const std::uint64_t id : buried_) connections_.erase(id);
  buried_.clear();
}

void Worker::check_drained() {
  if (!drained_) return;
  const bool all = std::ranges::all_of(connections_, [](const auto& entry) {
    const Connection& connection = *entry.second;
    return connection.unsent() == 0 && !connection.backlog &&
           connection.waiting != Connection::Waiting::wakeup;
  });
  if (!all) return;
  drained_();
  drained_ = nullptr;
}

void Worker::refresh_settings() {
  const std::uint64_t generation = services_.config.generation();
  if (generation == settings_generation_) return;
  settings_generation_ = generation;
  settings_ = services_.config.current();
  const Millis threshold = settings_->latency_monitor_threshold;
  long_turn_ = threshold > Millis(0) ? std::min(threshold, kLongestTurn) : kLongestTurn;
  limits_.word_bytes_max = settings_->proto_max_bulk_len;
  limits_.request_bytes_max = settings_->client_query_buffer_limit;
}

}  // namespace sojourn::server
