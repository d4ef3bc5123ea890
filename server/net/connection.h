#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/request_parser.h"
#include "server/base/clock.h"
#include "server/commands/connection_state.h"
#include "server/net/file_descriptor.h"
#include "server/net/input_buffer.h"
#include "server/net/tls_stream.h"
#include "server/net/transfer.h"

namespace sojourn::server {

// One socket, the bytes read from it and the bytes to be written to it. Its worker's alone.
class Connection {
 public:
  // With `tls` what goes over the socket is encrypted. `spare_input`: see InputBuffer.
  Connection(FileDescriptor socket, ConnectionState initial, SpareBlock& spare_input,
             std::unique_ptr<TlsStream> tls = nullptr);

  ConnectionState state;
  protocol::RequestParser parser;
  InputBuffer input;  // what has not run yet; has no memory while empty
  // Posts to the worker: run the request again. Made once, so that no request makes one.
  std::function<void()> wake;

  // --- output: appended by commands, sent from its front ---
  std::string output;
  std::size_t unsent() const { return output.size() - sent_; }
  // What comes unasked stands between replies, never in one that is made in several turns.
  std::string postponed;
  std::string& for_messages() { return state.is_amid_reply() ? postponed : output; }
  void put_postponed() {
    if (postponed.empty() || state.is_amid_reply()) [[likely]]
      return;
    output += postponed;
    std::string().swap(postponed);
  }
  // As much as the socket takes now, but about `most` bytes; with TLS TlsWork says how much.
  Sent send(std::size_t most);
  // There is something to send, be it TLS's own or what it has encrypted already.
  bool has_output() const { return unsent() + waiting_wire_bytes_ > 0; }
  // Gives back what was sent, so that a reader who is always behind does not make the output grow
  // beyond twice of what is unsent.
  void compact_output();

  // --- receiving ---
  Received receive(std::span<char> into);

  // Why the request at the front of `input` does not run now.
  enum class Waiting : std::uint8_t { nothing, wakeup, time } waiting = Waiting::nothing;
  Time waiting_until{};
  // `input` may hold whole requests that wait for nothing but their turn.
  bool backlog = false;
  // The peer sends no more, or is not listened to any more: close when the output is out.
  bool ending = false;
  bool closed = false;

  // False while it waits, ends, or leaves more output lying than it may.
  bool may_run(std::size_t unsent_max) const {
    return waiting == Waiting::nothing && !closed && !state.close_after_reply &&
           unsent() < unsent_max;
  }
  // What was sent and has not run, queued by MULTI as well; and what a handshake takes.
  std::size_t input_bytes() const {
    return input.capacity() + parser.memory_bytes() + state.multi.bytes() + handshake_bytes_;
  }
  std::size_t output_bytes() const {
    return output.capacity() + postponed.capacity() - 2 * kWithoutMemory + waiting_wire_bytes_ +
           state.unfinished.bytes() + state.subscriptions.bytes();
  }
  std::size_t buffer_bytes() const { return input_bytes() + output_bytes(); }
  void note_capacities();  // in `state`
  bool awaits_release(JournalPosition released) const {
    return unsent() > 0 && state.hold_until > released;
  }
  int descriptor() const { return socket_.get(); }
  const TlsStream* tls() const { return tls_.get(); }  // null: there is none
  bool handshaking() const { return tls_ && tls_->handshaking(); }
  // Closes the socket in a way that lets the peer read what was sent to it.
  void close();

  // --- the worker's notes: which of its lists this is on ---
  std::uint32_t interest = 0;     // what epoll was told
  std::size_t counted_input = 0;  // what the budget was told
  std::size_t counted_output = 0;
  Time over_soft_limit_since = kNever;
  bool touched = false;
  bool held = false;
  bool runnable = false;
  bool unpublished = false;
  bool overrun = false;
  bool shakes_hands_later = false;

 private:
  // A string's capacity while it has no memory of its own.
  static inline const std::size_t kWithoutMemory = std::string().capacity();

  Sent send_by_tls();
  Received receive_by_tls(std::span<char> into);

  FileDescriptor socket_;
  std::unique_ptr<TlsStream> tls_;
  std::size_t sent_ = 0;
  std::size_t waiting_wire_bytes_ = 0;
  std::size_t handshake_bytes_ = 0;
};

}  // namespace sojourn::server
