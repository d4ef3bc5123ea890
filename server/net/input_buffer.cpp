#include "server/net/input_buffer.h"

#include <cstring>
#include <utility>

#include "server/base/check.h"

namespace sojourn::server {

std::span<char> InputBuffer::room(std::size_t bytes) {
  // At once, while it is little: large memory would be full only with megabytes to be moved.
  if (begin_ > 0) {
    std::memmove(data(), data() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity() - end_ < bytes) grow(end_ + bytes);
  return {data() + end_, capacity() - end_};
}

void InputBuffer::grow(std::size_t bytes) {
  if (protocol::is_worth_taking(spare_.bytes(), bytes)) {
    Block spare = spare_.take();
    if (end_ > 0) std::memcpy(spare.data.get(), data(), end_);
    memory_ = std::move(spare);
  }
  if (capacity() >= bytes) return;
  char* const grown = static_cast<char*>(std::realloc(data(), bytes));
  CHECK(grown != nullptr);
  (void)memory_.data.release();
  memory_.data.reset(grown);
  memory_.bytes = bytes;
}

void InputBuffer::consume(std::size_t bytes) {
  begin_ += bytes;
  if (empty()) clear();
}

void InputBuffer::assign(std::string_view bytes) {
  if (bytes.empty()) return clear();
  if (!empty() && bytes.data() >= data() && bytes.data() < data() + end_) {
    begin_ = static_cast<std::size_t>(bytes.data() - data());
    end_ = begin_ + bytes.size();
    return;
  }
  clear();
  std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
  commit(bytes.size());
}

void InputBuffer::clear() {
  if (capacity() > 0) spare_.keep(std::exchange(memory_, {}));
  begin_ = end_ = 0;
}

}  // namespace sojourn::server
