// Bytes in, replies out: the part of a worker that reads a connection's requests and runs them.

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/base/numbers.h"
#include "server/net/protected_mode.h"
#include "server/net/worker.h"
#include "server/net/worker_limits.h"

namespace sojourn::server {

namespace {

using Waiting = Connection::Waiting;
using Status = protocol::RequestParser::Status;

// CLIENT LIST may show the connection otherwise after such a command.
constexpr Flags kMayChangeShown = kConnection | kPushes | kTransactionCategory | kChangesConnection;

// A browser can be made to send a form to any port, and its lines would be run as inline requests.
// Such a message begins with a verb, and every one has a Host: line (GET is a command of ours).
bool is_http(protocol::Words words) {
  const std::string_view word = words.front();
  if (word.size() < 3 || word.size() > 7) return false;
  constexpr std::string_view kWords[] = {"post",    "host:",   "put",   "delete", "head",
                                         "options", "connect", "trace", "patch"};
  return std::ranges::any_of(kWords,
                             [&](std::string_view other) { return equal_any_case(word, other); });
}

}  // namespace

bool Worker::unauthenticated(const Connection& connection) const {
  return !connection.state.authenticated && !services_.users->open();
}

std::size_t Worker::unsent_max(const Connection& connection) const {
  return unauthenticated(connection) ? kUnauthenticatedUnsentBytesMax : kUnsentBytesMax;
}

void Worker::receive(Connection& connection) {
  // Only a request that was begun wants a number of bytes; what the parser says otherwise is old.
  const std::size_t begun = connection.input.size();
  const std::size_t wanted = begun == 0 ? 0 : connection.parser.bytes_wanted();
  if (std::max(begun, wanted) > kStagedBytesMax) {
    receive_in_place(connection);
  } else {
    receive_staged(connection);
  }
}

void Worker::receive_in_place(Connection& connection) {
  const std::size_t begun = connection.input.size();
  const std::size_t wanted = connection.parser.bytes_wanted();
  const std::size_t missing = wanted > begun ? wanted - begun : 0;
  const std::size_t room = std::clamp(missing, kRoomBytesMin, std::max(kRoomBytesMin, begun));
  std::span<char> into = connection.input.room(room);
  into = into.first(std::min(into.size(), kReadInPlaceBytesMax));
  const Received received = connection.receive(into);
  if (!received_bytes(connection, received, {into.data(), received.bytes})) return;
  connection.input.commit(received.bytes);
  run_backlog(connection);
}

void Worker::receive_staged(Connection& connection) {
  const std::string_view begun = connection.input.view();
  char* const room = lookahead_.room();
  if (!begun.empty()) std::memcpy(room, begun.data(), begun.size());
  char* const into = room + begun.size();
  const Received received = connection.receive({into, kReadBytesMax});
  if (!received_bytes(connection, received, {into, received.bytes})) return;
  lookahead_.add(connection, {room, begun.size() + received.bytes});
}

bool Worker::received_bytes(Connection& connection, Received received, std::string_view bytes) {
  using Kind = Received::Kind;
  switch (received.kind) {
    case Kind::nothing:
      return false;
    case Kind::end:
      connection.ending = true;
      return false;
    case Kind::failed:
      tell_tls_trouble(connection);
      close_now(connection);
      return false;
    case Kind::news:
      if (!hear_tls_news(connection, bytes.size()) || bytes.empty()) return false;
      break;
    case Kind::bytes:
      break;
  }
  WorkerMetrics::add(metrics_.reads);
  WorkerMetrics::add(metrics_.net_input_bytes, bytes.size());
  if (connection.state.bytes_read == bytes.size() && bytes.front() == kTlsHandshake) {
    if (may_warn(tls_warned_at_)) {
      services_.log.warning(
          "A TLS handshake from {} on a port without TLS: connection closed. Check the client's "
          "settings.",
          connection.state.peer_address);
    }
    close_now(connection);
    return false;
  }
  return true;
}

// False if it is not served.
bool Worker::hear_tls_news(Connection& connection, std::size_t bytes) {
  if (connection.tls()->ended()) connection.ending = true;
  if (connection.state.bytes_read > bytes) return true;
  // Not before the handshake is done: he is told why in the language he speaks.
  const std::string_view denial = 
      denial_by_protected_mode(*settings_, *services_.users, connection.descriptor());
  if (denial.empty()) return true;
  WorkerMetrics::add(metrics_.connections_rejected);
  services_.log.verbose("{} turned away by protected mode", connection.state.peer_address);
  outputs_.lend(connection.output);
  connection.output += denial;
  connection.state.close_after_reply = true;
  return false;
}

void Worker::tell_tls_trouble(const Connection& connection) {
  const TlsStream* const tls = connection.tls();
  if (tls == nullptr || tls->trouble().empty()) return;
  if (!tls->handshaking()) {
    services_.log.verbose("TLS with {} has failed ({}): connection closed",
                          connection.state.peer_address, tls->trouble());
  } else if (!may_warn(handshake_warned_at_)) {
    return;
  } else if (tls->spoken_to_plainly()) {
    services_.log.warning(
        "Bytes without TLS from {} on the port for TLS: connection closed. Check the client's "
        "settings.",
        connection.state.peer_address);
  } else {
    services_.log.warning("The TLS handshake with {} has failed ({}): connection closed.",
                          connection.state.peer_address, tls->trouble());
  }
}

void Worker::run_backlog(Connection& connection) {
  dispatcher_.restart_timer();
  const std::size_t taken = run_requests(connection, connection.input.view(), 0);
  if (!connection.closed) connection.input.consume(taken);
  touch(connection);
}

std::size_t Worker::run_requests(Connection& connection, std::string_view bytes,
                                 std::size_t foreseen) {
  const Time now = services_.clock.now();
  connection.backlog = false;
  connection.compact_output();
  outputs_.lend(connection.output);
  connection.state.input_bytes = bytes.size();
  bool restricted = unauthenticated(connection);
  connection.parser.set_limits(restricted ? protocol::kUnauthenticatedLimits : limits_);

  std::string_view rest = bytes;
  for (std::size_t requests = 0; !rest.empty(); ++requests) {
    // Who is told by a message must find it before the reply to what he then asks; and what he
    // publishes himself follows the reply.
    if (connection.state.is_told()) [[unlikely]] {
      connection.put_postponed();
      mailbox_.deliver_all();
    }
    // The first one runs, however late it is: somebody was found time for it.
    const bool enough = requests == kRequestsOfOneMax || (requests > 0 && !time_for_requests());
    if (enough || !connection.may_run(unsent_max(connection))) {
      connection.backlog = true;
      break;
    }
    if (requests == foreseen) foreseen += lookahead_.look_ahead(connection, rest);
    const Status status = connection.parser.parse(rest);
    if (status == Status::need_more) break;
    if (status == Status::error) {
      refuse(connection, connection.parser.error());
      break;
    }
    const protocol::Words words = connection.parser.words();
    if (rest.front() != '*' && !words.empty() && is_http(words)) {
      refuse_http(connection);
      break;
    }
    if (!words.empty() && !run_request(connection, words, now)) break;
    rest.remove_prefix(connection.parser.consumed());
    if (restricted && !unauthenticated(connection)) {
      restricted = false;
      connection.parser.set_limits(limits_);
    }
  }
  connection.put_postponed();
  connection.parser.trim();
  note_changed(connection, false);
  if (connection.state.close_after_reply) {
    connection.backlog = false;
    return bytes.size();
  }
  return bytes.size() - rest.size();
}

// False when the request has not run and stays where it is.
bool Worker::run_request(Connection& connection, protocol::Words words, Time now) {
  ++requests_this_turn_;
  switch (dispatcher_.run(connection.state, words, connection.output, now, connection.wake)) {
    case Dispatcher::Outcome::done:
      break;
    case Dispatcher::Outcome::wait_wakeup:
      connection.waiting = Waiting::wakeup;
      return false;
    case Dispatcher::Outcome::wait_until:
      if (connection.state.blocked) note_changed(connection, true);
      wait_until(connection, dispatcher_.again_at());
      return false;
    case Dispatcher::Outcome::next_turn:
      connection.backlog = true;
      return false;
  }
  // What others see of a connection (its name, database, user) changes by these commands.
  const Command* const command = connection.state.last_command;
  if (command != nullptr && (command->flags & kMayChangeShown) != 0) {
    const bool within_exec = std::exchange(connection.state.shown_changed, false);
    if ((command->flags & kTransactionCategory) == 0 || within_exec) {
      note_changed(connection, true);
    }
  }
  return true;
}

// Null for who gets nothing more.
Connection* Worker::listening(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return nullptr;
  Connection& connection = *found->second;
  if (connection.closed || connection.state.close_after_reply || connection.overrun) return nullptr;
  return &connection;
}

void Worker::take_message(std::uint64_t id, const Delivery& delivery) {
  Connection* const connection = listening(id);
  if (connection == nullptr) return;
  outputs_.lend(connection->output);
  delivery.append_to(connection->for_messages(), connection->state.version);
  connection->state.hold_until = std::max(connection->state.hold_until, delivery.after);
  connection->overrun = delivery.last;
  told(*connection);
}

void Worker::take_invalidation(std::uint64_t id, const Invalidation& what) {
  Connection* const connection = listening(id);
  if (connection == nullptr) return;
  const std::string text = told_of(services_, connection->state, what);
  const OwnTracking& tracking = connection->state.tracking;
  if (tracking && tracking->redirect_broken) note_changed(*connection, true);
  if (text.empty()) return;
  outputs_.lend(connection->output);
  connection->for_messages() += text;
  told(*connection);
}

void Worker::told(Connection& connection) {
  note_changed(connection, false);
  touch(connection);
  // At once, however much the socket would take: what others publish must not pile up here. It is
  // closed a little later only since a request of its own may be running.
  const std::size_t most = output_limit_of(connection).hard_bytes;
  connection.overrun |= most != 0 && connection.unsent() + connection.postponed.size() > most;
  if (connection.overrun) overrun_.push_back(connection.state.id);
}

void Worker::hand_out_messages() {
  const bool all = mailbox_.deliver(std::chrono::steady_clock::now() + kMessagesTimeMax);
  if (!all) schedule_turn();
  const Time now = services_.clock.now();
  for (const std::uint64_t id : std::exchange(overrun_, {})) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->closed) continue;
    if (!over_output_limit(*found->second, now)) {  // says so in the log
      services_.log.warning("{} was sent more than could be handed out: connection closed",
                            found->second->state.peer_address);
    }
    close_now(*found->second);
  }
}

void Worker::refuse_http(Connection& connection) {
  if (may_warn(http_warned_at_)) {
    services_.log.warning(
        "Possible attack: {} speaks HTTP to this port, as a web page made to send commands would. "
        "Connection closed.",
        connection.state.peer_address);
  }
  close_now(connection);
}

// Strangers must not be able to fill the log.
bool Worker::may_warn(std::chrono::steady_clock::time_point& warned_at) {
  const auto now = std::chrono::steady_clock::now();
  if (now - warned_at < kWarnEvery) return false;
  warned_at = now;
  return true;
}

void Worker::refuse(Connection& connection, std::string_view error) {
  if (unauthenticated(connection)) WorkerMetrics::add(metrics_.unauthenticated_disconnections);
  services_.log.verbose("{} sent what is no request ({}): connection closed",
                        connection.state.peer_address, error);
  std::string text = "ERR ";
  text += error;
  protocol::ReplyWriter(connection.output, connection.state.version).error(text);
  connection.state.close_after_reply = true;
}

void Worker::resume(std::uint64_t id, Waiting from) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  if (connection.waiting == from) resume(connection);
}

// A request that waits for a time may be woken before it.
void Worker::wake(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (found->second->waiting != Waiting::nothing) resume(*found->second);
}

void Worker::resume(Connection& connection) {
  if (connection.closed) return;
  connection.waiting = Waiting::nothing;
  connection.backlog = true;
  touch(connection);
  schedule_turn();
}

}  // namespace sojourn::server
