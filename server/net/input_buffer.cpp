#include "server/net/input_buffer.h"

#include <cstring>

#include "server/base/check.h"

namespace sojourn::server {

std::span<char> InputBuffer::room(std::size_t bytes) {
  if (begin_ > 0 && capacity_ - end_ < bytes) {
    std::memmove(data_.get(), data_.get() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - end_ < bytes) {
    char* const grown = static_cast<char*>(std::realloc(data_.get(), end_ + bytes));
    CHECK(grown != nullptr);
    (void)data_.release();
    data_.reset(grown);
    capacity_ = end_ + bytes;
  }
  return {data_.get() + end_, capacity_ - end_};
}

void InputBuffer::consume(std::size_t bytes) {
  begin_ += bytes;
  if (empty()) clear();
}

void InputBuffer::assign(std::string_view bytes) {
  if (bytes.empty()) return clear();
  if (!empty() && bytes.data() >= data_.get() && bytes.data() < data_.get() + end_) {
    begin_ = static_cast<std::size_t>(bytes.data() - data_.get());
    end_ = begin_ + bytes.size();
    return;
  }
  clear();
  std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
  commit(bytes.size());
}

void InputBuffer::clear() {
  data_.reset();
  begin_ = end_ = capacity_ = 0;
}

}  // namespace sojourn::server
