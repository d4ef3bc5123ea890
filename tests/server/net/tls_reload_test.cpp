// Certificates and the rest of TLS, exchanged while the server runs.

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/server/net/tls_fixture.h"

namespace sojourn::server {
namespace {

class TlsReload : public TlsTest {
 protected:
  static std::string refusal(std::string_view name) {
    return "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) +
           "') - Unable to update TLS configuration. Check server logs.";
  }
  std::string serial() { return connect_tls().server_serial(); }
};

TEST_F(TlsReload, GivesTheNewCertificateToNewConnectionsOnly) {
  start_tls();
  TlsPeer before = connect_tls();
  authority.issue().write(directory.path(), "next");
  EXPECT_EQ(set({{"tls-cert-file", "next.crt"}, {"tls-key-file", "next.key"}}), "OK");
  TlsPeer after = connect_tls({.believes_file = directory / "ca.crt"});
  EXPECT_NE(after.server_serial(), before.server_serial());
  EXPECT_EQ(before.ask("PING"), "+PONG");
  EXPECT_EQ(after.ask("PING"), "+PONG");
}

TEST_F(TlsReload, ReadsTheSameFilesAgain) {
  start_tls();
  const std::string before = serial();
  authority.issue().write(directory.path(), "server");
  EXPECT_EQ(serial(), before);
  EXPECT_EQ(set({{"tls-cert-file", "server.crt"}}), "OK");
  EXPECT_NE(serial(), before);
}

TEST_F(TlsReload, IsDoneAsAWholeOrNotAtAll) {
  start_tls();
  const std::string before = serial();
  authority.issue().write(directory.path(), "next");
  // A key that is not this certificate's.
  EXPECT_EQ(set({{"maxclients", "77"}, {"tls-cert-file", "next.crt"}, {"timeout", "5"}}),
            refusal("tls-cert-file"));
  EXPECT_EQ(set({{"TLS-Key-File", "absent.key"}, {"tls-cert-file", "next.crt"}}),
            refusal("tls-key-file"));
  EXPECT_EQ(set({{"tls-protocols", "TLSv9"}}), refusal("tls-protocols"));
  EXPECT_EQ(set({{"tls-ciphers", "no-such-cipher"}}), refusal("tls-ciphers"));
  EXPECT_EQ(set({{"tls-ciphersuites", "no-such-suite"}}), refusal("tls-ciphersuites"));
  EXPECT_EQ(set({{"tls-ca-cert-file", "server.key"}}), refusal("tls-ca-cert-file"));
  EXPECT_EQ(set({{"tls-dh-params-file", "server.key"}}), refusal("tls-dh-params-file"));
  EXPECT_EQ(set({{"tls-cert-file", ""}}), refusal("tls-cert-file"));
  EXPECT_EQ(config.current()->maxclients, 10'000u);
  EXPECT_EQ(config.current()->tls_cert_file, "server.crt");
  // What was tried and failed does not come with the next change of something else.
  EXPECT_EQ(set({{"maxclients", "77"}}), "OK");
  EXPECT_EQ(serial(), before);
  for (const char* reason :
       {"Failed to load private key", "absent.key", "Invalid tls-protocols specified",
        "Failed to configure tls-ciphers", "Failed to configure CA certificate(s)",
        "No tls-cert-file configured!"}) {
    EXPECT_NE(logged().find(reason), std::string::npos) << reason;
  }
}

TEST_F(TlsReload, NeedsSomebodyWhoVouchesForClients) {
  start_tls("");
  EXPECT_EQ(set({{"tls-ca-cert-file", ""}}), refusal("tls-ca-cert-file"));
  EXPECT_EQ(set({{"tls-ca-cert-file", ""}, {"tls-auth-clients", "no"}}), "OK");
  EXPECT_TRUE(serves({}));
}

TEST_F(TlsReload, AsksForNoCertificatesThatNobodyCouldVouchFor) {
  start_tls();
  EXPECT_EQ(set({{"tls-ca-cert-file", ""}}), "OK");
  EXPECT_EQ(set({{"tls-auth-clients", "yes"}}), refusal("tls-auth-clients"));
  EXPECT_EQ(set({{"tls-auth-clients", "optional"}}), refusal("tls-auth-clients"));
  EXPECT_TRUE(serves({}));
  EXPECT_EQ(set({{"tls-auth-clients", "yes"}, {"tls-ca-cert-file", "ca.crt"}}), "OK");
  EXPECT_FALSE(serves({}));
}

// Opening one would not return.
TEST_F(TlsReload, ReadsRegularFilesOnly) {
  start_tls();
  const std::string before = serial();
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  for (const char* name :
       {"tls-cert-file", "tls-key-file", "tls-ca-cert-file", "tls-dh-params-file"}) {
    EXPECT_EQ(set({{name, "fifo"}}), refusal(name));
  }
  EXPECT_NE(logged().find("fifo is not a regular file"), std::string::npos);
  EXPECT_EQ(serial(), before);
}

TEST_F(TlsReload, OpensAKeyWithItsPasswordOnly) {
  start_tls();
  const std::string locked = "openssl pkey -in " + (directory / "server.key") +
                             " -aes256 -passout pass:open-sesame -out " +
                             (directory / "locked.key") + " 2>/dev/null";
  ASSERT_EQ(std::system(locked.c_str()), 0);
  EXPECT_EQ(set({{"tls-key-file", "locked.key"}}), refusal("tls-key-file"));
  EXPECT_EQ(set({{"tls-key-file", "locked.key"}, {"tls-key-file-pass", "wrong"}}),
            refusal("tls-key-file"));
  EXPECT_EQ(set({{"tls-key-file", "locked.key"}, {"tls-key-file-pass", "open-sesame"}}), "OK");
  EXPECT_TRUE(serves({}));
  EXPECT_EQ(logged().find("open-sesame"), std::string::npos);
}

TEST_F(TlsReload, GivesParametersToCiphersThatNeedThem) {
  authority.issue({.kind = KeyKind::rsa2048}).write(directory.path(), "server");
  start_tls("tls-auth-clients no\ntls-ciphers DHE-RSA-AES256-GCM-SHA384\n");
  EXPECT_FALSE(serves({.version_max = TLS1_2_VERSION}));
  const std::string make =
      "openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out " +
      (directory / "dh.pem") + " 2>/dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0);
  EXPECT_EQ(set({{"tls-dh-params-file", "dh.pem"}}), "OK");
  EXPECT_TRUE(serves({.version_max = TLS1_2_VERSION}));
}

TEST_F(TlsReload, BelievesADirectoryOfAuthorities) {
  const Authority another("Another authority");
  another.issue().write(directory.path(), "other");
  start_tls("");
  EXPECT_FALSE(serves(showing("other")));
  std::filesystem::create_directory(directory / "authorities");
  std::ofstream(directory / "authorities/another.pem") << another.certificate();
  ASSERT_EQ(std::system(("openssl rehash " + (directory / "authorities")).c_str()), 0);
  EXPECT_EQ(set({{"tls-ca-cert-dir", "authorities"}}), "OK");
  EXPECT_TRUE(serves(showing("other")));
}

TEST_F(TlsReload, GoesOnUnderLoad) {
  // Time is advanced here as often as there is time for: no handshake is too slow for that.
  start_tls("tls-auth-clients no\nunauthenticated-timeout 3600\n");
  Peer operator_ = connect();
  ASSERT_EQ(operator_.ask("PING"), "+PONG");
  std::atomic<bool> enough{false};
  std::atomic<int> connections{0};
  std::thread busy([&] {
    TlsPeer faithful = connect_tls();
    while (!enough) {
      EXPECT_EQ(faithful.ask("PING"), "+PONG");
      EXPECT_EQ(connect_tls().ask("PING"), "+PONG");
      ++connections;
    }
  });
  for (int i = 0; i < 30; ++i) {
    const std::string name = i % 2 == 0 ? "even" : "odd";
    authority.issue().write(directory.path(), name);
    const std::string order =
        "CONFIG SET tls-cert-file " + name + ".crt tls-key-file " + name + ".key";
    operator_.send(order + "\r\n");
    // It is done elsewhere; the request looks again after a while.
    eventually(
        [&] {
          advance(1ms);
          return !operator_.silent();
        },
        "it is answered");
    EXPECT_EQ(operator_.read_line(), "+OK");
    const int before = connections;
    eventually([&] { return connections > before; }, "somebody has come since");
  }
  enough = true;
  busy.join();
}

TEST_F(TlsReload, WorksWithinATransactionToo) {
  start_tls();
  Peer peer = connect();
  authority.issue().write(directory.path(), "next");
  EXPECT_EQ(peer.ask("MULTI"), "+OK");
  EXPECT_EQ(peer.ask("CONFIG SET tls-cert-file next.crt tls-key-file next.key"), "+QUEUED");
  EXPECT_EQ(peer.ask("EXEC"), "*1");
  EXPECT_EQ(peer.read_line(), "+OK");
  EXPECT_EQ(config.current()->tls_cert_file, "next.crt");
}

}  // namespace
}  // namespace sojourn::server
