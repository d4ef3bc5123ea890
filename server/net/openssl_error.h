#pragma once

#include <string>

namespace sojourn::server {

// What OpenSSL has complained of last on this thread, "certificate has expired" or the like; its
// list of complaints is empty afterwards.
std::string take_openssl_error();

}  // namespace sojourn::server
