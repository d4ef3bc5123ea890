#include "server/config/reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "server/base/numbers.h"
#include "server/config/words.h"

namespace sojourn::server {
namespace {

// More is a file that includes itself.
constexpr int kIncludeDepthMax = 16;
// Enough to know a line by.
constexpr std::size_t kShownBytesMax = 200;

Error wrong(std::string text) { return {Errc::invalid_argument, std::move(text)}; }

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const std::size_t first = line.find_first_not_of(kSpaces);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kSpaces) - first + 1);
}

Error unknown_directive(std::string_view name) {
  std::string text = fmt::format("unknown directive '{}'", name.substr(0, kShownBytesMax));
  if (const Directive* meant = similar_directive(name)) {
    text += fmt::format("; did you mean '{}'?", meant->name);
  }
  return wrong(std::move(text));
}

Result<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 16384> part;
  while (true) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return wrong(std::strerror(errno));
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > kConfigFileBytesMax) return wrong("larger than 64 MiB, so no configuration");
  }
}

// The files a pattern stands for; a name without wildcards is itself, there or not.
std::vector<std::string> files_of(const std::string& pattern) {
  if (pattern.find_first_of("*?[") == pattern.npos) return {pattern};
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return files;
}

}  // namespace

std::string config_error_head() {
  return "*** FATAL CONFIG FILE ERROR (Sojourn " SOJOURN_VERSION ") ***\n";
}

Result<std::string> read_config_file(const std::string& path) {
  if (path == "-") return read_all(STDIN_FILENO);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return wrong(std::strerror(errno));
  auto text = read_all(fd);
  ::close(fd);
  return text;
}

std::string ConfigReader::shown(std::string_view line) {
  const std::string_view name = line.substr(0, line.find_first_of(" \t"));
  const Directive* directive = find_directive(name.substr(name.starts_with("--") ? 2 : 0));
  if (directive != nullptr && directive->has(kSecret)) return fmt::format("{} ...", name);
  return std::string(line.substr(0, kShownBytesMax));
}

Result<void> ConfigReader::read_text(std::string_view text, std::string_view origin) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const auto read = read_line(line);
    if (read) continue;
    // An included file's error names its own line already.
    if (read.error().detail.starts_with("***")) return read.error();
    return wrong(fmt::format("{}Reading {}, at line {}\n>>> '{}'\n{}", config_error_head(), origin,
                             number, shown(line), read.error().detail));
  }
  return {};
}

Result<void> ConfigReader::read_line(std::string_view line) {
  auto words = split_words(line);
  if (!words) return wrong("Unbalanced quotes in configuration line");
  const std::string name = std::move(words->front());
  words->erase(words->begin());
  return read_directive(name, std::move(*words));
}

Result<void> ConfigReader::read_directive(std::string_view name, ConfigWords words) {
  if (equal_any_case(name, "include")) return include(words);
  const Directive* directive = find_directive(name);
  if (directive == nullptr) return unknown_directive(name);
  auto applied = apply_directive(*directive, std::move(words), Origin::line, settings);
  if (!applied) return applied;
  if (std::find(given.begin(), given.end(), directive) == given.end()) given.push_back(directive);
  return {};
}

Result<void> ConfigReader::include(const ConfigWords& words) {
  if (words.size() != 1) return wrong("wrong number of arguments");
  if (depth_ == kIncludeDepthMax) return wrong("files include one another too deeply");
  for (const std::string& file : files_of(words.front())) {
    const auto text = read_config_file(file);
    if (!text) return wrong(fmt::format("can't open '{}': {}", file, text.error().detail));
    ++depth_;
    auto read = read_text(*text, file);
    --depth_;
    if (!read) return read;
  }
  return {};
}

}  // namespace sojourn::server
