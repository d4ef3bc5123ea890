#include "protocol/inline_words.h"

namespace sojourn::protocol {
namespace {

constexpr std::size_t kUnbalanced = std::string_view::npos;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Redis skips all white space before a word but ends one only at these.
bool ends_word(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Each reads from behind something opened, appends what it stands for to `word`, and returns the
// position behind its end.

std::size_t read_escape(std::string_view line, std::size_t at, std::string& word) {
  if (line[at] == 'x' && at + 2 < line.size()) {
    const int high = hex_digit(line[at + 1]);
    const int low = hex_digit(line[at + 2]);
    if (high >= 0 && low >= 0) {
      word.push_back(static_cast<char>(high * 16 + low));
      return at + 3;
    }
  }
  word.push_back(escaped(line[at]));
  return at + 1;
}

std::size_t read_double_quoted(std::string_view line, std::size_t at, std::string& word) {
  while (at < line.size()) {
    const char c = line[at++];
    if (c == '"') return at;
    if (c == '\\' && at < line.size()) {
      at = read_escape(line, at, word);
    } else {
      word.push_back(c);
    }
  }
  return kUnbalanced;
}

std::size_t read_single_quoted(std::string_view line, std::size_t at, std::string& word) {
  while (at < line.size()) {
    const char c = line[at++];
    if (c == '\'') return at;
    if (c == '\\' && at < line.size() && line[at] == '\'') {
      word.push_back(line[at++]);
    } else {
      word.push_back(c);
    }
  }
  return kUnbalanced;
}

// The rest of a word from its first quote on.
std::size_t read_quoted(std::string_view line, std::size_t at, std::string& word) {
  const std::size_t end = line[at] == '"' ? read_double_quoted(line, at + 1, word)
                                          : read_single_quoted(line, at + 1, word);
  if (end == kUnbalanced || end == line.size() || is_space(line[end])) return end;
  return kUnbalanced;
}

}  // namespace

InlineSplit split_inline(std::string_view line, std::size_t words_max,
                         std::vector<std::string_view>& words, std::string& unquoted) {
  words.clear();
  unquoted.clear();
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return InlineSplit::whole;
    if (words.size() == words_max) return InlineSplit::too_many_words;

    const std::size_t begin = at;
    while (at < line.size() && !ends_word(line[at]) && line[at] != '"' && line[at] != '\'') ++at;
    const std::string_view plain = line.substr(begin, at - begin);
    if (at == line.size() || ends_word(line[at])) {
      words.push_back(plain);
      continue;
    }
    // Never longer than the line, so one reservation keeps every view of it valid.
    unquoted.reserve(line.size());
    const std::size_t unquoted_begin = unquoted.size();
    unquoted.append(plain);
    at = read_quoted(line, at, unquoted);
    if (at == kUnbalanced) return InlineSplit::unbalanced_quotes;
    words.push_back(std::string_view(unquoted).substr(unquoted_begin));
  }
}

}  // namespace sojourn::protocol
