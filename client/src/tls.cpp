#include "client/src/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cstring>

namespace sojourn::detail {
namespace {

namespace asio = boost::asio;

// The newest of OpenSSL's complaints on this thread; none is left afterwards.
std::string take_complaint() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "no reason given";
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

// Always given: without one OpenSSL would ask on the terminal.
int give_password(char* into, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  const int length = static_cast<int>(text.size());
  if (length == 0 || length > size) return -1;
  std::memcpy(into, text.data(), text.size());
  return length;
}

bool is_address(const std::string& name) {
  boost::system::error_code not_numeric;
  asio::ip::make_address(name, not_numeric);
  return !not_numeric;
}

}  // namespace

std::shared_ptr<Tls> Tls::make(const Options& options) {
  return options.tls ? std::shared_ptr<Tls>(new Tls(options)) : nullptr;
}

Tls::Tls(const Options& options)
    : server_name_(options.tls->server_name.empty() ? options.host : options.tls->server_name),
      insecure_(options.tls->insecure) {
  ERR_clear_error();
  if (!options.unix_socket.empty()) {
    failure_ = Error(Errc::untrusted, "TLS is not spoken over a Unix socket");
    return;
  }
  choose_protocols();
  believe(*options.tls);
  show(*options.tls);
}

void Tls::fail(const std::string& what) {
  std::string complaint = take_complaint();
  if (!failure_) failure_ = Error(Errc::untrusted, what + ": " + complaint);
}

void Tls::choose_protocols() {
  SSL_CTX* const context = context_.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

void Tls::believe(const TlsOptions& options) {
  SSL_CTX* const context = context_.native_handle();
  SSL_CTX_set_verify(context, insecure_ ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (insecure_) return;
  if (options.ca_file.empty() && options.ca_directory.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) fail("the system's authorities");
  } else if (SSL_CTX_load_verify_locations(context, or_null(options.ca_file),
                                           or_null(options.ca_directory)) != 1) {
    fail("authorities of " + (options.ca_file.empty() ? options.ca_directory : options.ca_file));
  }
}

void Tls::show(const TlsOptions& options) {
  if (options.certificate_file.empty() && options.key_file.empty()) return;
  SSL_CTX* const context = context_.native_handle();
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return fail("certificate " + options.certificate_file);
  }
  std::string password = options.key_password;
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    fail("key " + options.key_file);
  }
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
}

bool Tls::prepare(SSL* session) const {
  ERR_clear_error();
  if (is_address(server_name_)) {
    // An address is no name to be told; the certificate must have it all the same.
    return insecure_ ||
           X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), server_name_.c_str()) == 1;
  }
  if (SSL_set_tlsext_host_name(session, server_name_.c_str()) != 1) return false;
  SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return insecure_ || SSL_set1_host(session, server_name_.c_str()) == 1;
}

Error handshake_error(SSL* session, boost::system::error_code error) {
  const long verified = SSL_get_verify_result(session);
  if (verified != X509_V_OK && SSL_get_verify_mode(session) != SSL_VERIFY_NONE) {
    return {Errc::untrusted, X509_verify_cert_error_string(verified)};
  }
  const bool alert =
      error.category() == asio::error::get_ssl_category() &&
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) >= SSL_AD_REASON_OFFSET;
  return {alert ? Errc::refused : Errc::not_connected, error.message()};
}

}  // namespace sojourn::detail
