#include "server/base/glob.h"

#include <cstddef>
#include <utility>

namespace sojourn::server {
namespace {

unsigned char fold(unsigned char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

// One pattern and how to compare with it.
struct Matcher {
  std::string_view pattern;
  bool any_case;

  bool equal(unsigned char a, unsigned char b) const {
    return a == b || (any_case && fold(a) == fold(b));
  }

  // Either end of a range may be the larger one, as in Redis.
  bool in_range(unsigned char from, unsigned char to, unsigned char c) const {
    if (from > to) std::swap(from, to);
    if (any_case) {
      from = fold(from);
      to = fold(to);
      c = fold(c);
    }
    return c >= from && c <= to;
  }

  // The set that starts behind a '[' at `at`; leaves `at` behind it. A set without its ']' ends
  // with the pattern; "a-]" is a range up to ']'.
  bool in_set(std::size_t& at, unsigned char c) const {
    const bool negated = at < pattern.size() && pattern[at] == '^';
    if (negated) ++at;
    bool found = false;
    for (; at < pattern.size() && pattern[at] != ']'; ++at) {
      const std::size_t left = pattern.size() - at;
      if (pattern[at] == '\\' && left >= 2) {
        found |= static_cast<unsigned char>(pattern[++at]) == c;
      } else if (left >= 3 && pattern[at + 1] == '-') {
        found |= in_range(pattern[at], pattern[at + 2], c);
        at += 2;
      } else {
        found |= equal(pattern[at], c);
      }
    }
    if (at < pattern.size()) ++at;
    return found != negated;
  }

  // Whether the element at `at`, which is no star, takes c; leaves `at` behind the element.
  bool takes(std::size_t& at, unsigned char c) const {
    switch (pattern[at++]) {
      case '?':
        return true;
      case '[':
        return in_set(at, c);
      case '\\':
        if (at < pattern.size()) ++at;
        [[fallthrough]];
      default:
        return equal(pattern[at - 1], c);
    }
  }
};

}  // namespace

// When an element does not fit, only the last star can help, by taking one byte more: an earlier
// star that takes more leaves the later one less to choose from. So two positions replace a stack.
bool glob_match(std::string_view pattern, std::string_view text, bool any_case) {
  const Matcher matcher{pattern, any_case};
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t at = 0, done = 0;                   // in the pattern, in the text
  std::size_t after_star = kNone, star_done = 0;  // where to go on when the star takes more
  while (done < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      after_star = ++at;
      star_done = done;
      if (at == pattern.size()) return true;
    } else if (at < pattern.size() && matcher.takes(at, text[done])) {
      ++done;
    } else if (after_star != kNone) {
      at = after_star;
      done = ++star_done;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace sojourn::server
