#pragma once

#include <pthread.h>

#include <chrono>
#include <future>
#include <thread>
#include <utility>

namespace sojourn::server {

// A thread that can be waited for with a deadline.
class EndingThread {
 public:
  template <class Body>
  void start(const char* name, Body body) {
    std::promise<void> ended;
    ended_ = ended.get_future();
    thread_ = std::thread([body = std::move(body), ended = std::move(ended)]() mutable {
      body();
      ended.set_value();
    });
    pthread_setname_np(thread_.native_handle(), name);
  }
  // False if it has not ended by then; it is let go.
  bool join_by(std::chrono::steady_clock::time_point deadline) {
    if (!thread_.joinable()) return true;
    if (ended_.wait_until(deadline) == std::future_status::ready) {
      thread_.join();
      return true;
    }
    thread_.detach();
    return false;
  }

 private:
  std::thread thread_;
  std::future<void> ended_;
};

}  // namespace sojourn::server
