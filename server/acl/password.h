#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sojourn::server {

// A password as it is kept: its SHA-256, 64 hexadecimal digits in lower case.
std::string hash_password(std::string_view password);
bool is_password_hash(std::string_view text);

// Takes as long wherever the two differ. What has another length than the secret is no equal.
bool equal_in_constant_time(std::string_view secret, std::string_view offered);

// So many hexadecimal digits of the system's generator; none can be told from the others.
std::string random_digits(std::size_t count);

}  // namespace sojourn::server
