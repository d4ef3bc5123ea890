#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "server/net/spare_block.h"

namespace sojourn::server {

// Bytes received and not used yet: filled at its end, used from its front. Has no memory while it
// is empty, since between requests almost every connection's is. Room is made without being
// cleared, and moved by the kernel's page tables when it is large; large memory comes from `spare`,
// if that has some, and goes back there.
class InputBuffer {
 public:
  explicit InputBuffer(SpareBlock& spare) : spare_(spare) {}

  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }
  std::size_t capacity() const { return memory_.bytes; }
  std::string_view view() const { return {data() + begin_, size()}; }

  // At least `bytes` of room behind the last byte, to be written and then committed.
  std::span<char> room(std::size_t bytes);
  void commit(std::size_t bytes) { end_ += bytes; }
  // Drops bytes from the front; the memory too when nothing is left.
  void consume(std::size_t bytes);
  // Holds these bytes and no others. They may be its own.
  void assign(std::string_view bytes);
  void clear();

 private:
  char* data() const { return memory_.data.get(); }
  void grow(std::size_t bytes);

  SpareBlock& spare_;
  Block memory_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace sojourn::server
