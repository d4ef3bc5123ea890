#include "server/process/stop_request.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "server/base/check.h"

namespace sojourn::server {

namespace {

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

StopRequest::StopRequest() {
  const sigset_t signals = stop_signals();
  CHECK(::pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  signals_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  asked_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(signals_ >= 0 && asked_ >= 0);
}

StopRequest::~StopRequest() {
  ::close(signals_);
  ::close(asked_);
}

void StopRequest::ask() {
  const std::uint64_t one = 1;
  (void)!::write(asked_, &one, sizeof one);
}

bool StopRequest::wait_for(std::chrono::milliseconds most) {
  std::array<pollfd, 2> watched{pollfd{signals_, POLLIN, 0}, pollfd{asked_, POLLIN, 0}};
  if (::poll(watched.data(), watched.size(), static_cast<int>(most.count())) <= 0) return false;
  signalfd_siginfo signal{};
  if (::read(signals_, &signal, sizeof signal) == sizeof signal) {
    reason_ = signal.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
  } else {
    reason_ = "SHUTDOWN";
  }
  return true;
}

void StopRequest::let_signals_kill() {
  const sigset_t signals = stop_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace sojourn::server
