#include "server/config/settings.h"

#include <filesystem>

namespace sojourn::server {

std::string Settings::path_of(const std::string& name) const {
  return name.empty() ? name : (std::filesystem::path(dir) / name).string();
}

}  // namespace sojourn::server
