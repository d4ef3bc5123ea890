#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "server/net/tls_settings.h"
#include "tests/server/net/server_fixture.h"
#include "tests/server/net/tls_peer.h"
#include "tests/support/certificates.h"

namespace sojourn::server {

// The server in process with a port for TLS beside the plain one. What it shows and whom it
// believes are files of the test's directory: server.crt, server.key, ca.crt.
class TlsTest : public ServerTest {
 protected:
  TlsTest() {
    authority.issue().write(directory.path(), "server");
    std::ofstream(directory / "ca.crt") << authority.certificate();
    log = std::move(*Log::open(directory / "log", LogLevel::verbose));
  }

  void start_tls(const std::string& configuration = "tls-auth-clients no\n",
                 std::size_t workers = 2) {
    const std::string files = "dir \"" + directory.path() + "\"\ntls-port 1\n" +
                              "tls-cert-file server.crt\ntls-key-file server.key\n"
                              "tls-ca-cert-file ca.crt\n";
    const auto read = config.read(files + configuration, "test");
    ASSERT_TRUE(read) << read.error().detail;
    const auto loaded = server->load_tls(*config.current());
    ASSERT_TRUE(loaded) << loaded.error().detail;
    server->use_loaded_tls();
    follow_tls_settings(*server, config, *log);
    const auto bound = server->listen_tcp("127.0.0.1", 0, 511, true);
    ASSERT_TRUE(bound) << bound.error().detail;
    tls_port = *bound;
    start({}, workers);
  }

  TlsPeer begin(const TlsWishes& wishes = {}) {
    if (tls_port == 0) start_tls();
    return TlsPeer::connect(tls_port, wishes);
  }
  // After the handshake, which must not fail.
  TlsPeer connect_tls(const TlsWishes& wishes = {}) {
    TlsPeer peer = begin(wishes);
    EXPECT_TRUE(peer.shake_hands()) << peer.why();
    return peer;
  }
  // With TLS 1.3 a client learns only afterwards that its certificate was refused.
  bool serves(const TlsWishes& wishes) {
    TlsPeer peer = begin(wishes);
    return peer.shake_hands() && peer.ask("PING") == "+PONG";
  }
  TlsWishes showing(const std::string& name) const {
    return {.certificate_file = directory / (name + ".crt"),
            .key_file = directory / (name + ".key")};
  }
  std::string logged() const {
    std::ostringstream text;
    text << std::ifstream(directory / "log").rdbuf();
    return text.str();
  }
  std::string set(std::initializer_list<std::pair<std::string_view, std::string_view>> changes) {
    const auto result = config.set({changes.begin(), changes.size()});
    return result ? "OK" : result.error().detail;
  }

  Authority authority{"Authority of the test"};
  std::uint16_t tls_port = 0;
};

}  // namespace sojourn::server
