#pragma once

#include <chrono>
#include <string>

namespace sojourn::server {

// Waits for the order to stop: SIGTERM, SIGINT, or a command. Made before any thread is started, so
// that all threads leave these signals to it. SIGPIPE, SIGHUP and SIGXFSZ (a file beyond the limit of
// `ulimit -f`: the write fails instead) are ignored from then on.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  // From any thread.
  void ask();
  // True once there is one; false when nothing came for so long.
  bool wait_for(std::chrono::milliseconds most);
  // Who asked: "SIGTERM", "SIGINT", "SHUTDOWN".
  const std::string& reason() const { return reason_; }
  // From here on these signals end the process at once.
  void let_signals_kill();

 private:
  int signals_ = -1;
  int asked_ = -1;
  std::string reason_;
};

}  // namespace sojourn::server
