#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sojourn::protocol {

// Appends one request, a RESP array of bulk strings, to `out`. The words are any bytes.
void write_request(std::string& out, std::span<const std::string_view> words);

}  // namespace sojourn::protocol
