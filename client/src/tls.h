#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <optional>
#include <string>

#include "sojourn/error.h"
#include "sojourn/options.h"

namespace sojourn::detail {

// What Options::tls makes of all connections of a client. Threading: does not change once made.
class Tls {
 public:
  // Null when the options ask for none.
  static std::shared_ptr<Tls> make(const Options& options);

  // What is wrong with the options, if anything is: no connection can be made then.
  const std::optional<Error>& failure() const { return failure_; }
  boost::asio::ssl::context& context() { return context_; }
  // Before the handshake: the name that is told and must be shown.
  bool prepare(SSL* session) const;

 private:
  explicit Tls(const Options& options);

  void fail(const std::string& what);
  void choose_protocols();
  void believe(const TlsOptions& options);
  void show(const TlsOptions& options);

  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  std::string server_name_;
  bool insecure_ = false;
  std::optional<Error> failure_;
};

// What a failed handshake, or the first bytes after it, say of the server: Errc::untrusted if we
// do not believe it, refused if it does not believe us, and otherwise not_connected.
Error handshake_error(SSL* session, boost::system::error_code error);

}  // namespace sojourn::detail
