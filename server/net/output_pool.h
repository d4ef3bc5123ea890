#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "server/net/spare_block.h"

namespace sojourn::server {

// Memory for replies, lent to a connection while it has some unsent: few connections have at any
// time, and the memory used last is the one still in the processor's caches.
class OutputPool {
 public:
  // Makes `output` ready to be appended to, if it has no memory of its own.
  void lend(std::string& output) {
    if (output.capacity() > std::string().capacity()) return;
    if (spare_.empty()) {
      output.reserve(kFirstBytes);
    } else {
      output.swap(spare_.back());
      spare_.pop_back();
    }
  }
  // Memory for a large reply that outgrows what was lent, to be exchanged for that; see
  // protocol::ReplyWriter.
  std::string& large() { return large_; }
  // Takes its memory away; it must be empty.
  void take_back(std::string& output) {
    if (output.capacity() >= kLargeBytes && output.capacity() <= kSpareLargeBytesMax) {
      used_large_ = true;
      if (output.capacity() > large_.capacity()) output.swap(large_);
    }
    if (output.capacity() >= kFirstBytes && output.capacity() <= kSpareBytesMax &&
        spare_.size() < kSpareMax) {
      spare_.emplace_back().swap(output);
    } else {
      std::string().swap(output);
    }
  }
  // What it keeps of large memory.
  std::size_t large_bytes() const {
    return large_.capacity() < kLargeBytes ? 0 : large_.capacity();
  }
  // Frees that if no reply has used it since the last time; true if there was any.
  bool age() {
    if (std::exchange(used_large_, false) || large_bytes() == 0) return false;
    std::string().swap(large_);
    return true;
  }

 private:
  static constexpr std::size_t kFirstBytes = 1024;
  static constexpr std::size_t kSpareBytesMax = 64 * 1024;
  static constexpr std::size_t kSpareMax = 64;

  std::vector<std::string> spare_;
  std::string large_;  // or the smaller one that was left for it
  bool used_large_ = false;
};

}  // namespace sojourn::server
