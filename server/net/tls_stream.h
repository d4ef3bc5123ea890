#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "server/config/settings.h"
#include "server/net/tls_context.h"
#include "server/net/tls_work.h"
#include "server/net/transfer.h"

struct ssl_st;

namespace sojourn::server {

// The first byte of a handshake. No request begins with it.
inline constexpr char kTlsHandshake = 0x16;

// The TLS of one connection: between its socket, which is non-blocking and not owned, and the bytes
// that commands read and write. Nothing that was received stays undelivered: when its socket is not
// readable there is nothing to read, as with a plain one.
//
// Threading: its worker's alone.
class TlsStream {
 public:
  // Null when memory is short. `work` outlives it.
  static std::unique_ptr<TlsStream> accept(const TlsContext& context, TlsAuthClients clients,
                                           TlsWork& work);

  // Reads and decrypts what one system call takes; `into` must have kReadBytesMax of room. Goes on
  // with the handshake, too, and sends its part of it.
  Received receive(int socket, std::span<char> into);
  // Encrypts and sends from the front of `plain`, which is all that is unsent: each time what the
  // last one has left, and perhaps more behind it. `gone` is how much of it is on its way.
  Sent send(int socket, std::string_view plain, std::size_t& gone);
  // Tells the peer that no more comes, if the socket takes that now.
  void say_goodbye(int socket);

  bool handshaking() const { return handshaking_; }
  bool ended() const { return ended_; }
  // After Received::Kind::failed or Sent::failed: why, for people; empty if it was the socket.
  const std::string& trouble() const { return trouble_; }
  // What came first is no handshake at all.
  bool spoken_to_plainly() const { return spoken_to_plainly_; }
  // Memory for what is encrypted and not sent; 0 when all is sent.
  std::size_t waiting_bytes() const { return waiting_.empty() ? 0 : waiting_.capacity(); }

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  using Pointer = std::unique_ptr<ssl_st, Free>;

  TlsStream(Pointer session, TlsWork& work) : session_(std::move(session)), work_(work) {}

  bool begins_well(std::string_view bytes);
  Received open(std::span<char> into);
  bool seal(std::string_view plain);
  bool hand_over(int socket);
  Received fail(std::string trouble);
  std::string describe_error() const;

  Pointer session_;
  TlsWork& work_;
  std::string waiting_;         // encrypted, and not taken by the socket
  std::size_t in_waiting_ = 0;  // of `plain`, from its front, is in there
  std::string trouble_;
  bool handshaking_ = true;
  std::string first_;  // what came first, as far as it is looked at
  int messages_ = 0;   // of handshakes, in what was read last
  bool ended_ = false;
  bool spoken_to_plainly_ = false;
};

}  // namespace sojourn::server
