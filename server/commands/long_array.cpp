#include "server/commands/long_array.h"

namespace sojourn::server {

void LongArray::bulk(std::string_view bytes) {
  if (pieces_.empty()) {
    pieces_.emplace_back();
  } else if (pieces_.back().size() >= kPieceBytes) {
    pieces_.emplace_back().reserve(kPieceBytes);
  }
  std::string& piece = pieces_.back();
  const std::size_t before = piece.size();
  protocol::ReplyWriter(piece, version_).bulk(bytes);
  bytes_ += piece.size() - before;
  ++size_;
}

bool LongArray::write_some(protocol::ReplyWriter& reply) {
  if (!begun_) reply.array(size_);
  begun_ = true;
  if (!pieces_.empty()) {
    reply.raw(pieces_.front());
    bytes_ -= pieces_.front().size();
    pieces_.pop_front();
  }
  return pieces_.empty();
}

}  // namespace sojourn::server
