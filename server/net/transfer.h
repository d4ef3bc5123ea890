#pragma once

#include <cstddef>
#include <cstdint>

namespace sojourn::server {

// What became of one attempt to read a connection.
struct Received {
  enum class Kind : std::uint8_t {
    bytes,
    nothing,
    end,
    failed,
    // Of TLS only: the handshake is done, or what came was the last; with bytes or without.
    news
  } kind;
  std::size_t bytes = 0;
};

// And of one to send all there is: `some` if the rest must wait, for the socket or for its turn.
enum class Sent : std::uint8_t { all, some, failed };

}  // namespace sojourn::server
