#include "tests/server/net/tls_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "server/net/openssl_error.h"

namespace sojourn::server {

namespace {

constexpr int kPatienceMs = 30'000;

bool wait_for(int socket, short what, int patience_ms) {
  pollfd watched{socket, what, 0};
  return ::poll(&watched, 1, patience_ms) == 1;
}

FileDescriptor connected(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  return socket;
}

void apply(const TlsWishes& wishes, SSL_CTX* context) {
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!wishes.believes_file.empty()) {
    EXPECT_EQ(SSL_CTX_load_verify_locations(context, wishes.believes_file.c_str(), nullptr), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (!wishes.certificate_file.empty()) {
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context, wishes.certificate_file.c_str()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, wishes.key_file.c_str(), SSL_FILETYPE_PEM), 1);
  }
  if (wishes.version_max != 0) {
    // Old ones need old signatures, too.
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, wishes.version_max);
    SSL_CTX_set_max_proto_version(context, wishes.version_max);
  }
}

}  // namespace

void TlsPeer::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsPeer::FreeSession::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsPeer::TlsPeer(TlsPeer&&) noexcept = default;
TlsPeer& TlsPeer::operator=(TlsPeer&&) noexcept = default;
TlsPeer::~TlsPeer() = default;

TlsPeer TlsPeer::connect(std::uint16_t port, const TlsWishes& wishes) {
  // OpenSSL writes to sockets without MSG_NOSIGNAL, and the server may have closed them.
  std::signal(SIGPIPE, SIG_IGN);
  TlsPeer peer;
  peer.socket_ = connected(port);
  peer.context_.reset(SSL_CTX_new(TLS_client_method()));
  apply(wishes, peer.context_.get());
  peer.ssl_.reset(SSL_new(peer.context_.get()));
  SSL_set_fd(peer.ssl_.get(), peer.socket_.get());
  if (wishes.goes_on != nullptr) SSL_set_session(peer.ssl_.get(), wishes.goes_on);
  SSL_set_connect_state(peer.ssl_.get());
  return peer;
}

bool TlsPeer::again_after(int returned) {
  short what = 0;
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      what = POLLIN;
      break;
    case SSL_ERROR_WANT_WRITE:
      what = POLLOUT;
      break;
    case SSL_ERROR_ZERO_RETURN:
      ended_well_ = true;
      return false;
    default:
      why_ = take_openssl_error();
      return false;
  }
  if (wait_for(socket_.get(), what, kPatienceMs)) return true;
  ADD_FAILURE() << "nothing came; so far: " << received_.substr(0, 200);
  return false;
}

bool TlsPeer::shake_hands() {
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) return true;
    if (!again_after(done)) return false;
  }
}

void TlsPeer::say_hello() {
  ERR_clear_error();
  SSL_do_handshake(ssl_.get());
}

void TlsPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t sent = 0;
    const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    if (done == 1) {
      bytes.remove_prefix(sent);
    } else if (!again_after(done)) {
      return;
    }
  }
}

std::string TlsPeer::exchange(std::string_view bytes, std::size_t expected) {
  std::array<char, 65536> into;
  while (!bytes.empty() || received_.size() < expected) {
    ERR_clear_error();
    std::size_t read = 0, sent = 0;
    int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &read);
    received_.append(into.data(), read);
    if (done != 1 && SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) {
      again_after(done);
      break;
    }
    if (!bytes.empty()) {
      const int written = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
      bytes.remove_prefix(sent);
      if (written != 1 && read == 0) {
        wait_for(socket_.get(), POLLIN | POLLOUT, kPatienceMs);
      }
    } else if (done != 1 && received_.size() < expected && !again_after(done)) {
      break;
    }
  }
  const std::string result = received_.substr(0, expected);
  received_.erase(0, expected);
  return result;
}

bool TlsPeer::fill() {
  std::array<char, 65536> into;
  while (true) {
    ERR_clear_error();
    std::size_t read = 0;
    const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &read);
    received_.append(into.data(), read);
    if (done == 1) return true;
    if (!again_after(done)) return false;
  }
}

std::string TlsPeer::ask(std::string_view line) {
  send(std::string(line) + "\r\n");
  return read_line();
}

std::string TlsPeer::read_line() {
  std::size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (!fill()) return std::exchange(received_, {});
  }
  const std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

std::string TlsPeer::read_to_end() {
  while (fill()) {
  }
  return std::exchange(received_, {});
}

bool TlsPeer::has_news() { return wait_for(socket_.get(), POLLIN, 0); }

void TlsPeer::renew_keys() { EXPECT_EQ(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED), 1); }

bool TlsPeer::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

std::string TlsPeer::protocol() const { return SSL_get_version(ssl_.get()); }

std::string TlsPeer::server_serial() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return {};
  return std::to_string(ASN1_INTEGER_get(X509_get0_serialNumber(certificate)));
}

ssl_session_st* TlsPeer::session() const { return SSL_get1_session(ssl_.get()); }

void TlsPeer::vanish(bool reset) {
  if (reset) {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  socket_.reset();
}

}  // namespace sojourn::server
