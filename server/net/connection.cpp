#include "server/net/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "server/net/worker_limits.h"

namespace sojourn::server {

namespace {

// Less than this is not worth moving what follows it.
constexpr std::size_t kCompactedBytesMin = 16 * 1024;

}  // namespace

Connection::Connection(FileDescriptor socket, ConnectionState initial, SpareBlock& spare_input,
                       std::unique_ptr<TlsStream> tls)
    : state(std::move(initial)),
      input(spare_input),
      socket_(std::move(socket)),
      tls_(std::move(tls)) {
  state.descriptor = socket_.get();
  if (tls_) handshake_bytes_ = kHandshakeBytes;
}

Sent Connection::send(std::size_t most) {
  if (tls_) [[unlikely]]
    return send_by_tls();
  while (sent_ < output.size()) {
    const ssize_t n =
        ::send(socket_.get(), output.data() + sent_, std::min(unsent(), most), MSG_NOSIGNAL);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
      state.bytes_written += static_cast<std::uint64_t>(n);
      // A short write means the socket is full: asking again would only say so.
      if (sent_ < output.size()) return Sent::some;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Sent::some;
    } else if (errno != EINTR) {
      return Sent::failed;
    }
  }
  sent_ = 0;
  output.clear();
  return Sent::all;
}

Sent Connection::send_by_tls() {
  std::size_t gone = 0;
  const Sent sent = tls_->send(socket_.get(), std::string_view(output).substr(sent_), gone);
  waiting_wire_bytes_ = tls_->waiting_bytes();
  sent_ += gone;
  state.bytes_written += gone;
  if (sent != Sent::all) return sent;
  sent_ = 0;
  output.clear();
  return sent;
}

void Connection::compact_output() {
  // What is moved is no more than what was sent since the last time.
  if (sent_ < kCompactedBytesMin || sent_ < unsent()) return;
  output.erase(0, sent_);
  sent_ = 0;
}

void Connection::note_capacities() {
  state.input_capacity = input.capacity();
  state.output_capacity = output.capacity();
  state.output_capacity_max = std::max(state.output_capacity_max, state.output_capacity);
}

Received Connection::receive(std::span<char> into) {
  using Kind = Received::Kind;
  if (tls_) [[unlikely]]
    return receive_by_tls(into);
  while (true) {
    const ssize_t n = ::recv(socket_.get(), into.data(), into.size(), 0);
    if (n > 0) {
      state.bytes_read += static_cast<std::uint64_t>(n);
      return {Kind::bytes, static_cast<std::size_t>(n)};
    }
    if (n == 0) return {Kind::end};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Kind::nothing};
    if (errno != EINTR) return {Kind::failed};
  }
}

Received Connection::receive_by_tls(std::span<char> into) {
  const Received received = tls_->receive(socket_.get(), into);
  waiting_wire_bytes_ = tls_->waiting_bytes();
  if (!tls_->handshaking()) handshake_bytes_ = 0;
  state.bytes_read += received.bytes;
  return received;
}

void Connection::close() {
  closed = true;
  if (!socket_) return;
  if (tls_) tls_->say_goodbye(socket_.get());
  tls_.reset();
  waiting_wire_bytes_ = 0;
  handshake_bytes_ = 0;
  // Bytes that nobody read would turn the close into a reset, which may overtake the last reply.
  ::shutdown(socket_.get(), SHUT_WR);
  std::array<char, 4096> unread;
  for (int i = 0; i < 16; ++i) {
    if (::recv(socket_.get(), unread.data(), unread.size(), MSG_DONTWAIT) <= 0) break;
  }
  socket_.reset();
  // By swapping: assigning empty ones would keep the memory.
  protocol::RequestParser unused;
  std::swap(parser, unused);
  input.clear();
  std::string().swap(output);
  std::string().swap(postponed);
  state.unfinished = OwnUnfinished();
  state.multi.reset();
  sent_ = 0;
}

}  // namespace sojourn::server
