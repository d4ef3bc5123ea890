#pragma once

#include <cstdint>
#include <string_view>

namespace sojourn::server {

// XXH3-64 without a seed, with the widest vectors this processor has: for texts beyond the 240
// bytes up to which XXH3 has no use for them. Any thread.
std::uint64_t long_hash(std::string_view bytes);

}  // namespace sojourn::server
