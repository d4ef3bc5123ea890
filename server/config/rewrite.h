#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/result.h"
#include "server/config/settings.h"

namespace sojourn::server {

// The file's text, changed so that reading it gives these settings: comments, order and lines that
// say the right thing stay; a directive that the text does not have is added at its end. If
// `user_lines` are given, the text has these then, and no other line of a user.
Result<std::string> rewritten(
    std::string_view text, const Settings& settings,
    const std::optional<std::vector<std::string>>& user_lines = std::nullopt);

// Puts a new text in place of a file, so that after a crash either is there whole. The file keeps
// its owner and mode; if there was none, it is for its owner only. An error's detail is the
// system's, or that no server could read the text at its start (kConfigFileBytesMax).
Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace sojourn::server
