// What time and limits ask of a worker: its share of the keyspace's upkeep, waiting requests,
// deadlines of connections, and the bounds of their buffers.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "server/net/worker.h"
#include "server/net/worker_limits.h"

namespace sojourn::server {

namespace {

using Waiting = Connection::Waiting;

}  // namespace

void Worker::arm_timer() {
  auto after = std::chrono::milliseconds(kTick);
  if (!waiting_until_.empty()) {
    const Millis until = waiting_until_.top().first - services_.clock.now();
    after = std::clamp(until, Millis(1), after);
  }
  timer_.expires_after(after);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tick();
    arm_timer();
  });
}

void Worker::wait_until(Connection& connection, Time until) {
  connection.waiting = Waiting::time;
  connection.waiting_until = until;
  waiting_until_.emplace(until, connection.state.id);
  // Only ever earlier: a timer that is put off again and again never ends.
  const auto left = timer_.expiry() - std::chrono::steady_clock::now();
  if (until - services_.clock.now() < left) arm_timer();
}

void Worker::tick() {
  const Turn turn(*this);
  refresh_settings();
  const Time now = services_.clock.now();
  resume_due(now);
  end_unauthenticated(now);
  look_through_connections(now);
  publish_now_and_then();
  if (!upkeep_scheduled_) upkeep();
}

void Worker::upkeep() {
  upkeep_in_turn_ = true;
  upkeep_scheduled_ = services_.keyspace.upkeep(index_, count_, kUpkeepBudget);
  if (upkeep_scheduled_) schedule_upkeep();
}

// There is more to do: the sockets get their turn first.
void Worker::schedule_upkeep() {
  boost::asio::post(io_, [this] {
    const bool may_wait = !services_.keyspace.makes_room(index_);
    if (may_wait && !upkeep_share_.due(TurnTimer::wall_clock())) return schedule_upkeep();
    const Turn turn(*this);
    upkeep();
  });
}

void Worker::resume_due(Time now) {
  while (!waiting_until_.empty() && waiting_until_.top().first <= now) {
    const std::uint64_t id = waiting_until_.top().second;
    waiting_until_.pop();
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->waiting_until > now) continue;
    resume(id, Waiting::time);
  }
}

void Worker::end_unauthenticated(Time now) {
  const Millis allowed = settings_->unauthenticated_timeout;
  while (!unauthenticated_.empty() &&
         (allowed.count() == 0 || unauthenticated_.front().first + allowed <= now)) {
    const auto found = connections_.find(unauthenticated_.front().second);
    unauthenticated_.pop_front();
    if (allowed.count() == 0 || found == connections_.end()) continue;
    const bool shaking = found->second->handshaking();
    if (!shaking && !unauthenticated(*found->second)) continue;
    WorkerMetrics::add(metrics_.unauthenticated_disconnections);
    services_.log.verbose("{} has not {} in time: connection closed",
                          found->second->state.peer_address,
                          shaking ? "finished its TLS handshake" : "authenticated");
    close_now(*found->second);
  }
}

// One scan every kScanEvery, over as many ticks as it takes. Buckets of the map are what can be
// gone on with after connections came and went; whoever is missed then is seen by the next scan.
void Worker::look_through_connections(Time now) {
  const auto moment = std::chrono::steady_clock::now();
  if (scanned_ == 0 && moment < next_scan_) return;
  if (scanned_ == 0) next_scan_ = moment + kScanEvery;
  std::size_t looked_at = 0;
  for (; scanned_ < connections_.bucket_count() && looked_at < kConnectionsInATick; ++scanned_) {
    if (scanned_ % kEmptyBucketsAsOne == 0) ++looked_at;
    for (auto at = connections_.begin(scanned_); at != connections_.end(scanned_); ++at) {
      ++looked_at;
      if (!at->second->closed) look_at(*at->second, now);
    }
  }
  if (scanned_ < connections_.bucket_count()) return;
  scanned_ = 0;
  // One at a time: the kernel takes a millisecond to take 8 MB back.
  if (!spare_input_.age()) outputs_.age();
  metrics_.largest_input_buffer.store(std::exchange(largest_input_, 0), std::memory_order_relaxed);
  metrics_.largest_output_buffer.store(std::exchange(largest_output_, 0),
                                       std::memory_order_relaxed);
}

void Worker::look_at(Connection& connection, Time now) {
  largest_input_ = std::max(largest_input_, connection.input_bytes());
  largest_output_ = std::max(largest_output_, connection.output_bytes());
  const ConnectionState& state = connection.state;
  const bool idle = settings_->timeout.count() > 0 && connection.waiting == Waiting::nothing &&
                    !state.subscriptions.any() && !state.monitoring &&
                    now - std::max(state.last_request_at, state.connected_at) > settings_->timeout;
  if (idle) services_.log.verbose("{} was idle: connection closed", state.peer_address);
  if (idle || over_output_limit(connection, now)) close_now(connection);
}

const OutputLimit& Worker::output_limit_of(const Connection& connection) const {
  return connection.state.subscriptions.any() ? settings_->output_limit_pubsub
                                              : settings_->output_limit;
}

bool Worker::over_output_limit(Connection& connection, Time now) {
  const std::size_t unsent = connection.unsent() + connection.state.unfinished.bytes();
  const OutputLimit& limit = output_limit_of(connection);
  std::string_view which;
  if (unauthenticated(connection)) {
    if (unsent > kUnauthenticatedUnsentBytesMax) which = "what is allowed before authentication";
  } else if (limit.hard_bytes != 0 && unsent > limit.hard_bytes) {
    which = "the hard limit";
  } else if (limit.soft_bytes == 0 || unsent <= limit.soft_bytes) {
    connection.over_soft_limit_since = kNever;
  } else if (connection.over_soft_limit_since == kNever) {
    connection.over_soft_limit_since = now;
  } else if (now - connection.over_soft_limit_since > limit.soft_time) {
    which = "the soft limit";
  }
  if (which.empty()) return false;
  WorkerMetrics::add(metrics_.output_limit_disconnections);
  services_.log.warning("{} leaves {} bytes of replies unread, over {}: connection closed",
                        connection.state.peer_address, unsent, which);
  return true;
}

void Worker::count_buffers(Connection& connection) {
  const auto count = [this](std::size_t& counted, std::size_t bytes,
                            std::atomic<std::uint64_t>& metric) {
    if (counted == bytes) return;
    const auto change = static_cast<std::ptrdiff_t>(bytes) - static_cast<std::ptrdiff_t>(counted);
    counted = bytes;
    buffers_unreported_ += change;
    WorkerMetrics::add(metric, static_cast<std::uint64_t>(change));
  };
  count(connection.counted_input, connection.input_bytes(), metrics_.input_buffer_bytes);
  count(connection.counted_output, connection.output_bytes(), metrics_.output_buffer_bytes);
}

void Worker::report_buffers() {
  if (buffers_unreported_ != 0) {
    shared_.buffers.add(std::exchange(buffers_unreported_, 0));
  }
  if (shared_.buffers.bytes() > settings_->connection_buffers_budget) relieve_memory();
  metrics_.spare_buffer_bytes.store(spare_input_.bytes() + outputs_.large_bytes(),
                                    std::memory_order_relaxed);
}

// Who has not said who he is goes first, then who takes most.
void Worker::relieve_memory() {
  const auto rank = [this](const auto& entry) {
    const Connection& connection = *entry.second;
    if (connection.closed || connection.buffer_bytes() < kBuffersWorthClosing) {
      return std::pair(false, std::size_t{0});
    }
    return std::pair(unauthenticated(connection) || connection.handshaking(),
                     connection.buffer_bytes());
  };
  while (shared_.buffers.bytes() > settings_->connection_buffers_budget) {
    const auto largest = std::ranges::max_element(connections_, {}, rank);
    if (largest == connections_.end() || rank(*largest).second == 0) return;
    Connection& connection = *largest->second;
    services_.log.warning(
        "All connections' buffers take {} bytes, over connection-buffers-budget: {} with {} "
        "bytes closed",
        shared_.buffers.bytes(), connection.state.peer_address, connection.buffer_bytes());
    WorkerMetrics::add(connection.input_bytes() > connection.output_bytes()
                           ? metrics_.query_limit_disconnections
                           : metrics_.output_limit_disconnections);
    close_now(connection);
    shared_.buffers.add(std::exchange(buffers_unreported_, 0));
  }
}

// --- what others see ---

void Worker::note_changed(Connection& connection, bool soon) {
  if (soon) {
    if (std::ranges::find(changed_now_, &connection) == changed_now_.end()) {
      changed_now_.push_back(&connection);
    }
  } else if (!connection.unpublished) {
    connection.unpublished = true;
    changed_later_.push_back(&connection);
  }
}

void Worker::publish(std::span<Connection* const> changed) {
  if (changed.empty()) return;
  std::vector<const ConnectionState*> states;
  states.reserve(changed.size());
  for (Connection* connection : changed) {
    if (connection->closed) continue;
    connection->state.input_bytes = connection->input.size();
    connection->state.output_bytes = connection->unsent();
    connection->note_capacities();
    states.push_back(&connection->state);
  }
  published_.update(states);
}

void Worker::publish_now_and_then() {
  const auto moment = std::chrono::steady_clock::now();
  if (looked_at_.exchange(false, std::memory_order_relaxed)) {
    keep_fresh_until_ = moment + kKeepFresh;
  }
  if (moment < next_publish_) return;
  const std::size_t count = std::min(changed_later_.size(), kConnectionsInATick);
  const std::span<Connection* const> changed(changed_later_.data(), count);
  for (Connection* connection : changed) connection->unpublished = false;
  publish(changed);
  changed_later_.erase(changed_later_.begin(),
                       changed_later_.begin() + static_cast<std::ptrdiff_t>(count));
  if (!changed_later_.empty()) return;
  next_publish_ = moment + (moment < keep_fresh_until_ ? kPublishEveryWhenLookedAt : kPublishEvery);
}

}  // namespace sojourn::server
