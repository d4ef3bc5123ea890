#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "server/net/worker_limits.h"

namespace sojourn::server {

// What a worker's TLS connections share: memory for bytes as they are on the wire, and what they
// may do in one turn. Its worker's alone; one connection uses it at a time.
class TlsWork {
 public:
  // As read from the socket and not taken by OpenSSL yet; and what OpenSSL has made to be sent.
  std::string_view incoming;
  std::string outgoing;

  // kWireBytesMax of room to read into.
  char* room() {
    if (!room_) room_ = std::make_unique_for_overwrite<char[]>(kWireBytesMax);
    return room_.get();
  }

  // A step of a handshake can take a millisecond, so one that comes after kHandshakesTimeMax waits
  // for the next turn.
  bool may_shake_hands() const { return handshakes_took_ < kHandshakesTimeMax; }
  void shook_hands(std::chrono::steady_clock::duration took) { handshakes_took_ += took; }

  // How much of `wanted` one connection may encrypt now. Never nothing, so that all of them get on.
  std::size_t may_seal(std::size_t wanted) const {
    const std::size_t left = std::clamp(sealable_, kSealedBytesMin, kSealedOfOneMax);
    return std::min(wanted, left);
  }
  void sealed(std::size_t bytes) { sealable_ -= std::min(sealable_, bytes); }

  void end_turn() {
    handshakes_took_ = {};
    sealable_ = kSealedPerTurnMax;
  }

 private:
  std::unique_ptr<char[]> room_;
  std::chrono::steady_clock::duration handshakes_took_{};
  std::size_t sealable_ = kSealedPerTurnMax;
};

}  // namespace sojourn::server
