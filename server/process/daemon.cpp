#include "server/process/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sojourn::server {

namespace {

Error failure(std::string_view what) {
  return {Errc::invalid_argument, fmt::format("{}: {}", what, std::strerror(errno))};
}

}  // namespace

Result<void> daemonize() {
  const pid_t child = ::fork();
  if (child < 0) return failure("cannot become a daemon: fork");
  if (child > 0) ::_exit(EXIT_SUCCESS);
  if (::setsid() < 0) return failure("cannot become a daemon: setsid");
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0) return failure("cannot become a daemon: /dev/null");
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, stream);
  if (null > STDERR_FILENO) ::close(null);
  return {};
}

Result<PidFile> PidFile::write(const std::string& path) {
  // Readable to all, as its readers run as other users.
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return failure("cannot write pidfile " + path);
  const std::string text = fmt::format("{}\n", ::getpid());
  const bool written = ::fchmod(file, 0644) == 0 &&
                       ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  if (!written) return failure("cannot write pidfile " + path);
  PidFile result;
  result.path_ = path;
  return result;
}

PidFile::PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

PidFile::~PidFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::size_t raise_descriptor_limit(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  rlimit raised{wanted, std::max<rlim_t>(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
  raised = {std::min<rlim_t>(limit.rlim_max, wanted), limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  return limit.rlim_cur;
}

}  // namespace sojourn::server
