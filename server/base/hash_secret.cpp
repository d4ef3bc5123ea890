#include "server/base/hash_secret.h"

#include <sys/random.h>

#include "server/base/check.h"

namespace sojourn::server {

HashSecret make_hash_secret() {
  HashSecret secret;
  CHECK(getrandom(secret.data(), secret.size(), 0) == static_cast<ssize_t>(secret.size()));
  return secret;
}

std::size_t SecretHash::operator()(std::string_view text) const {
  static const HashSecret secret = make_hash_secret();
  return hash_with(secret, text);
}

}  // namespace sojourn::server
