#include "sojourn/request.h"

#include <algorithm>

#include "protocol/request_writer.h"

namespace sojourn {

void Request::push_words(std::span<const std::string_view> words) {
  if (words.empty()) return;
  protocol::write_request(bytes_, words);
  ends_.push_back(bytes_.size());
}

void Request::append(const Request& other) {
  const std::size_t begin = bytes_.size();
  bytes_ += other.bytes_;
  for (const std::size_t end : other.ends_) ends_.push_back(begin + end);
}

std::size_t Request::commands_within(std::size_t count) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(ends_, count) - ends_.begin());
}

std::string_view Request::name(std::size_t command) const {
  const std::string_view bytes = bytes_;
  const std::size_t begin = command == 0 ? 0 : ends_[command - 1];
  // *<words>\r\n$<length>\r\n<name>\r\n
  const std::size_t length = bytes.find('$', begin) + 1;
  const std::size_t name = bytes.find('\n', length) + 1;
  std::size_t size = 0;
  std::from_chars(bytes.data() + length, bytes.data() + name, size);
  return bytes.substr(name, size);
}

void Request::clear() { *this = Request(); }

}  // namespace sojourn
