#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

namespace sojourn::server {

// From here on malloc asks the system for every block (main.cpp) and gives it back when it is
// freed: new pages take a worker longer than what comes into them does.
inline constexpr std::size_t kLargeBytes = 1024 * 1024;
// Of input, and of output, a worker keeps one large block, of this much at most.
inline constexpr std::size_t kSpareLargeBytesMax = 16 * 1024 * 1024;

// A connection is charged for all that it takes, so it takes no more than a few times what it
// needs.
inline bool is_worth_taking(std::size_t spare, std::size_t needed) {
  return needed >= kLargeBytes && spare >= needed && spare / 4 <= needed;
}

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
