#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

namespace sojourn::server {

// Bytes received and not used yet: filled at its end, used from its front. Has no memory while it
// is empty, since between requests almost every connection's is. Room is made without being
// cleared, and moved by the kernel's page tables when it is large.
class InputBuffer {
 public:
  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }
  std::size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data_.get() + begin_, size()}; }

  // At least `bytes` of room behind the last byte, to be written and then committed.
  std::span<char> room(std::size_t bytes);
  void commit(std::size_t bytes) { end_ += bytes; }
  // Drops bytes from the front; the memory too when nothing is left.
  void consume(std::size_t bytes);
  // Holds these bytes and no others. They may be its own.
  void assign(std::string_view bytes);
  void clear();

 private:
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };

  std::unique_ptr<char[], Free> data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace sojourn::server
