#include "server/config/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace sojourn::server {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Splitter {
 public:
  explicit Splitter(std::string_view line) : line_(line) {}

  std::optional<std::vector<std::string>> words() {
    std::vector<std::string> words;
    while (skip_spaces()) {
      if (!read_word(words.emplace_back())) return {};
    }
    return words;
  }

 private:
  bool at_end() const { return at_ == line_.size(); }
  bool skip_spaces() {
    while (!at_end() && is_space(line_[at_])) ++at_;
    return !at_end();
  }

  bool read_word(std::string& word) {
    while (!at_end() && !is_space(line_[at_])) {
      const char c = line_[at_++];
      if (c == '"' || c == '\'')
        return (c == '"' ? read_double(word) : read_single(word)) && ends();
      word += c;
    }
    return true;
  }

  bool ends() const { return at_end() || is_space(line_[at_]); }

  bool read_single(std::string& word) {
    while (!at_end()) {
      char c = line_[at_++];
      if (c == '\'') return true;
      if (c == '\\' && !at_end() && line_[at_] == '\'') c = line_[at_++];
      word += c;
    }
    return false;
  }

  bool read_double(std::string& word) {
    while (!at_end()) {
      const char c = line_[at_++];
      if (c == '"') return true;
      word += c == '\\' && !at_end() ? unescape() : c;
    }
    return false;
  }

  // Stands behind a backslash that is not the last byte.
  char unescape() {
    const char c = line_[at_++];
    if (c == 'x' && line_.size() - at_ >= 2) {
      const int high = hex_digit(line_[at_]), low = hex_digit(line_[at_ + 1]);
      if (high >= 0 && low >= 0) {
        at_ += 2;
        return static_cast<char>(high * 16 + low);
      }
    }
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

  std::string_view line_;
  std::size_t at_ = 0;
};

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte < 0x7f && c != '"' && c != '\'' && c != '\\' && c != '#';
}

}  // namespace

std::optional<std::vector<std::string>> split_words(std::string_view line) {
  return Splitter(line).words();
}

std::string quote_word(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  std::string quoted = "\"";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte >= ' ' && byte < 0x7f) {
      quoted += c;
    } else {
      quoted += fmt::format("\\x{:02x}", byte);
    }
  }
  return quoted += '"';
}

}  // namespace sojourn::server
