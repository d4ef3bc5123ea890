// TLS as a peer has it: who is let in, and that bytes go over it as over a plain socket.

#include <openssl/ssl.h>

#include <thread>
#include <vector>

#include "tests/server/net/tls_fixture.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kMegabyte = 1024 * 1024;

class Tls : public TlsTest {};

TEST_F(Tls, CarriesRequestsAndReplies) {
  TlsPeer peer = connect_tls({.believes_file = directory / "ca.crt"});
  EXPECT_EQ(peer.protocol(), "TLSv1.3");
  EXPECT_EQ(peer.ask("SET s:1 alice"), "+OK");
  EXPECT_EQ(peer.ask("GET s:1"), "$5");
  EXPECT_EQ(peer.read_line(), "alice");
  Peer plain = connect();
  EXPECT_EQ(plain.ask("GET s:1"), "$5");
}

TEST_F(Tls, IsSeenAsAnyOtherConnection) {
  start_tls();
  Peer watcher = connect();
  TlsPeer peer = connect_tls();
  EXPECT_EQ(peer.ask("CLIENT SETNAME secret-one"), "+OK");
  const std::string id = peer.ask("CLIENT ID").substr(1);
  const std::string size = watcher.ask("CLIENT LIST ID " + id).substr(1);
  const std::string line = watcher.read(std::stoul(size));
  EXPECT_NE(line.find("laddr=127.0.0.1:" + std::to_string(tls_port)), std::string::npos) << line;
  EXPECT_NE(line.find("name=secret-one"), std::string::npos) << line;
}

TEST_F(Tls, LeavesItsWorkerInPeaceWhenThereIsNothingToDo) {
  start_tls("tls-auth-clients no\n", 1);
  TlsPeer idle = connect_tls();
  EXPECT_EQ(idle.ask("PING"), "+PONG");
  Peer busy = connect();
  EXPECT_EQ(busy.ask("PING"), "+PONG");
  const std::uint64_t before = metrics.sum(&WorkerMetrics::writes);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(busy.ask("PING"), "+PONG");
  EXPECT_LE(metrics.sum(&WorkerMetrics::writes), before + 101);
}

TEST_F(Tls, EndsByAGoodbye) {
  TlsPeer peer = connect_tls();
  peer.send("QUIT\r\n");
  EXPECT_EQ(peer.read_to_end(), "+OK\r\n");
  EXPECT_TRUE(peer.ended_well()) << peer.why();
}

TEST_F(Tls, AnswersWhatCameWithTheGoodbye) {
  TlsPeer peer = connect_tls();
  peer.send("SET s:1 alice\r\n");
  SSL_shutdown(peer.ssl());
  EXPECT_EQ(peer.read_to_end(), "+OK\r\n");
  eventually([&] { return server->count() == 0; }, "the connection has ended");
}

TEST_F(Tls, RunsWhatComesTogetherWithTheEndOfTheHandshake) {
  start_tls();
  TlsPeer peer = begin();
  // Keeps the client's last flight back until the request is behind it.
  BIO* const held = BIO_new(BIO_s_mem());
  SSL_set0_wbio(peer.ssl(), held);
  const auto let_go = [&] {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(held, &bytes);
    EXPECT_EQ(::write(peer.descriptor(), bytes, static_cast<std::size_t>(size)), size);
    BIO_reset(held);
  };
  peer.say_hello();
  let_go();
  ASSERT_TRUE(peer.shake_hands()) << peer.why();
  peer.send("PING\r\n");
  let_go();
  EXPECT_EQ(peer.read_line(), "+PONG");
}

TEST_F(Tls, SpeaksNoProtocolOlderThanAllowed) {
  start_tls();
  EXPECT_FALSE(serves({.version_max = TLS1_1_VERSION}));
  EXPECT_FALSE(serves({.version_max = TLS1_VERSION}));
  EXPECT_TRUE(serves({.version_max = TLS1_2_VERSION}));
  EXPECT_TRUE(serves({.version_max = TLS1_3_VERSION}));
  EXPECT_EQ(set({{"tls-protocols", "TLSv1.3"}}), "OK");
  EXPECT_FALSE(serves({.version_max = TLS1_2_VERSION}));
  EXPECT_TRUE(serves({.version_max = TLS1_3_VERSION}));
  EXPECT_EQ(set({{"tls-protocols", "tlsv1.1 TLSv1.2"}, {"tls-ciphers", "DEFAULT@SECLEVEL=0"}}),
            "OK");
  EXPECT_TRUE(serves({.version_max = TLS1_1_VERSION}));
  EXPECT_TRUE(serves({.version_max = TLS1_2_VERSION}));
  EXPECT_FALSE(serves({.version_max = TLS1_3_VERSION}));
}

TEST_F(Tls, UsesTheCiphersThatAreNamed) {
  start_tls(
      "tls-auth-clients no\ntls-ciphers ECDHE-ECDSA-AES256-GCM-SHA384\n"
      "tls-ciphersuites TLS_CHACHA20_POLY1305_SHA256\n");
  TlsPeer older = connect_tls({.version_max = TLS1_2_VERSION});
  EXPECT_STREQ(SSL_get_cipher_name(older.ssl()), "ECDHE-ECDSA-AES256-GCM-SHA384");
  TlsPeer newer = connect_tls();
  EXPECT_STREQ(SSL_get_cipher_name(newer.ssl()), "TLS_CHACHA20_POLY1305_SHA256");
}

// --- certificates of clients ---

class TlsClients : public TlsTest {
 protected:
  TlsClients() {
    authority.issue({.common_name = "clone-1"}).write(directory.path(), "good");
    authority.issue({.begins = std::chrono::hours(-48), .ends = std::chrono::hours(-1)})
        .write(directory.path(), "expired");
    authority.issue({.begins = std::chrono::hours(1)}).write(directory.path(), "early");
    const Authority stranger("Authority of the test");
    stranger.issue().write(directory.path(), "strange");
  }
};

TEST_F(TlsClients, MustShowOneThatIsGoodUnlessToldOtherwise) {
  start_tls("");
  EXPECT_FALSE(serves({}));
  EXPECT_TRUE(serves(showing("good")));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const char* bad : {"expired", "early", "strange"}) {
      TlsWishes wishes = showing(bad);
      wishes.version_max = version;
      EXPECT_FALSE(serves(wishes)) << bad;
    }
  }
  EXPECT_EQ(connect().ask("PING"), "+PONG");
  EXPECT_NE(logged().find("The TLS handshake with 127.0.0.1:"), std::string::npos);
}

TEST_F(TlsClients, MayShowNoneOrAGoodOneWhenItIsOptional) {
  start_tls("tls-auth-clients optional\n");
  EXPECT_TRUE(serves({}));
  EXPECT_TRUE(serves(showing("good")));
  for (const char* bad : {"expired", "strange"}) EXPECT_FALSE(serves(showing(bad))) << bad;
}

TEST_F(TlsClients, AreNotAskedWhenNobodyIs) {
  start_tls("tls-auth-clients no\n");
  EXPECT_TRUE(serves({}));
  EXPECT_TRUE(serves(showing("strange")));
}

TEST_F(TlsClients, ComeBackWithoutAWholeHandshakeButUnderTheSameRule) {
  start_tls("tls-auth-clients optional\n");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_EQ(set({{"tls-auth-clients", "optional"}}), "OK");
    TlsPeer first = connect_tls({.version_max = version});
    EXPECT_EQ(first.ask("PING"), "+PONG");
    ssl_session_st* const session = first.session();
    TlsPeer second = connect_tls({.version_max = version, .goes_on = session});
    EXPECT_TRUE(second.resumed());
    EXPECT_EQ(second.ask("PING"), "+PONG");
    EXPECT_EQ(set({{"tls-auth-clients", "yes"}}), "OK");
    EXPECT_FALSE(serves({.version_max = version, .goes_on = session}));
    SSL_SESSION_free(session);
  }
}

TEST_F(TlsClients, DoNotComeBackWhenThatIsOff) {
  start_tls("tls-auth-clients no\ntls-session-caching no\n");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPeer first = connect_tls({.version_max = version});
    EXPECT_EQ(first.ask("PING"), "+PONG");
    ssl_session_st* const session = first.session();
    TlsPeer second = connect_tls({.version_max = version, .goes_on = session});
    EXPECT_FALSE(second.resumed());
    SSL_SESSION_free(session);
  }
}

// --- many bytes ---

TEST_F(Tls, CarriesLargeValuesBothWays) {
  TlsPeer peer = connect_tls();
  std::string value(16 * kMegabyte, '\0');
  for (std::size_t i = 0; i < value.size(); ++i)
    value[i] = static_cast<char>(i * 2654435761u >> 13);
  EXPECT_EQ(peer.exchange(request("SET", "s:1", value), 5), "+OK\r\n");
  const std::string reply = "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  EXPECT_TRUE(peer.exchange(request("GET", "s:1"), reply.size()) == reply);
  eventually([&] { return metrics.sum(&WorkerMetrics::output_buffer_bytes) == 0; },
             "nothing is held any more");
}

TEST_F(Tls, CarriesLongPipelines) {
  TlsPeer peer = connect_tls();
  std::string requests, replies;
  for (int i = 0; i < 20'000; ++i) {
    const std::string value = "value-" + std::to_string(i);
    requests += request("SET", "s:1", value) + request("GET", "s:1");
    replies += "+OK\r\n$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }
  EXPECT_TRUE(peer.exchange(requests, replies.size()) == replies);
}

TEST_F(Tls, CarriesBytesThatComeOneByOne) {
  start_tls();
  TlsPeer peer = begin();
  BIO* const held = BIO_new(BIO_s_mem());
  SSL_set0_wbio(peer.ssl(), held);
  const auto drip = [&] {
    char byte = 0;
    while (BIO_read(held, &byte, 1) == 1) ASSERT_EQ(::write(peer.descriptor(), &byte, 1), 1);
  };
  while (SSL_do_handshake(peer.ssl()) != 1) {
    drip();
    eventually([&] { return peer.has_news(); }, "the server's part of the handshake has come");
  }
  peer.send(request("SET", "s:1", "alice") + request("GET", "s:1"));
  drip();
  EXPECT_EQ(peer.read_line(), "+OK");
  EXPECT_EQ(peer.read_line(), "$5");
  EXPECT_EQ(peer.read_line(), "alice");
}

TEST_F(Tls, KeepsTheOutputOfAPeerWhoNeverReadsBounded) {
  start_tls("tls-auth-clients no\n", 1);
  TlsPeer peer = connect_tls();
  Peer other = connect();
  const std::string value(50'000, 'v');
  peer.send(request("SET", "s:1", value));
  EXPECT_EQ(peer.read_line(), "+OK");
  std::string pipeline;
  constexpr int kRequests = 2000;
  for (int i = 0; i < kRequests; ++i) pipeline += request("GET", "s:1");
  peer.send(pipeline);
  eventually([&] { return metrics.sum(&WorkerMetrics::output_buffer_bytes) >= kMegabyte; },
             "the requests run until there is too much to send");
  // Each is a turn of the worker at least, in which more of them would run.
  for (int i = 0; i < 100; ++i) ASSERT_EQ(other.ask("PING"), "+PONG");
  EXPECT_LT(metrics.sum(&WorkerMetrics::output_buffer_bytes), 4 * kMegabyte);
  const std::string reply = "$50000\r\n" + value + "\r\n";
  for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(peer.read(reply.size()) == reply) << i;
}

TEST_F(Tls, EndsAPeerBeyondItsOutputLimit) {
  start_tls("tls-auth-clients no\nclient-output-buffer-limit normal 2mb 0 0\n");
  TlsPeer peer = connect_tls();
  EXPECT_EQ(peer.exchange(request("SET", "s:1", std::string(16 * kMegabyte, 'v')), 5), "+OK\r\n");
  peer.send(request("GET", "s:1"));
  EXPECT_LT(peer.read_to_end().size(), 16 * kMegabyte);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::output_limit_disconnections), 1u);
}

TEST_F(Tls, BringsMessagesToWhoAsksNothing) {
  TlsPeer subscriber = connect_tls();
  EXPECT_EQ(subscriber.exchange(request("SUBSCRIBE", "news"), 33),
            "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
  EXPECT_EQ(connect().ask("PUBLISH news hello"), ":1");
  const std::string message = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";
  EXPECT_EQ(subscriber.read(message.size()), message);
}

// --- keys that change on the way ---

TEST_F(Tls, GoesOnWithNewKeys) {
  TlsPeer peer = connect_tls();
  for (int i = 0; i < 100; ++i) {
    peer.renew_keys();
    ASSERT_EQ(peer.ask("PING"), "+PONG");
  }
}

TEST_F(Tls, RefusesToNegotiateAnew) {
  TlsPeer peer = connect_tls({.version_max = TLS1_2_VERSION});
  EXPECT_EQ(peer.ask("PING"), "+PONG");
  SSL_renegotiate(peer.ssl());
  EXPECT_FALSE(peer.shake_hands());
  EXPECT_EQ(connect().ask("PING"), "+PONG");
}

}  // namespace
}  // namespace sojourn::server
