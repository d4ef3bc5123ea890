// The client over TLS: whom it believes, what it shows, and that all else is as without.

#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>
#include <vector>

#include "sojourn/client.h"
#include "tests/client/fake_server.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"

namespace sojourn {
namespace {

using namespace std::chrono_literals;
using ServerContext = std::shared_ptr<boost::asio::ssl::context>;

void greet_and_answer(Peer& peer, int) {
  peer.greet();
  peer.answer_all();
}

class ClientTls : public testing::Test {
 protected:
  ClientTls() {
    std::ofstream(directory / "ca.crt") << authority.certificate();
    authority.issue({.common_name = "clone-1"}).write(directory.path(), "clone");
  }

  // A server's side that shows this.
  static ServerContext showing(const Credentials& credentials) {
    auto context =
        std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_server);
    context->use_certificate_chain(boost::asio::buffer(credentials.certificate));
    context->use_private_key(boost::asio::buffer(credentials.key), boost::asio::ssl::context::pem);
    return context;
  }
  ServerContext showing(const Subject& subject) { return showing(authority.issue(subject)); }

  Options options(const FakeServer& server) const {
    Options options = server.options();
    options.host = "localhost";
    options.tls = TlsOptions{.ca_file = directory / "ca.crt"};
    return options;
  }
  static Result<Replies> echo(const Options& options) {
    return Client(options).exec(Request().push("ECHO", "hello"));
  }
  // What a client says of a server that shows this.
  Error refusal(const Credentials& credentials) {
    FakeServer server(greet_and_answer, showing(credentials));
    const auto replies = echo(options(server));
    EXPECT_FALSE(replies);
    return replies ? Error() : replies.error();
  }

  server::TemporaryDirectory directory;
  Authority authority{"Authority of the test"};
};

TEST_F(ClientTls, CarriesRequestsAndReplies) {
  FakeServer server(
      [](Peer& peer, int) {
        EXPECT_EQ(peer.told_name(), "localhost");
        peer.greet();
        peer.answer_all();
      },
      showing(Subject()));
  EXPECT_EQ(echo(options(server)).value()[0].text, "hello");
}

TEST_F(ClientTls, CarriesManyAndLargeRequestsAtOnce) {
  FakeServer server(
      [](Peer& peer, int) {
        peer.greet();
        for (auto command = peer.read(); !command.empty(); command = peer.read()) {
          const std::string& word = command.back();
          peer.send("$" + std::to_string(word.size()) + "\r\n" + word + "\r\n");
        }
      },
      showing(Subject()));
  Client client(options(server));
  const std::string large(8'000'000, 'x');
  std::vector<std::future<Result<Replies>>> answers;
  for (int i = 0; i < 1000; ++i) {
    answers.push_back(client.async_exec(Request().push("ECHO", i), boost::asio::use_future));
  }
  EXPECT_TRUE(client.exec(Request().push("ECHO", large)).value()[0].text == large);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(answers[static_cast<std::size_t>(i)].get().value()[0].text, std::to_string(i));
  }
}

TEST_F(ClientTls, ComesBackWhenTheConnectionIsLost) {
  FakeServer server(
      [](Peer& peer, int number) {
        peer.greet();
        if (number == 0) {
          peer.read();
          return;
        }
        peer.answer_all();
      },
      showing(Subject()));
  Client client(options(server));
  const auto lost = client.exec(Request().push("ECHO", "hello"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::connection_lost);
  EXPECT_TRUE(lost.error().fate.may_have_happened(0));
  EXPECT_EQ(client.exec(Request().push("ECHO", "again")).value()[0].text, "again");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTls, BelievesNobodyWhoIsNotVouchedFor) {
  const Authority stranger("Authority of the test");
  const Error error = refusal(stranger.issue());
  EXPECT_EQ(error.code, Errc::untrusted) << error.message();
  EXPECT_TRUE(error.fate.nothing_happened());
  EXPECT_EQ(refusal(authority.issue({.begins = -48h, .ends = -1h})).detail,
            "certificate has expired");
  EXPECT_EQ(refusal(authority.issue({.begins = 1h})).detail, "certificate is not yet valid");
}

TEST_F(ClientTls, BelievesNobodyByDefaultWhomTheSystemDoesNot) {
  FakeServer server(greet_and_answer, showing(Subject()));
  Options plain = options(server);
  plain.tls = TlsOptions{};
  EXPECT_EQ(echo(plain).error().code, Errc::untrusted);
}

TEST_F(ClientTls, BelievesNobodyOfAnotherName) {
  const std::string nul(1, '\0');
  for (const Subject& other : {
           Subject{.common_name = "localhost", .dns_names = {"elsewhere"}},
           Subject{.common_name = "elsewhere", .dns_names = {}},
           Subject{.common_name = "x", .dns_names = {"localhost" + nul + ".elsewhere"}},
           Subject{.common_name = "x", .dns_names = {"localhost" + nul}},
           Subject{.common_name = "localhost" + nul + ".elsewhere", .dns_names = {}},
           Subject{.common_name = "x", .dns_names = {"localhost.elsewhere", "*.localhost"}},
       }) {
    const Error error = refusal(authority.issue(other));
    EXPECT_EQ(error.code, Errc::untrusted) << error.message();
  }
}

TEST_F(ClientTls, GoesByTheAddressOrTheNameThatItIsTold) {
  FakeServer server(greet_and_answer, showing(Subject{.dns_names = {"cache.internal"}}));
  Options by_address = options(server);
  by_address.host = "127.0.0.1";
  EXPECT_EQ(echo(by_address).value()[0].text, "hello");
  Options by_name = by_address;
  by_name.tls->server_name = "cache.internal";
  EXPECT_EQ(echo(by_name).value()[0].text, "hello");
  by_name.tls->server_name = "cache.external";
  EXPECT_EQ(echo(by_name).error().code, Errc::untrusted);
  by_name.tls->server_name = "127.0.0.2";
  EXPECT_EQ(echo(by_name).error().code, Errc::untrusted);
}

TEST_F(ClientTls, BelievesAnybodyIfThatIsWanted) {
  FakeServer server(greet_and_answer,
                    showing(Subject{.dns_names = {"x"}, .begins = -48h, .ends = -1h}));
  Options careless = options(server);
  careless.tls->insecure = true;
  EXPECT_EQ(echo(careless).value()[0].text, "hello");
}

TEST_F(ClientTls, ShowsItsCertificateToAServerThatAsks) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const ServerContext asking = showing(Subject());
    SSL_CTX_set_max_proto_version(asking->native_handle(), version);
    asking->set_verify_mode(boost::asio::ssl::verify_peer |
                            boost::asio::ssl::verify_fail_if_no_peer_cert);
    asking->load_verify_file(directory / "ca.crt");
    FakeServer server(greet_and_answer, asking);
    EXPECT_EQ(echo(options(server)).error().code, Errc::refused);
    Options known = options(server);
    known.tls->certificate_file = directory / "clone.crt";
    known.tls->key_file = directory / "clone.key";
    EXPECT_EQ(echo(known).value()[0].text, "hello");
  }
}

TEST_F(ClientTls, SaysWhichFileItCannotUse) {
  FakeServer server(greet_and_answer, showing(Subject()));
  const auto detail = [&](const TlsOptions& tls) {
    Options broken = options(server);
    broken.tls = tls;
    const auto replies = echo(broken);
    EXPECT_FALSE(replies);
    EXPECT_EQ(replies.error().code, Errc::untrusted);
    return replies.error().detail;
  };
  EXPECT_EQ(detail({.ca_file = "/absent/ca.crt"}).find("authorities of /absent/ca.crt: "), 0u);
  EXPECT_EQ(detail({.certificate_file = "/absent.crt"}).find("certificate /absent.crt: "), 0u);
  EXPECT_EQ(detail({.ca_file = directory / "ca.crt",
                    .certificate_file = directory / "ca.crt",
                    .key_file = directory / "clone.key"})
                .find("key "),
            0u);
  // Of another kind than the certificate's.
  authority.issue({.kind = KeyKind::rsa2048}).write(directory.path(), "other");
  EXPECT_EQ(detail({.ca_file = directory / "ca.crt",
                    .certificate_file = directory / "clone.crt",
                    .key_file = directory / "other.key"})
                .find("key "),
            0u);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(ClientTls, IsNotSpokenOverAUnixSocket) {
  Options local;
  local.unix_socket = directory / "socket";
  local.tls = TlsOptions{};
  EXPECT_EQ(echo(local).error().code, Errc::untrusted);
}

// Servers with whom no handshake succeeds, so that the client tries again and again.
class ClientTlsInVain : public ClientTls {
 protected:
  // Says something, and nothing more as long as the test lasts.
  FakeServer::Script says(std::string_view words) {
    return [this, words](Peer& peer, int number) {
      peer.send(words);
      if (number == 1) tried_again_.set_value();
      over_.wait();
    };
  }
  // What somebody is told whose time is over when one attempt at least has failed.
  Error told(Options options) {
    options.request_timeout = 0ms;
    Client client(options);
    const auto patient =
        client.async_exec(Request().push("ECHO", "hello"), boost::asio::use_future);
    EXPECT_EQ(tried_again_.get_future().wait_for(60s), std::future_status::ready);
    const auto replies = client.exec(Request().push("ECHO", "hello").timeout(1ms));
    over_set_.set_value();
    EXPECT_FALSE(replies);
    return replies ? Error() : replies.error();
  }

 private:
  std::promise<void> tried_again_;
  std::promise<void> over_set_;
  std::shared_future<void> over_ = over_set_.get_future().share();
};

TEST_F(ClientTlsInVain, HasTheTimeForConnectingForItsHandshakeToo) {
  FakeServer silent(says(""));
  Options hurried = options(silent);
  hurried.connect_timeout = 50ms;
  const Error error = told(hurried);
  EXPECT_EQ(error.code, Errc::not_connected);
  EXPECT_EQ(error.detail, "no greeting within the time for connecting");
}

TEST_F(ClientTlsInVain, MeetsAServerWithoutIt) {
  FakeServer plain(says("-ERR what is this?\r\n"));
  const Error error = told(options(plain));
  EXPECT_EQ(error.code, Errc::not_connected);
  EXPECT_NE(error.detail.find("wrong version number"), std::string::npos) << error.detail;
  EXPECT_TRUE(error.fate.nothing_happened());
}

}  // namespace
}  // namespace sojourn
