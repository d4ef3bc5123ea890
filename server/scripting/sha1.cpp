#include "server/scripting/sha1.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// Looking an algorithm up takes longer than to hash a script.
const EVP_MD* sha1() {
  static const std::unique_ptr<EVP_MD, void (*)(EVP_MD*)> found(
      ::EVP_MD_fetch(nullptr, "SHA1", nullptr), ::EVP_MD_free);
  return found.get();
}

}  // namespace

std::string sha1_hex(std::string_view bytes) {
  std::array<unsigned char, 20> digest;
  CHECK(::EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha1(), nullptr) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 0xf]);
  }
  return hex;
}

}  // namespace sojourn::server
