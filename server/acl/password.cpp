#include "server/acl/password.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kDigestBytes = 32;

std::string hexadecimal(const unsigned char* bytes, std::size_t count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::string hash_password(std::string_view password) {
  std::array<unsigned char, kDigestBytes> digest;
  unsigned int size = digest.size();
  CHECK(::EVP_Digest(password.data(), password.size(), digest.data(), &size, ::EVP_sha256(),
                     nullptr) == 1);
  return hexadecimal(digest.data(), digest.size());
}

bool is_password_hash(std::string_view text) {
  return text.size() == 2 * kDigestBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool equal_in_constant_time(std::string_view secret, std::string_view offered) {
  if (secret.size() != offered.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < secret.size(); ++i) {
    difference |= static_cast<unsigned char>(secret[i] ^ offered[i]);
  }
  return difference == 0;
}

std::string random_digits(std::size_t count) {
  std::string bytes((count + 1) / 2, '\0');
  auto* const data = reinterpret_cast<unsigned char*>(bytes.data());
  CHECK(::RAND_bytes(data, static_cast<int>(bytes.size())) == 1);
  return hexadecimal(data, bytes.size()).substr(0, count);
}

}  // namespace sojourn::server
