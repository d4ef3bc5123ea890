#pragma once

#include <cstddef>
#include <string>

#include "server/base/result.h"

namespace sojourn::server {

// Goes on in a child without a terminal, its standard streams on /dev/null; the parent exits.
// Before any thread is started.
Result<void> daemonize();

// The process's number in a file, for as long as this lives.
class PidFile {
 public:
  static Result<PidFile> write(const std::string& path);
  PidFile() = default;
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;
  ~PidFile();

 private:
  std::string path_;
};

// Lets the process open at least this many descriptors if the system allows it; returns how many it
// may open.
std::size_t raise_descriptor_limit(std::size_t wanted);

}  // namespace sojourn::server
