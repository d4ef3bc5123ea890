// TLS and peers who mean no good, or are just slow: what they may cost the others.

#include <openssl/ssl.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "server/net/worker_limits.h"
#include "tests/server/net/tls_fixture.h"

namespace sojourn::server {
namespace {

class TlsStrangers : public TlsTest {
 protected:
  // A hello as it is on the wire.
  std::string hello() {
    TlsPeer peer = begin();
    BIO* const held = BIO_new(BIO_s_mem());
    SSL_set0_wbio(peer.ssl(), held);
    peer.say_hello();
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(held, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }
  bool served() { return connect_tls().ask("PING") == "+PONG" && connect().ask("PING") == "+PONG"; }
};

TEST_F(TlsStrangers, AreCutOffWhenTheySpeakPlainly) {
  start_tls();
  for (const char* bytes : {"PING\r\n", "*1\r\n$4\r\nPING\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n"}) {
    Peer peer = Peer::tcp(tls_port);
    peer.send(bytes);
    EXPECT_EQ(peer.read_to_end(), "");
  }
  EXPECT_NE(logged().find("Bytes without TLS from 127.0.0.1:"), std::string::npos);
  EXPECT_TRUE(served());
}

TEST_F(TlsStrangers, AreCutOffWhenTheySpeakTlsToThePlainPort) {
  start_tls();
  const std::string bytes = hello();
  Peer peer = connect();
  peer.send(bytes);
  EXPECT_EQ(peer.read_to_end(), "");
  EXPECT_NE(logged().find("on a port without TLS"), std::string::npos);
  EXPECT_TRUE(served());
}

TEST_F(TlsStrangers, HaveTheTimeToAuthenticateForTheirHandshakeToo) {
  start_tls("tls-auth-clients no\nunauthenticated-timeout 10\n");
  const std::string bytes = hello();
  std::vector<Peer> half_open;
  for (int i = 0; i < 200; ++i) {
    half_open.push_back(Peer::tcp(tls_port));
    half_open.back().send(bytes.substr(0, static_cast<std::size_t>(i)));
  }
  TlsPeer friendly = connect_tls();
  EXPECT_EQ(friendly.ask("PING"), "+PONG");
  eventually([&] { return server->count() == 201; }, "all are taken in");
  advance(9'999ms);
  EXPECT_EQ(friendly.ask("PING"), "+PONG");
  EXPECT_EQ(server->count(), 201u);
  advance(2ms);
  for (Peer& peer : half_open) EXPECT_TRUE(peer.is_closed());
  EXPECT_EQ(friendly.ask("PING"), "+PONG");
  eventually([&] { return server->count() == 1; }, "all are counted out");  // by their workers
}

// Each of their handshakes takes milliseconds of the one worker.
TEST_F(TlsStrangers, GetTheirHandshakesOneAfterAnother) {
  authority.issue({.kind = KeyKind::rsa4096}).write(directory.path(), "server");
  start_tls("tls-auth-clients no\n", 1);
  Peer busy = connect();
  ASSERT_EQ(busy.ask("PING"), "+PONG");
  std::vector<TlsPeer> crowd;
  for (int i = 0; i < 100; ++i) crowd.push_back(begin());
  eventually([&] { return server->count() == 101; }, "all are taken in");
  for (TlsPeer& peer : crowd) peer.say_hello();
  EXPECT_EQ(busy.ask("PING"), "+PONG");
  for (TlsPeer& peer : crowd) EXPECT_TRUE(peer.shake_hands()) << peer.why();
}

TEST_F(TlsStrangers, MaySendAnythingForAHandshake) {
  start_tls("");
  const std::string good = hello();
  std::minstd_rand random(1);
  for (int i = 0; i < 400; ++i) {
    std::string bytes = good;
    if (i % 4 == 0) bytes.resize(random() % 2000);
    const std::size_t first = i % 2 == 0 ? 1 : 5;
    for (std::size_t changes = 1 + random() % 20; changes > 0 && bytes.size() > first; --changes) {
      bytes[first + random() % (bytes.size() - first)] = static_cast<char>(random());
    }
    Peer peer = Peer::tcp(tls_port);
    peer.send(bytes);
    peer.end_sending();
    peer.read_to_end();
  }
  eventually([&] { return server->count() == 0; }, "nobody is left");
  EXPECT_EQ(connect().ask("PING"), "+PONG");
}

TEST_F(TlsStrangers, MaySendAnythingAfterIt) {
  start_tls();
  std::minstd_rand random(2);
  for (int i = 0; i < 100; ++i) {
    TlsPeer peer = connect_tls({.version_max = i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION});
    std::string bytes(1 + random() % 300, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (i % 3 == 0) bytes.replace(0, 1, "\x17");
    (void)!::write(peer.descriptor(), bytes.data(), bytes.size());
    peer.vanish(i % 5 == 0);
  }
  eventually([&] { return server->count() == 0; }, "nobody is left");
  EXPECT_TRUE(served());
}

TEST_F(TlsStrangers, MayVanishAtAnyMoment) {
  start_tls();
  const std::string value(300'000, 'v');
  EXPECT_EQ(connect_tls().exchange(request("SET", "s:1", value), 5), "+OK\r\n");
  for (const bool reset : {true, false}) {
    for (int i = 0; i < 20; ++i) {
      begin().vanish(reset);
      TlsPeer greeting = begin();
      greeting.say_hello();
      greeting.vanish(reset);
      TlsPeer half = connect_tls();
      half.send("*2\r\n$3\r\nGET\r\n$3\r\n");
      half.vanish(reset);
      TlsPeer deaf = connect_tls();
      std::string requests;
      for (int n = 0; n < 50; ++n) requests += request("GET", "s:1");
      deaf.send(requests);
      deaf.vanish(reset);
    }
  }
  eventually([&] { return server->count() == 0; }, "nobody is left");
  eventually([&] { return metrics.sum(&WorkerMetrics::output_buffer_bytes) == 0; },
             "nothing is held for them");
  EXPECT_TRUE(served());
}

TEST_F(TlsStrangers, AreKilledWithWhatIsUnsentToThem) {
  start_tls();
  Peer killer = connect();
  ASSERT_EQ(killer.ask("PING"), "+PONG");
  const std::string value(100'000, 'v');
  EXPECT_EQ(connect_tls().exchange(request("SET", "s:1", value), 5), "+OK\r\n");
  std::atomic<int> running{2};
  std::vector<std::thread> busy;
  for (int i = 0; i < 2; ++i) {
    busy.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        TlsPeer victim = begin();
        if (!victim.shake_hands()) continue;
        std::string requests;
        for (int n = 0; n < 100; ++n) requests += request("GET", "s:1");
        victim.send(requests);
        victim.read_to_end();
      }
      --running;
    });
  }
  while (running > 0) EXPECT_EQ(killer.ask("CLIENT KILL TYPE normal SKIPME yes").front(), ':');
  for (std::thread& thread : busy) thread.join();
  eventually([&] { return server->count() == 1; }, "only the killer is left");
  EXPECT_TRUE(served());
}

TEST_F(TlsStrangers, WhoAskForNewKeysAndNeverReadAreEnded) {
  start_tls();
  TlsPeer peer = connect_tls();
  EXPECT_EQ(peer.ask("PING"), "+PONG");
  for (int i = 0; i < 3'000'000 && peer.why().empty(); ++i) {
    peer.renew_keys();
    peer.send("\r\n");  // which nobody answers
  }
  EXPECT_FALSE(peer.why().empty());
  // Whichever comes first.
  EXPECT_TRUE(logged().find("it sends and does not read") != std::string::npos ||
              logged().find("too many handshake messages at once") != std::string::npos);
  EXPECT_LT(metrics.sum(&WorkerMetrics::output_buffer_bytes), 1024u * 1024);
  EXPECT_TRUE(served());
}

// The memory that one takes is OpenSSL's, which nobody counts.
TEST_F(TlsStrangers, AreCountedWithSomeMemoryUntilTheHandshakeIsDone) {
  start_tls();
  const auto counted = [&] { return metrics.sum(&WorkerMetrics::input_buffer_bytes); };
  Peer half_open = Peer::tcp(tls_port);
  half_open.send(hello().substr(0, 100));
  eventually([&] { return counted() >= kHandshakeBytes; }, "it is counted");
  TlsPeer friendly = connect_tls();
  EXPECT_EQ(friendly.ask("PING"), "+PONG");
  half_open.end_sending();
  eventually([&] { return counted() < kHandshakeBytes; }, "it is counted no more");
  EXPECT_EQ(friendly.ask("PING"), "+PONG");
}

TEST_F(TlsStrangers, WhoAreAmidAHandshakeGoBeforeOthersWhenMemoryIsShort) {
  start_tls("tls-auth-clients no\nconnection-buffers-budget 1mb\n", 1);
  Peer large = connect();
  large.send("*3\r\n$3\r\nSET\r\n$3\r\ns:1\r\n$500000\r\n" + std::string(400'000, 'v'));
  const std::string bytes = hello().substr(0, 100);
  std::vector<Peer> half_open;
  for (int i = 0; i < 40; ++i) {
    half_open.push_back(Peer::tcp(tls_port));
    half_open.back().send(bytes);
  }
  eventually([&] { return metrics.sum(&WorkerMetrics::query_limit_disconnections) > 0; },
             "some of them had to go");
  large.send(std::string(100'000, 'v') + "\r\n");
  EXPECT_EQ(large.read_line(), "+OK");
}

TEST_F(TlsStrangers, AreTurnedAwayWithoutAHandshakeWhenThereAreTooMany) {
  start_tls("tls-auth-clients no\nmaxclients 2\n");
  TlsPeer one = connect_tls();
  TlsPeer two = connect_tls();
  EXPECT_EQ(two.ask("PING"), "+PONG");
  EXPECT_FALSE(begin().shake_hands());
  EXPECT_EQ(metrics.sum(&WorkerMetrics::connections_rejected), 1u);
  one.vanish(false);
  eventually([&] { return server->count() == 1; }, "a place is free");
  EXPECT_EQ(connect_tls().ask("PING"), "+PONG");
}

TEST_F(TlsStrangers, GetNoMoreBeforeAuthenticationThanOthers) {
  start_tls("tls-auth-clients no\nrequirepass secret\n");
  TlsPeer words = connect_tls();
  words.send("*11\r\n");
  EXPECT_EQ(words.read_to_end(), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  TlsPeer idle = connect_tls();
  EXPECT_EQ(idle.ask("GET s:1"), "-NOAUTH Authentication required.");
  advance(10'001ms);
  EXPECT_EQ(idle.read_to_end(), "");
}

}  // namespace
}  // namespace sojourn::server
