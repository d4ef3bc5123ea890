#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "server/base/result.h"

namespace sojourn::server {

enum class LogLevel : std::uint8_t { debug, verbose, notice, warning };

// The server's log, a line an event, in the form operators know from Redis:
//   12345:M 22 Nov 2026 14:50:01.123 * Ready to accept connections
// (marks: . debug, - verbose, * notice, # warning). Never holds keys, values or secrets; CR, LF and
// other control bytes in a message are escaped. Threading: any thread. A line that cannot be
// written is dropped: the log never stops the server.
class Log {
 public:
  // An empty path means standard output. A file is opened anew for each line, so it may be renamed
  // or removed while the server runs (logrotate).
  static Result<std::unique_ptr<Log>> open(const std::string& path, LogLevel level);
  explicit Log(int fd = 1, LogLevel level = LogLevel::notice) : fd_(fd), level_(level) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  bool enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }

  template <class... T>
  void debug(fmt::format_string<T...> format, T&&... args) {
    format_and_write(LogLevel::debug, format, std::forward<T>(args)...);
  }
  template <class... T>
  void verbose(fmt::format_string<T...> format, T&&... args) {
    format_and_write(LogLevel::verbose, format, std::forward<T>(args)...);
  }
  template <class... T>
  void notice(fmt::format_string<T...> format, T&&... args) {
    format_and_write(LogLevel::notice, format, std::forward<T>(args)...);
  }
  template <class... T>
  void warning(fmt::format_string<T...> format, T&&... args) {
    format_and_write(LogLevel::warning, format, std::forward<T>(args)...);
  }
  void write(LogLevel level, std::string_view message);

 private:
  template <class... T>
  void format_and_write(LogLevel level, fmt::format_string<T...> format, T&&... args) {
    if (enabled(level)) write(level, fmt::format(format, std::forward<T>(args)...));
  }

  int fd_;            // not ours to close
  std::string path_;  // if not empty, used in place of fd_
  std::atomic<LogLevel> level_;
};

}  // namespace sojourn::server
