#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "protocol/reply_writer.h"

namespace sojourn::server {

// An array whose elements are gathered over several turns and then leave over several, in pieces
// that no turn takes long to make or to copy.
class LongArray {
 public:
  explicit LongArray(protocol::Version version) : version_(version) {}

  void bulk(std::string_view bytes);
  // Writes the next piece; true when all is written. No element may be added once it has begun.
  bool write_some(protocol::ReplyWriter& reply);
  std::size_t bytes() const { return bytes_; }  // of elements that are not written yet

 private:
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  const protocol::Version version_;
  std::deque<std::string> pieces_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  bool begun_ = false;
};

}  // namespace sojourn::server
