#include "server/scripting/pattern_matcher.h"

#include <cctype>
#include <cstring>

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

// A pattern is matched by recursion, a level for each of its parts that may fit in several ways.
// It takes two to four hundred bytes of the script's stack.
constexpr std::size_t kDepthMax = 16'384;

int byte_of(char c) { return static_cast<unsigned char>(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// %a and its like; the capital letter is the opposite, and what is no letter is itself.
bool in_class(int c, char letter) {
  bool in = false;
  switch (std::tolower(byte_of(letter))) {
    case 'a':
      in = std::isalpha(c) != 0;
      break;
    case 'c':
      in = std::iscntrl(c) != 0;
      break;
    case 'd':
      in = std::isdigit(c) != 0;
      break;
    case 'l':
      in = std::islower(c) != 0;
      break;
    case 'p':
      in = std::ispunct(c) != 0;
      break;
    case 's':
      in = std::isspace(c) != 0;
      break;
    case 'u':
      in = std::isupper(c) != 0;
      break;
    case 'w':
      in = std::isalnum(c) != 0;
      break;
    case 'x':
      in = std::isxdigit(c) != 0;
      break;
    case 'z':
      in = c == 0;
      break;
    default:
      return byte_of(letter) == c;
  }
  return in == (std::islower(byte_of(letter)) != 0);
}

// `set` is at its '[', `last` at its ']'.
bool in_set(int c, const char* set, const char* last) {
  const bool in = set[1] != '^';
  for (const char* at = set + (in ? 1 : 2); at < last; ++at) {
    if (*at == '%') {
      if (in_class(c, *++at)) return in;
    } else if (at[1] == '-' && at + 2 < last) {
      if (byte_of(*at) <= c && c <= byte_of(at[2])) return in;
      at += 2;
    } else if (byte_of(*at) == c) {
      return in;
    }
  }
  return !in;
}

}  // namespace

bool is_pattern(std::string_view text) {
  return text.substr(0, text.find('\0')).find_first_of("^$*+?.([%-") != std::string_view::npos;
}

PatternMatcher::PatternMatcher(lua_State* lua, std::string_view subject, std::string_view pattern)
    : lua_(lua),
      context_(context_of(lua)),
      begin_(subject.data()),
      end_(subject.data() + subject.size()),
      pattern_(pattern.data()) {}

const char* PatternMatcher::match_at(const char* from) {
  count_ = 0;
  depth_ = 0;
  return match(from, pattern_);
}

void PatternMatcher::work(std::ptrdiff_t steps) {
  if (!context_.spend(static_cast<std::size_t>(steps))) [[unlikely]]
    end_script(lua_, context_.why);
}

// --- captures ---

void PatternMatcher::push_capture(std::size_t which, const char* from, const char* to) {
  if (which >= count_) {
    if (which != 0) luaL_error(lua_, "invalid capture index");
    lua_pushlstring(lua_, from, static_cast<std::size_t>(to - from));
    return;
  }
  const Capture& capture = captures_[which];
  if (capture.bytes == kOpen) luaL_error(lua_, "unfinished capture");
  if (capture.bytes == kPosition) {
    lua_pushinteger(lua_, capture.from - begin_ + 1);
  } else {
    lua_pushlstring(lua_, capture.from, static_cast<std::size_t>(capture.bytes));
  }
}

int PatternMatcher::push_captures(const char* from, const char* to) {
  if (count_ > 0) return push_own_captures();
  luaL_checkstack(lua_, 1, "too many captures");
  push_capture(0, from, to);
  return 1;
}

int PatternMatcher::push_own_captures() {
  luaL_checkstack(lua_, kCapturesMax, "too many captures");
  for (std::size_t i = 0; i < count_; ++i) push_capture(i, nullptr, nullptr);
  return static_cast<int>(count_);
}

const char* PatternMatcher::open_capture(const char* at, const char* rest, std::ptrdiff_t bytes) {
  if (count_ >= kCapturesMax) luaL_error(lua_, "too many captures");
  captures_[count_++] = {at, bytes};
  const char* const end = match(at, rest);
  if (end == nullptr) --count_;
  return end;
}

const char* PatternMatcher::close_capture(const char* at, const char* rest) {
  std::size_t which = count_;
  while (which > 0 && captures_[which - 1].bytes != kOpen) --which;
  if (which == 0) luaL_error(lua_, "invalid pattern capture");
  Capture& capture = captures_[which - 1];
  capture.bytes = at - capture.from;
  const char* const end = match(at, rest);
  if (end == nullptr) capture.bytes = kOpen;
  return end;
}

// %1: what was captured stands here once more.
const char* PatternMatcher::match_again(const char* at, char which) {
  const auto index = static_cast<std::size_t>(which - '1');
  if (which == '0' || index >= count_ || captures_[index].bytes == kOpen) {
    luaL_error(lua_, "invalid capture index");
  }
  const Capture& capture = captures_[index];
  if (capture.bytes < 0 || end_ - at < capture.bytes) return nullptr;
  work(capture.bytes);
  const auto bytes = static_cast<std::size_t>(capture.bytes);
  return std::memcmp(capture.from, at, bytes) == 0 ? at + bytes : nullptr;
}

// --- matching ---

const char* PatternMatcher::end_of_item(const char* item) {
  if (*item == '%') {
    if (item[1] == '\0') luaL_error(lua_, "malformed pattern (ends with '%%')");
    return item + 2;
  }
  if (*item != '[') return item + 1;
  const char* at = item[1] == '^' ? item + 2 : item + 1;
  do {  // the first is one of the set, even if it is a ']'
    if (*at == '\0') luaL_error(lua_, "malformed pattern (missing ']')");
    if (*at++ == '%' && *at != '\0') ++at;
  } while (*at != ']');
  work(at - item);
  return at + 1;
}

bool PatternMatcher::is_one(const char* at, const char* item, const char* item_end) {
  work(item_end - item);
  if (at >= end_) return false;
  switch (*item) {
    case '.':
      return true;
    case '%':
      return in_class(byte_of(*at), item[1]);
    case '[':
      return in_set(byte_of(*at), item, item_end - 1);
    default:
      return *item == *at;
  }
}

const char* PatternMatcher::match(const char* at, const char* pattern) {
  work(1);
  if (++depth_ > kDepthMax) luaL_error(lua_, "pattern too complex");
  const char* const end = match_parts(at, pattern);
  --depth_;
  return end;
}

// Parts that fit in one way or not at all follow one another in the loop, however many there are;
// those that may be tried again with less are where it recurs.
const char* PatternMatcher::match_parts(const char* at, const char* pattern) {
  while (at != nullptr && *pattern != '\0') {
    work(1);
    if (*pattern == '(') {
      return pattern[1] == ')' ? open_capture(at, pattern + 2, kPosition)
                               : open_capture(at, pattern + 1, kOpen);
    }
    if (*pattern == ')') return close_capture(at, pattern + 1);
    if (*pattern == '$' && pattern[1] == '\0') return at == end_ ? at : nullptr;
    if (*pattern == '%' && match_special(at, pattern)) continue;
    const char* const end = end_of_item(pattern);
    if (*end == '*') return match_most(at, pattern, end);
    if (*end == '-') return match_least(at, pattern, end);
    const bool one = is_one(at, pattern, end);
    if (*end == '+') return one ? match_most(at + 1, pattern, end) : nullptr;
    if (*end == '?') {
      if (const char* const found = one ? match(at + 1, end + 1) : nullptr; found != nullptr) {
        return found;
      }
      pattern = end + 1;
    } else {
      at = one ? at + 1 : nullptr;
      pattern = end;
    }
  }
  return at;
}

// What begins with a '%' and is no character: both go on behind it, or `at` becomes nullptr. False
// if it is one.
bool PatternMatcher::match_special(const char*& at, const char*& pattern) {
  if (pattern[1] == 'b') {
    at = match_balanced(at, pattern + 2);
    pattern += 4;
  } else if (pattern[1] == 'f') {
    if (pattern[2] != '[') luaL_error(lua_, "missing '[' after '%%f' in pattern");
    const char* const set_end = end_of_item(pattern + 2);
    if (!at_frontier(at, pattern + 2, set_end)) at = nullptr;
    pattern = set_end;
  } else if (is_digit(pattern[1])) {
    at = match_again(at, pattern[1]);
    pattern += 2;
  } else {
    return false;
  }
  return true;
}

const char* PatternMatcher::match_most(const char* at, const char* item, const char* item_end) {
  const char* most = at;
  while (is_one(most, item, item_end)) ++most;
  for (; most >= at; --most) {
    if (const char* const end = match(most, item_end + 1); end != nullptr) return end;
  }
  return nullptr;
}

const char* PatternMatcher::match_least(const char* at, const char* item, const char* item_end) {
  while (true) {
    if (const char* const end = match(at, item_end + 1); end != nullptr) return end;
    if (!is_one(at, item, item_end)) return nullptr;
    ++at;
  }
}

const char* PatternMatcher::match_balanced(const char* at, const char* pair) {
  if (pair[0] == '\0' || pair[1] == '\0') luaL_error(lua_, "unbalanced pattern");
  if (at >= end_ || *at != pair[0]) return nullptr;
  for (std::size_t depth = 1; ++at < end_;) {
    work(1);
    if (*at == pair[1]) {
      if (--depth == 0) return at + 1;
    } else if (*at == pair[0]) {
      ++depth;
    }
  }
  return nullptr;
}

bool PatternMatcher::at_frontier(const char* at, const char* set, const char* set_end) {
  work(2 * (set_end - set));
  const char before = at == begin_ ? '\0' : at[-1];
  return !in_set(byte_of(before), set, set_end - 1) && in_set(byte_of(*at), set, set_end - 1);
}

}  // namespace sojourn::server
