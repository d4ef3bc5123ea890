// TlsStream without a server around it: what one peer of a worker leaves for the others, and what
// each may ask of it at once.

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "server/net/tls_stream.h"
#include "server/net/worker_limits.h"
#include "tests/server/net/tls_fixture.h"

namespace sojourn::server {
namespace {

using Kind = Received::Kind;

// Both ends of a connection.
struct Pair {
  TlsPeer peer;
  FileDescriptor socket;
  std::unique_ptr<TlsStream> stream;
};

class TlsStreams : public TlsTest {
 protected:
  TlsStreams() {
    Settings settings = *config.current();
    settings.tls_cert_file = directory / "server.crt";
    settings.tls_key_file = directory / "server.key";
    settings.tls_auth_clients = TlsAuthClients::no;
    context_ = *TlsContext::make(settings);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listening_.get(), generic, size), 0);
    EXPECT_EQ(::listen(listening_.get(), 16), 0);
    EXPECT_EQ(::getsockname(listening_.get(), generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }

  Pair connect_pair() {
    TlsPeer peer = TlsPeer::connect(port_);
    FileDescriptor socket(
        ::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return {std::move(peer), std::move(socket),
            TlsStream::accept(*context_, TlsAuthClients::no, work)};
  }
  void shake_hands(Pair& pair) {
    while (pair.stream->handshaking()) {
      pair.peer.say_hello();
      work.end_turn();
      ASSERT_NE(receive(pair), Kind::failed) << pair.stream->trouble();
    }
    work.end_turn();
  }
  Pair shaken_pair() {
    Pair pair = connect_pair();
    shake_hands(pair);
    return pair;
  }
  // What has been sent to it, once it is there.
  Kind receive(Pair& pair) {
    pollfd watched{pair.socket.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&watched, 1, 30'000), 1);
    return pair.stream->receive(pair.socket.get(), room_).kind;
  }
  Sent send(Pair& pair, std::string_view bytes) {
    std::size_t gone = 0;
    return pair.stream->send(pair.socket.get(), bytes, gone);
  }
  static void write(const Pair& pair, std::string_view bytes) {
    EXPECT_EQ(::write(pair.peer.descriptor(), bytes.data(), bytes.size()), std::ssize(bytes));
  }
  // Asks for new keys so often, in one piece.
  static void renew_keys(Pair& pair, int times) {
    BIO* const held = BIO_new(BIO_s_mem());
    SSL_set0_wbio(pair.peer.ssl(), held);
    for (int i = 0; i < times; ++i) {
      pair.peer.renew_keys();
      pair.peer.send("\r\n");
    }
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(held, &bytes);
    write(pair, {bytes, static_cast<std::size_t>(size)});
  }

  TlsWork work;

 private:
  std::shared_ptr<const TlsContext> context_;
  FileDescriptor listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
  std::array<char, kReadBytesMax> room_;
};

// --- records that no client of OpenSSL makes ---

void keep_secret(const SSL* session, const char* line) {
  std::string_view text = line;
  if (!text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) return;
  text.remove_prefix(text.rfind(' ') + 1);
  auto& secret = *static_cast<std::string*>(SSL_get_app_data(session));
  for (; text.size() >= 2; text.remove_prefix(2)) {
    secret += static_cast<char>(std::stoi(std::string(text.substr(0, 2)), nullptr, 16));
  }
}

// HKDF-Expand-Label of RFC 8446.
std::string derived(const std::string& secret, const std::string& label, std::size_t size) {
  std::string info{'\0', static_cast<char>(size), static_cast<char>(6 + label.size())};
  info += "tls13 " + label + '\0' + '\1';
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned digest_size = 0;
  HMAC(EVP_sha384(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(info.data()), info.size(), digest.data(),
       &digest_size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// The first record after a handshake, by AES-256.
std::string sealed_record(const std::string& secret, const std::string& plain) {
  const std::string key = derived(secret, "key", 32), nonce = derived(secret, "iv", 12);
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  const std::size_t size = plain.size() + 16;
  const std::string head{'\x17', '\x03', '\x03', '\0', static_cast<char>(size)};
  std::string body(size, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(body.data());
  int length = 0;
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> cipher(EVP_CIPHER_CTX_new(),
                                                                          EVP_CIPHER_CTX_free);
  EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce));
  EVP_EncryptUpdate(cipher.get(), nullptr, &length, bytes(head), 5);
  EVP_EncryptUpdate(cipher.get(), out, &length, bytes(plain), static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(cipher.get(), out + plain.size(), &length);
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, 16, out + plain.size());
  return head + body;
}

const std::string kBroken = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');

// --- what one leaves for the others ---

TEST_F(TlsStreams, LeaveNothingOfAPeerWhoFails) {
  Pair bad = shaken_pair();
  write(bad, kBroken + kBroken);
  EXPECT_EQ(receive(bad), Kind::failed);
  EXPECT_TRUE(work.incoming.empty());
  EXPECT_TRUE(work.outgoing.empty());
}

TEST_F(TlsStreams, LeaveNothingOfWhatComesAfterAGoodbye) {
  Pair leaving = shaken_pair();
  BIO* const held = BIO_new(BIO_s_mem());
  SSL_set0_wbio(leaving.peer.ssl(), held);
  SSL_shutdown(leaving.peer.ssl());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(held, &bytes);
  write(leaving, std::string(bytes, static_cast<std::size_t>(size)) + kBroken);
  EXPECT_EQ(receive(leaving), Kind::news);
  EXPECT_TRUE(leaving.stream->ended());
  EXPECT_TRUE(work.incoming.empty());
}

// Of new keys only the head has come, so that sending first wants to read the rest of it.
TEST_F(TlsStreams, DoNotTakeAnothersBytesForTheirOwn) {
  Pair innocent = shaken_pair();
  Pair amid = connect_pair();
  std::string secret;
  SSL_set_app_data(amid.peer.ssl(), &secret);
  SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(amid.peer.ssl()), keep_secret);
  shake_hands(amid);
  ASSERT_STREQ(SSL_get_cipher_name(amid.peer.ssl()), "TLS_AES_256_GCM_SHA384");
  write(amid, sealed_record(secret, {'\x18', '\0', '\0', '\1', '\x16'}));
  EXPECT_EQ(receive(amid), Kind::nothing) << amid.stream->trouble();
  Pair bad = shaken_pair();
  write(bad, kBroken + kBroken);
  EXPECT_EQ(receive(bad), Kind::failed);
  EXPECT_EQ(send(amid, "a message"), Sent::failed);
  EXPECT_TRUE(work.outgoing.empty());
  innocent.peer.send("\r\n");
  EXPECT_EQ(receive(innocent), Kind::bytes);
  EXPECT_EQ(send(innocent, "a message"), Sent::all);
  EXPECT_EQ(innocent.peer.read(9), "a message");
}

// --- how much is done at once ---

TEST_F(TlsStreams, RenewKeysSomeTimesInOneReadOnly) {
  Pair pair = shaken_pair();
  for (int i = 0; i < 5; ++i) {
    renew_keys(pair, kHandshakeMessagesMax);
    EXPECT_EQ(receive(pair), Kind::bytes) << pair.stream->trouble();
  }
  renew_keys(pair, kHandshakeMessagesMax + 1);
  EXPECT_EQ(receive(pair), Kind::failed);
  EXPECT_EQ(pair.stream->trouble(), "too many handshake messages at once");
}

// --- what a hello may announce ---

TEST_F(TlsStreams, TakeNoHelloThatAnnouncesMoreThanAnyHas) {
  const std::string begin("\x16\x03\x01\x02\x00\x01\x00", 7);
  Pair longest = connect_pair();
  write(longest, begin + std::string("\x40\x00", 2));
  EXPECT_EQ(receive(longest), Kind::nothing);
  Pair longer = connect_pair();
  write(longer, begin + "\x40\x01");
  EXPECT_EQ(receive(longer), Kind::failed);
  EXPECT_EQ(longer.stream->trouble(), "no hello is like this");
}

TEST_F(TlsStreams, TakeNoSuchHelloWhenItDripsInEither) {
  Pair dripping = connect_pair();
  for (const char byte : std::string("\x16\x03\x01\x02\x00\x01\x02\x00", 8)) {
    write(dripping, {&byte, 1});
    EXPECT_EQ(receive(dripping), Kind::nothing);
  }
  write(dripping, "\x01");
  EXPECT_EQ(receive(dripping), Kind::failed);
  Pair in_pieces = connect_pair();
  write(in_pieces, std::string("\x16\x03\x01\x00\x03\x01\x02\x00", 8));
  EXPECT_EQ(receive(in_pieces), Kind::failed);
}

}  // namespace
}  // namespace sojourn::server
