#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace sojourn {

// A certificate and its key, in PEM.
struct Credentials {
  std::string certificate;
  std::string key;

  // NAME.crt and NAME.key in a directory, which must be the test's own.
  void write(const std::string& directory, const std::string& name) const;
};

enum class KeyKind { curve, rsa2048, rsa4096 };

// What a certificate says.
struct Subject {
  std::string common_name = "localhost";
  std::vector<std::string> dns_names = {"localhost"};  // may hold any byte
  std::vector<std::string> addresses = {"127.0.0.1", "::1"};
  std::chrono::hours begins{-1};  // from now
  std::chrono::hours ends{24};
  KeyKind kind = KeyKind::curve;
};

// Somebody who vouches for others: a CA with a key of its own, gone with it.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();

  const std::string& certificate() const;  // PEM
  Credentials issue(const Subject& subject = {}) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sojourn
