#pragma once

#include <string>

namespace sojourn {

// How a connection is encrypted and whom it believes. Files are PEM and read once, when the client
// is made. What is wrong with them, or with what the server shows, fails calls with
// Errc::untrusted.
struct TlsOptions {
  // Who may vouch for the server: a file, a directory as `openssl rehash` leaves it, or both. With
  // neither, those whom the system believes.
  std::string ca_file{};
  std::string ca_directory{};
  // What a server is shown that asks who we are; the certificate's chain may follow it in its file.
  std::string certificate_file{};
  std::string key_file{};
  std::string key_password{};
  // The name that the server's certificate must be for, and that the server is told (SNI). Empty:
  // Options::host.
  std::string server_name{};
  // Believes whoever answers, whatever his name: encrypted, but safe from eavesdroppers only.
  bool insecure = false;
};

}  // namespace sojourn
