#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sojourn::server {

// What connections are told that keep copies: these are old now. Made for the connections of one
// worker; each decides itself, when it comes, what becomes of it.
struct Invalidation {
  enum class To : std::uint8_t {
    readers,      // of the key
    subscribers,  // to a prefix of the keys
    everybody,    // who tracks anything, whatever `connections` holds
    redirected,   // where one of these has its invalidations sent
  };

  To to = To::readers;
  std::shared_ptr<const std::string> keys;  // an array, encoded; null: all keys there are
  std::uint64_t by = 0;  // the connection whose request changed them; 0: none that matters
  std::vector<std::uint64_t> connections;

  std::size_t bytes() const {
    return (keys != nullptr ? keys->size() : 0) + connections.size() * sizeof(std::uint64_t);
  }
};

}  // namespace sojourn::server
