#pragma once

#include <string>
#include <string_view>

namespace sojourn::server {

// 40 hexadecimal digits, small letters.
std::string sha1_hex(std::string_view bytes);

}  // namespace sojourn::server
