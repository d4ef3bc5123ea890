#include "bench/load/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace sojourn::load {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

[[noreturn]] void fail_in_tls(const std::string& what) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  throw std::runtime_error(what + ": " + (reason != nullptr ? reason : "TLS has failed"));
}

sockaddr_in address_of(const Options& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (::inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error(options.host + " is not an IPv4 address");
  }
  return address;
}

}  // namespace

void Channel::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void Channel::FreeSession::operator()(ssl_st* session) const { SSL_free(session); }

Channel::Channel(const Options& options)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (socket_ < 0) fail("socket");
  const sockaddr_in address = address_of(options);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket_, generic, sizeof address) != 0) {
    fail("connecting to " + options.host + ":" + std::to_string(options.port));
  }
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.tls) shake_hands();
  ::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK);
}

Channel::Channel(Channel&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      context_(std::move(other.context_)),
      session_(std::move(other.session_)) {}

Channel::~Channel() {
  if (socket_ >= 0) ::close(socket_);
}

// Whoever the server says he is: this measures.
void Channel::shake_hands() {
  // OpenSSL writes without MSG_NOSIGNAL; that the server has gone is an error like others.
  std::signal(SIGPIPE, SIG_IGN);
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_mode(context_.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context_.get(), 1);
  session_.reset(SSL_new(context_.get()));
  SSL_set_fd(session_.get(), socket_);
  if (SSL_connect(session_.get()) != 1) fail_in_tls("TLS handshake");
}

bool Channel::would_wait(int returned) const {
  const int error = SSL_get_error(session_.get(), returned);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

std::size_t Channel::send(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    if (session_) {
      ERR_clear_error();
      std::size_t now = 0;
      const int done = SSL_write_ex(session_.get(), bytes.data() + sent, bytes.size() - sent, &now);
      sent += now;
      if (done == 1) continue;
      if (would_wait(done)) return sent;
      fail_in_tls("sending");
    }
    const ssize_t now = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (now >= 0) {
      sent += static_cast<std::size_t>(now);
    } else if (errno == EAGAIN) {
      return sent;
    } else if (errno != EINTR) {
      fail("sending");
    }
  }
  return sent;
}

std::size_t Channel::receive(char* into, std::size_t size) {
  if (session_) {
    ERR_clear_error();
    std::size_t received = 0;
    do {
      std::size_t now = 0;
      const int done = SSL_read_ex(session_.get(), into + received, size - received, &now);
      received += now;
      if (done == 1) continue;
      if (would_wait(done)) break;
      fail_in_tls("receiving");
    } while (received < size && SSL_has_pending(session_.get()) == 1);
    return received;
  }
  const ssize_t received = ::recv(socket_, into, size, 0);
  if (received == 0) throw std::runtime_error("the server closed a connection");
  if (received > 0) return static_cast<std::size_t>(received);
  if (errno != EAGAIN && errno != EINTR) fail("receiving");
  return 0;
}

}  // namespace sojourn::load
