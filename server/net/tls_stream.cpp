#include "server/net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "server/base/check.h"
#include "server/net/openssl_error.h"

namespace sojourn::server {

namespace {

using Kind = Received::Kind;

// --- OpenSSL reads from and writes to a worker's TlsWork ---

int read_incoming(BIO* bio, char* into, int size) noexcept {
  std::string_view& incoming = static_cast<TlsWork*>(BIO_get_data(bio))->incoming;
  BIO_clear_retry_flags(bio);
  if (incoming.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t bytes = incoming.copy(into, static_cast<std::size_t>(size));
  incoming.remove_prefix(bytes);
  return static_cast<int>(bytes);
}

int write_outgoing(BIO* bio, const char* from, int size) noexcept {
  BIO_clear_retry_flags(bio);
  static_cast<TlsWork*>(BIO_get_data(bio))->outgoing.append(from, static_cast<std::size_t>(size));
  return size;
}

long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

using Method = std::unique_ptr<BIO_METHOD, void (*)(BIO_METHOD*)>;

Method make_method() {
  Method method(BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "worker"), BIO_meth_free);
  CHECK(method != nullptr);
  BIO_meth_set_read(method.get(), read_incoming);
  BIO_meth_set_write(method.get(), write_outgoing);
  BIO_meth_set_ctrl(method.get(), control);
  return method;
}

BIO* make_bio(TlsWork& work) {
  static const Method method = make_method();
  BIO* const bio = BIO_new(method.get());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &work);
  BIO_set_init(bio, 1);
  return bio;
}

// --- what a peer must show ---

// No session goes on under another rule than it was begun: without a certificate, where one is
// asked for by now.
struct Rule {
  int verify;
  std::string_view name;
};

Rule rule_for(TlsAuthClients clients) {
  switch (clients) {
    case TlsAuthClients::no:
      return {SSL_VERIFY_NONE, "no"};
    case TlsAuthClients::optional:
      return {SSL_VERIFY_PEER, "optional"};
    case TlsAuthClients::yes:
      break;
  }
  return {SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, "yes"};
}

// --- what a peer may ask for ---

// OpenSSL makes room for what the first message of a handshake announces, before it is here.
constexpr std::size_t kRecordHeadBytes = 5;
constexpr std::size_t kMessageHeadBytes = 4;

std::size_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
  std::size_t number = 0;
  for (const char byte : bytes.substr(at, count)) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

// Called with whatever OpenSSL reads or writes. Messages after a handshake make it derive keys, so
// that a read full of them would take long; when there are too many it finds no more.
void count_message(int written, int, int type, const void*, std::size_t, SSL* session,
                   void* heard) {
  if (written != 0 || type != SSL3_RT_HANDSHAKE) return;
  if (++*static_cast<int*>(heard) <= kHandshakeMessagesMax) return;
  static_cast<TlsWork*>(BIO_get_data(SSL_get_rbio(session)))->incoming = {};
}

// --- the socket ---

Received read_socket(int socket, char* into, std::size_t size) {
  while (true) {
    const ssize_t n = ::recv(socket, into, size, 0);
    if (n > 0) return {Kind::bytes, static_cast<std::size_t>(n)};
    if (n == 0) return {Kind::end};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Kind::nothing};
    if (errno != EINTR) return {Kind::failed};
  }
}

// How much it took; nothing if it has failed.
std::optional<std::size_t> write_socket(int socket, std::string_view bytes) {
  while (true) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) return std::nullopt;
  }
}

}  // namespace

void TlsStream::Free::operator()(ssl_st* session) const { SSL_free(session); }

std::unique_ptr<TlsStream> TlsStream::accept(const TlsContext& context, TlsAuthClients clients,
                                             TlsWork& work) {
  ERR_clear_error();
  Pointer session(SSL_new(context.get()));
  BIO* const bio = session ? make_bio(work) : nullptr;
  if (bio == nullptr) return nullptr;
  SSL_set_bio(session.get(), bio, bio);
  const Rule rule = rule_for(clients);
  SSL_set_verify(session.get(), rule.verify, nullptr);
  SSL_set_session_id_context(session.get(),
                             reinterpret_cast<const unsigned char*>(rule.name.data()),
                             static_cast<unsigned>(rule.name.size()));
  SSL_set_accept_state(session.get());
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(session), work));
  SSL_set_msg_callback(stream->session_.get(), count_message);
  SSL_set_msg_callback_arg(stream->session_.get(), &stream->messages_);
  return stream;
}

// --- in ---

Received TlsStream::receive(int socket, std::span<char> into) {
  // Who makes us answer (by asking for new keys again and again) and does not read is no client.
  if (waiting_.size() > kWaitingWireBytesMax) return fail("it sends and does not read");
  const bool shaking = handshaking_;
  const Received read = read_socket(socket, work_.room(), kWireBytesMax);
  if (read.kind != Kind::bytes) return read;
  const std::string_view bytes(work_.room(), read.bytes);
  if (first_.size() < kRecordHeadBytes + kMessageHeadBytes && !begins_well(bytes)) {
    return {Kind::failed};
  }
  // Nothing of it is for the next one, and nothing that was made for the last one for us.
  work_.incoming = bytes;
  work_.outgoing.clear();
  messages_ = 0;
  const auto began =
      shaking ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
  const Received opened = open(into);
  work_.incoming = {};
  if (shaking) work_.shook_hands(std::chrono::steady_clock::now() - began);
  // Its part of a handshake, and alerts after a failure, too.
  if (!hand_over(socket)) return {Kind::failed};
  return opened;
}

// Of the heads of the first record and message, which may come byte by byte.
bool TlsStream::begins_well(std::string_view bytes) {
  first_ += bytes.substr(0, kRecordHeadBytes + kMessageHeadBytes - first_.size());
  if (first_[0] != kTlsHandshake) {
    spoken_to_plainly_ = true;
    fail("bytes without TLS");
    return false;
  }
  const bool short_record =
      first_.size() >= kRecordHeadBytes && number_at(first_, 3, 2) < kMessageHeadBytes;
  const bool whole = first_.size() == kRecordHeadBytes + kMessageHeadBytes;
  if (short_record || (whole && number_at(first_, 6, 3) > kHelloBytesMax)) {
    fail("no hello is like this");
    return false;
  }
  return true;
}

// All that came is decrypted, or kept by OpenSSL as the begin of a record.
Received TlsStream::open(std::span<char> into) {
  ERR_clear_error();
  const bool shaking = handshaking_;
  std::size_t filled = 0;
  int error = SSL_ERROR_NONE;
  do {
    std::size_t bytes = 0;
    const int read =
        SSL_read_ex(session_.get(), into.data() + filled, into.size() - filled, &bytes);
    filled += bytes;
    if (read != 1) error = SSL_get_error(session_.get(), read);
    // What comes is never more than fits, so it cannot end for lack of room.
  } while (error == SSL_ERROR_NONE &&
           (!work_.incoming.empty() || SSL_has_pending(session_.get()) == 1));
  if (messages_ > kHandshakeMessagesMax) return fail("too many handshake messages at once");
  if (error == SSL_ERROR_ZERO_RETURN) {
    ended_ = true;
  } else if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
    return fail(describe_error());
  }
  if (handshaking_) handshaking_ = SSL_is_init_finished(session_.get()) != 1;
  if (ended_ || shaking != handshaking_) return {Kind::news, filled};
  return filled > 0 ? Received{Kind::bytes, filled} : Received{Kind::nothing};
}

// --- out ---

Sent TlsStream::send(int socket, std::string_view plain, std::size_t& gone) {
  gone = 0;
  std::size_t left_now = work_.may_seal(plain.size());
  work_.outgoing.clear();
  if (!hand_over(socket)) return Sent::failed;
  while (waiting_.empty()) {
    gone += in_waiting_;
    plain.remove_prefix(std::exchange(in_waiting_, 0));
    if (plain.empty()) return Sent::all;
    const std::size_t bytes = std::min({plain.size(), left_now, kSealedAtOnceMax});
    if (bytes == 0 || handshaking_) return Sent::some;
    const bool sealed = seal(plain.substr(0, bytes));
    // An alert, if it has failed.
    if (!hand_over(socket) || !sealed) return Sent::failed;
    in_waiting_ = bytes;
    left_now -= bytes;
  }
  return Sent::some;
}

bool TlsStream::seal(std::string_view plain) {
  ERR_clear_error();
  std::size_t taken = 0;
  if (SSL_write_ex(session_.get(), plain.data(), plain.size(), &taken) != 1) {
    fail(describe_error());
    return false;
  }
  // What it writes to never refuses.
  CHECK(taken == plain.size());
  work_.sealed(taken);
  return true;
}

// Sends what OpenSSL has made, behind what waits already; what the socket does not take now waits.
bool TlsStream::hand_over(int socket) {
  std::string_view bytes = work_.outgoing;
  if (!waiting_.empty()) bytes = waiting_.append(bytes);
  bool sent = true;
  if (!bytes.empty()) {
    const std::optional<std::size_t> taken = write_socket(socket, bytes);
    sent = taken.has_value();
    bytes.remove_prefix(taken.value_or(0));
    if (bytes.empty()) {
      std::string().swap(waiting_);
    } else if (waiting_.empty()) {
      waiting_ = bytes;
    } else {
      waiting_.erase(0, waiting_.size() - bytes.size());
    }
  }
  work_.outgoing.clear();
  return sent;
}

void TlsStream::say_goodbye(int socket) {
  if (handshaking_ || !trouble_.empty() || !waiting_.empty()) return;
  work_.outgoing.clear();
  ERR_clear_error();
  SSL_shutdown(session_.get());
  hand_over(socket);
  ERR_clear_error();
}

// --- trouble ---

Received TlsStream::fail(std::string trouble) {
  trouble_ = std::move(trouble);
  return {Kind::failed};
}

std::string TlsStream::describe_error() const {
  std::string text = take_openssl_error();
  const long verified = SSL_get_verify_result(session_.get());
  if (verified != X509_V_OK) {
    text += ", ";
    text += X509_verify_cert_error_string(verified);
  }
  return text;
}

}  // namespace sojourn::server
