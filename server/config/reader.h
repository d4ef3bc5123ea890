#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/result.h"
#include "server/config/directives.h"
#include "server/config/settings.h"

namespace sojourn::server {

// Redis's own redis.conf has 100 KiB, 100,000 users some 20 MiB. Keeps `include /dev/zero` from
// taking the memory.
inline constexpr std::size_t kConfigFileBytesMax = 64u << 20;

// A whole file, as long as it is no larger than a configuration ever is; "-" is standard input.
// An error's detail is the reason only ("No such file or directory").
Result<std::string> read_config_file(const std::string& path);

// The head of what start-up prints when the configuration is wrong.
std::string config_error_head();

// Reads lines into a draft of the settings, `include` lines too.
class ConfigReader {
 public:
  ConfigReader(Settings draft, std::vector<const Directive*> given)
      : settings(std::move(draft)), given(std::move(given)) {}

  // An error's detail is what start-up prints: origin, line, its text, and what was expected.
  Result<void> read_text(std::string_view text, std::string_view origin);
  // One directive with its words. An error's detail is the last line of that only.
  Result<void> read_directive(std::string_view name, ConfigWords words);
  // The text of a line as an error may show it: without the value if that is a secret.
  static std::string shown(std::string_view line);

  Settings settings;
  std::vector<const Directive*> given;

 private:
  Result<void> read_line(std::string_view line);
  Result<void> include(const ConfigWords& words);

  int depth_ = 0;  // of includes
};

}  // namespace sojourn::server
