#include "server/base/log.h"

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace sojourn::server {
namespace {

constexpr std::string_view kMarks = ".-*#";
// Longer lines help nobody, and one write of this size is not torn by another process's.
constexpr std::size_t kMessageBytesMax = 4096;

// As `12345:M 22 Nov 2026 14:50:01.123 * `: local time, like Redis, English months whatever the
// locale.
std::string line_start(LogLevel level) {
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  timeval now;
  gettimeofday(&now, nullptr);
  tm local;
  localtime_r(&now.tv_sec, &local);
  return fmt::format("{}:M {:02} {} {} {:02}:{:02}:{:02}.{:03} {} ", getpid(), local.tm_mday,
                     kMonths[static_cast<std::size_t>(local.tm_mon)], local.tm_year + 1900,
                     local.tm_hour, local.tm_min, local.tm_sec, now.tv_usec / 1000,
                     kMarks[static_cast<std::size_t>(level)]);
}

void append_escaped(std::string& line, std::string_view message) {
  for (const char c : message.substr(0, kMessageBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      line += "\\r";
    } else if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
}

int open_for_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

void write_line(int fd, std::string_view line) {
  while (::write(fd, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(const std::string& path, LogLevel level) {
  auto log = std::make_unique<Log>(STDOUT_FILENO, level);
  if (path.empty()) return log;
  const int fd = open_for_append(path);
  if (fd < 0) {
    return Error{Errc::storage,
                 fmt::format("Can't open the log file '{}': {}", path, std::strerror(errno))};
  }
  ::close(fd);
  log->path_ = path;
  return log;
}

void Log::write(LogLevel level, std::string_view message) {
  if (!enabled(level)) return;
  std::string line = line_start(level);
  append_escaped(line, message);
  line += '\n';
  if (path_.empty()) return write_line(fd_, line);
  const int fd = open_for_append(path_);
  if (fd < 0) return;
  write_line(fd, line);
  ::close(fd);
}

}  // namespace sojourn::server
