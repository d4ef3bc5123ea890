#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

#include "protocol/large_memory.h"

namespace sojourn::server {

using protocol::kLargeBytes;

// Of input, and of output, a worker keeps one large block, of this much at most.
inline constexpr std::size_t kSpareLargeBytesMax = 16 * 1024 * 1024;

// Memory of malloc's, so that it can grow by realloc.
struct Block {
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };

  std::unique_ptr<char[], Free> data;
  std::size_t bytes = 0;
};

// A large block that nobody uses, kept for who needs one next.
class SpareBlock {
 public:
  // Without memory if there is none.
  Block take() { return std::exchange(block_, {}); }
  // Frees what is not large, too large, or less than what is there.
  void keep(Block block) {
    if (block.bytes < kLargeBytes || block.bytes > kSpareLargeBytesMax) return;
    used_ = true;
    if (block.bytes > block_.bytes) block_ = std::move(block);
  }
  std::size_t bytes() const { return block_.bytes; }
  // Frees what nobody has used since the last time; true if there was any.
  bool age() {
    if (std::exchange(used_, false) || block_.bytes == 0) return false;
    block_ = {};
    return true;
  }

 private:
  Block block_;
  bool used_ = false;
};

}  // namespace sojourn::server
