#include "server/net/tls_context.h"

#include <fmt/format.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "server/base/numbers.h"
#include "server/net/openssl_error.h"
#include "server/net/worker_limits.h"

namespace sojourn::server {

namespace {

struct Protocol {
  std::string_view name;
  int version;
  std::uint64_t leave_out;
};
// From the oldest to the newest.
constexpr std::array<Protocol, 4> kProtocols{{{"tlsv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
                                              {"tlsv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
                                              {"tlsv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
                                              {"tlsv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3}}};
constexpr std::string_view kProtocolsByDefault = "tlsv1.2 tlsv1.3";

Error wrong(std::string what) { return {Errc::invalid_argument, std::move(what)}; }

// With OpenSSL's reason.
Error refused(std::string_view what) {
  return wrong(fmt::format("{}: {}", what, take_openssl_error()));
}

// A FIFO, say, would be waited for without end. That there is no such file its reader tells.
bool can_be_read(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) != 0 || S_ISREG(found.st_mode);
}

Result<void> check_files(SSL_CTX*, const Settings& settings) {
  for (const std::string* name : {&settings.tls_cert_file, &settings.tls_key_file,
                                  &settings.tls_ca_cert_file, &settings.tls_dh_params_file}) {
    if (name->empty()) continue;
    const std::string path = settings.path_of(*name);
    if (!can_be_read(path)) return wrong(path + " is not a regular file");
  }
  return {};
}

Result<std::array<bool, kProtocols.size()>> chosen_protocols(std::string_view words) {
  std::array<bool, kProtocols.size()> chosen{};
  if (words.find_first_not_of(' ') == words.npos) words = kProtocolsByDefault;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    const std::string_view word = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    if (word.empty()) continue;
    const auto* const found = std::ranges::find_if(
        kProtocols, [&](const Protocol& each) { return equal_any_case(each.name, word); });
    if (found == kProtocols.end()) {
      return wrong(
          "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and "
          "'TLSv1.3'.");
    }
    chosen[static_cast<std::size_t>(found - kProtocols.begin())] = true;
  }
  return chosen;
}

// Goes before what the system's openssl.cnf says: the operator of this server asked for it.
Result<void> choose_protocols(SSL_CTX* context, const Settings& settings) {
  const auto chosen = chosen_protocols(settings.tls_protocols);
  if (!chosen) return chosen.error();
  int oldest = 0, newest = 0;
  for (std::size_t i = 0; i < kProtocols.size(); ++i) {
    if (!(*chosen)[i]) {
      SSL_CTX_set_options(context, kProtocols[i].leave_out);
      continue;
    }
    if (oldest == 0) oldest = kProtocols[i].version;
    newest = kProtocols[i].version;
  }
  if (SSL_CTX_set_min_proto_version(context, oldest) != 1 ||
      SSL_CTX_set_max_proto_version(context, newest) != 1) {
    return refused("Failed to configure tls-protocols");
  }
  return {};
}

Result<void> choose_ciphers(SSL_CTX* context, const Settings& settings) {
  if (!settings.tls_ciphers.empty() &&
      SSL_CTX_set_cipher_list(context, settings.tls_ciphers.c_str()) != 1) {
    return refused("Failed to configure tls-ciphers");
  }
  if (!settings.tls_ciphersuites.empty() &&
      SSL_CTX_set_ciphersuites(context, settings.tls_ciphersuites.c_str()) != 1) {
    return refused("Failed to configure tls-ciphersuites");
  }
  return {};
}

// Without it OpenSSL would ask on the terminal for the password of a key.
int give_password(char* into, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  const auto length = static_cast<int>(text.size());
  if (length == 0 || length > size) return -1;
  std::memcpy(into, text.data(), text.size());
  return length;
}

Result<void> load_key(SSL_CTX* context, const Settings& settings) {
  const std::string certificate = settings.path_of(settings.tls_cert_file);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return refused("Failed to load certificate " + certificate);
  }
  const std::string key = settings.path_of(settings.tls_key_file);
  std::string password = settings.tls_key_file_pass;
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  const int loaded = SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  if (loaded != 1 || SSL_CTX_check_private_key(context) != 1) {
    return refused("Failed to load private key " + key);
  }
  return {};
}

Result<void> load_authorities(SSL_CTX* context, const Settings& settings) {
  const std::string file = settings.path_of(settings.tls_ca_cert_file);
  const std::string directory = settings.path_of(settings.tls_ca_cert_dir);
  if (file.empty() && directory.empty()) return {};
  if (SSL_CTX_load_verify_locations(context, file.empty() ? nullptr : file.c_str(),
                                    directory.empty() ? nullptr : directory.c_str()) != 1) {
    return refused(fmt::format("Failed to configure CA certificate(s) {}{}{}", file,
                               file.empty() || directory.empty() ? "" : " and ", directory));
  }
  return {};
}

Result<void> load_dh_parameters(SSL_CTX* context, const Settings& settings) {
  if (settings.tls_dh_params_file.empty()) return {};
  const std::string path = settings.path_of(settings.tls_dh_params_file);
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(path.c_str(), "r"), BIO_free);
  if (!file) return refused("Failed to load tls-dh-params-file " + path);
  EVP_PKEY* parameters = nullptr;
  const std::unique_ptr<OSSL_DECODER_CTX, void (*)(OSSL_DECODER_CTX*)> decoder(
      OSSL_DECODER_CTX_new_for_pkey(&parameters, "PEM", nullptr, "DH",
                                    OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, nullptr, nullptr),
      OSSL_DECODER_CTX_free);
  if (!decoder || OSSL_DECODER_from_bio(decoder.get(), file.get()) != 1) {
    return refused("Failed to read tls-dh-params-file " + path);
  }
  if (SSL_CTX_set0_tmp_dh_pkey(context, parameters) != 1) {
    EVP_PKEY_free(parameters);
    return refused("Failed to use tls-dh-params-file " + path);
  }
  return {};
}

void set_up_resumption(SSL_CTX* context, const Settings& settings) {
  if (!settings.tls_session_caching) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    // Nor what a client would keep for us.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, settings.tls_session_cache_size);
  SSL_CTX_set_timeout(context, settings.tls_session_cache_timeout.count());
}

void set_up_manners(SSL_CTX* context, const Settings& settings) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  if (settings.tls_prefer_server_ciphers) {
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  }
  // Two buffers of 17 KiB each, which an idle connection would keep.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, kClientCertificatesBytesMax);
}

Result<void> check_that_all_is_given(const Settings& settings) {
  if (settings.tls_cert_file.empty()) return wrong("No tls-cert-file configured!");
  if (settings.tls_key_file.empty()) return wrong("No tls-key-file configured!");
  if (settings.tls_auth_clients != TlsAuthClients::no && settings.tls_ca_cert_file.empty() &&
      settings.tls_ca_cert_dir.empty()) {
    return wrong(
        "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-auth-clients is "
        "enabled!");
  }
  return {};
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const Settings& settings) {
  if (auto given = check_that_all_is_given(settings); !given) return given.error();
  ERR_clear_error();
  Pointer context(SSL_CTX_new(TLS_server_method()));
  if (!context) return refused("Failed to set up OpenSSL");
  set_up_manners(context.get(), settings);
  set_up_resumption(context.get(), settings);
  for (const auto step : {check_files, choose_protocols, choose_ciphers, load_key, load_authorities,
                          load_dh_parameters}) {
    if (auto done = step(context.get(), settings); !done) return done.error();
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(context)));
}

}  // namespace sojourn::server
