#pragma once

#include <cstddef>

namespace sojourn::protocol {

// From here on malloc has every block from the system, and gives it back when it is freed
// (server/main.cpp): new pages take longer than what is copied into them, so that memory somebody
// keeps is worth looking for.
inline constexpr std::size_t kLargeBytes = 1024 * 1024;

// Whether such memory is to be used by who needs so much: he is charged for all of it, so it is not
// more than a few times that.
constexpr bool is_worth_taking(std::size_t spare, std::size_t needed) {
  return needed >= kLargeBytes && spare >= needed && spare / 4 <= needed;
}

}  // namespace sojourn::protocol
