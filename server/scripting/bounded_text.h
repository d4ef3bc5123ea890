#pragma once

#include <cstddef>
#include <lua.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace sojourn::server {

// A text that C++ makes for a script, out of what may be a small table that says much. Its memory
// is counted as the script's own: what does not fit is a Lua error. What is added is the script's
// work, so it may be left, or end, in the midst of it.
class BoundedText {
 public:
  // Builds in `buffer`, whose memory is used again.
  explicit BoundedText(lua_State* lua, std::string buffer = {});
  ~BoundedText();
  BoundedText(const BoundedText&) = delete;
  BoundedText& operator=(const BoundedText&) = delete;

  void add(std::string_view bytes) {
    make_room(bytes.size());
    text_.append(bytes);
  }
  void add(std::size_t count, char c) {
    make_room(count);
    text_.append(count, c);
  }
  void add(char c) {
    if (text_.size() == text_.capacity()) grow(1);
    text_.push_back(c);
    if (++uncounted_ == kCountedAtOnce) [[unlikely]]
      count();
  }
  // So that somebody else may add as much to buffer().
  void make_room(std::size_t bytes);
  std::string& buffer() { return text_; }

  std::size_t size() const { return text_.size(); }
  std::string_view view() const { return text_; }
  void clear() { text_.clear(); }
  std::string take() && { return std::move(text_); }

 private:
  static constexpr std::size_t kCountedAtOnce = 1024;  // single characters

  void grow(std::size_t bytes);
  void count();

  lua_State* lua_;
  std::string text_;
  std::size_t counted_ = 0;    // bytes of memory
  std::size_t uncounted_ = 0;  // characters that were not told of as work
};

}  // namespace sojourn::server
