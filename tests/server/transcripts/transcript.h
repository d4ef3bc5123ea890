#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sojourn::server {

// A file of requests and replies, as tests/transcripts/README.md describes it.
struct Transcript {
  struct ExpectedLine {
    bool is_pattern;
    std::string text;
  };
  struct Exchange {
    int line_number;
    std::string connection;
    std::string request;
    std::vector<ExpectedLine> reply;  // empty: none comes
  };
  using Advance = std::chrono::milliseconds;

  // A file that cannot be read as one ends the test program: it is a bug in the file.
  static Transcript read(const std::string& path);

  std::map<std::string, std::string> directives;
  std::vector<std::variant<Exchange, Advance>> steps;
};

// Whether a reply, as redis-cli shows it, is the one expected.
bool fits(const std::vector<Transcript::ExpectedLine>& expected, std::string_view shown);

}  // namespace sojourn::server
