#pragma once

#include <array>
#include <cstddef>
#include <lua.hpp>
#include <string_view>

namespace sojourn::server {

struct LuaContext;

// Lua's patterns, matched step by step: each is the script's work, about a byte of text or pattern
// that is looked at, so that a pattern that tries everything (".-.-.-b") is left and ended like any
// other script. Lua's own cannot be.
//
// As Lua 5.1 defines them: a pattern ends at its first NUL, and what is wrong with one is found
// when the matching comes there, as a Lua error.
class PatternMatcher {
 public:
  // Both texts are Lua's strings, so a NUL follows them; they must stay on the stack.
  PatternMatcher(lua_State* lua, std::string_view subject, std::string_view pattern);

  // Where a match that begins at `from` ends; nullptr if there is none.
  const char* match_at(const char* from);
  const char* begin() const { return begin_; }
  const char* end() const { return end_; }

  // Of the last match. A pattern without captures has the whole match as its only one.
  void push_capture(std::size_t which, const char* from, const char* to);
  int push_captures(const char* from, const char* to);
  int push_own_captures();  // without the whole match

 private:
  static constexpr std::size_t kCapturesMax = 32;
  static constexpr std::ptrdiff_t kOpen = -1;      // its end has not come
  static constexpr std::ptrdiff_t kPosition = -2;  // "()"
  struct Capture {
    const char* from = nullptr;
    std::ptrdiff_t bytes = 0;
  };

  const char* match(const char* at, const char* pattern);
  const char* match_parts(const char* at, const char* pattern);
  bool match_special(const char*& at, const char*& pattern);
  const char* match_most(const char* at, const char* item, const char* item_end);
  const char* match_least(const char* at, const char* item, const char* item_end);
  const char* open_capture(const char* at, const char* rest, std::ptrdiff_t bytes);
  const char* close_capture(const char* at, const char* rest);
  const char* match_balanced(const char* at, const char* pair);
  const char* match_again(const char* at, char which);
  bool at_frontier(const char* at, const char* set, const char* set_end);
  const char* end_of_item(const char* item);
  bool is_one(const char* at, const char* item, const char* item_end);
  void work(std::ptrdiff_t steps);

  lua_State* lua_;
  LuaContext& context_;
  const char* begin_;
  const char* end_;
  const char* pattern_;
  std::array<Capture, kCapturesMax> captures_;
  std::size_t count_ = 0;
  std::size_t depth_ = 0;
};

// Whether a pattern has anything in it but itself.
bool is_pattern(std::string_view text);

}  // namespace sojourn::server
