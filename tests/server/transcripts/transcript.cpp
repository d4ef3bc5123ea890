#include "tests/server/transcripts/transcript.h"

#include <cctype>
#include <fstream>
#include <regex>
#include <sstream>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// "b> GET s:1": where the request begins, or npos when the line is none.
std::size_t request_start(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && std::islower(static_cast<unsigned char>(line[at])) != 0) ++at;
  return line.substr(at, 2) == "> " ? at + 2 : std::string_view::npos;
}

// This server is both Sojourn and, as far as texts go, Redis 7.2: "only" skips nothing here.
void obey(Transcript& transcript, const std::string& directive) {
  std::istringstream words(directive);
  std::string verb, name, value;
  words >> verb;
  if (verb == "advance") {
    int count = 0;
    words >> count;
    transcript.steps.emplace_back(Transcript::Advance(count));
  } else if (verb == "config") {
    words >> name;
    std::getline(words >> std::ws, value);
    transcript.directives[name] = value;
  } else {
    CHECK(verb == "only" || verb == "file");
  }
}

void expect(Transcript& transcript, std::string_view line) {
  CHECK(!transcript.steps.empty());
  auto* exchange = std::get_if<Transcript::Exchange>(&transcript.steps.back());
  CHECK(exchange != nullptr);
  const bool is_pattern = line.substr(0, 2) == "<~";
  const std::size_t start = std::min(line.size(), std::size_t{is_pattern ? 3u : 2u});
  exchange->reply.push_back({is_pattern, std::string(line.substr(start))});
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

Transcript Transcript::read(const std::string& path) {
  std::ifstream file(path);
  CHECK(file.good());
  Transcript transcript;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::size_t start = request_start(line);
    if (start != std::string_view::npos) {
      transcript.steps.emplace_back(
          Exchange{number, line.substr(0, start - 2), line.substr(start), {}});
    } else if (line.substr(0, 1) == "<") {
      expect(transcript, line);
    } else if (line.substr(0, 2) == "@ ") {
      obey(transcript, line.substr(2));
    } else {
      CHECK(line.empty() || line[0] == '#');
    }
  }
  return transcript;
}

bool fits(const std::vector<Transcript::ExpectedLine>& expected, std::string_view shown) {
  const std::vector<std::string_view> lines = split_lines(shown);
  if (lines.size() != expected.size()) return false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string line(lines[i]);
    const bool same = expected[i].is_pattern ? std::regex_match(line, std::regex(expected[i].text))
                                             : line == expected[i].text;
    if (!same) return false;
  }
  return true;
}

}  // namespace sojourn::server
