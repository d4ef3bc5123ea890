#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.h"

namespace sojourn::server {

inline std::string value_of(const Config& config, std::string_view name) {
  const auto found = config.get(std::vector{name});
  return found.size() == 1 ? found.front().second : "(not there)";
}

// What CONFIG SET answers, "OK" or the error.
inline std::string set(Config& config,
                       const std::vector<std::pair<std::string_view, std::string_view>>& changes,
                       bool local = false) {
  const auto done = config.set(changes, local);
  return done ? "OK" : done.error().detail;
}

// What reading the text answers, "OK" or what start-up prints.
inline std::string read(Config& config, std::string_view text) {
  const auto done = config.read(text, "test.conf");
  return done ? "OK" : done.error().detail;
}

// A directory of its own for a test's files.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "sojourn-config-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  std::string content(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path_ / name).rdbuf();
    return text.str();
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace sojourn::server
