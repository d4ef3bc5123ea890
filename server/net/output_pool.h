#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

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
  // Takes its memory away; it must be empty.
  void take_back(std::string& output) {
    if (output.capacity() >= kFirstBytes && output.capacity() <= kSpareBytesMax &&
        spare_.size() < kSpareMax) {
      spare_.emplace_back().swap(output);
    } else {
      std::string().swap(output);
    }
  }

 private:
  static constexpr std::size_t kFirstBytes = 1024;
  static constexpr std::size_t kSpareBytesMax = 64 * 1024;
  static constexpr std::size_t kSpareMax = 64;

  std::vector<std::string> spare_;
};

}  // namespace sojourn::server
