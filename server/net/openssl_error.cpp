#include "server/net/openssl_error.h"

#include <openssl/err.h>

#include <cstring>

namespace sojourn::server {

std::string take_openssl_error() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  // What the system refused (a file that is not there) has no text of OpenSSL's.
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

}  // namespace sojourn::server
