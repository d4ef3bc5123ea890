#include "server/scripting/bounded_text.h"

#include <algorithm>
#include <utility>

#include "server/scripting/machine.h"

namespace sojourn::server {

BoundedText::BoundedText(lua_State* lua, std::string buffer) : lua_(lua), text_(std::move(buffer)) {
  text_.clear();
}

BoundedText::~BoundedText() { context_of(lua_).bytes -= counted_; }

void BoundedText::make_room(std::size_t bytes) {
  spend(lua_, bytes);
  if (bytes > text_.capacity() - text_.size()) grow(bytes);
}

void BoundedText::count() { spend(lua_, std::exchange(uncounted_, 0)); }

void BoundedText::grow(std::size_t bytes) {
  LuaContext& context = context_of(lua_);
  const std::size_t needed = text_.size() + bytes;
  const std::size_t left = context.bytes_left() + counted_;
  if (needed > left) refuse_memory(lua_);
  const std::size_t wanted = std::max(needed, std::min(2 * text_.capacity(), left));
  // A text's own reserve() takes twice as much as it has, wanted or not.
  std::string larger;
  larger.reserve(wanted);
  larger.append(text_);
  text_.swap(larger);
  context.bytes += wanted - counted_;
  counted_ = wanted;
}

}  // namespace sojourn::server
