#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/commands/connection_state.h"

namespace sojourn::server {

// Does for a few rare commands what would make a worker wait (CONFIG REWRITE, MEMORY PURGE): one
// after the other, on a thread of its own that starts with the first.
// Threading: any thread. The destructor lets what was begun finish and forgets the rest.
class Errands {
 public:
  Errands() = default;
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  // `work` returns an error reply, or "" when all went well. What it refers to must outlive this.
  std::shared_ptr<Awaited> send(std::function<std::string()> work);

 private:
  struct Errand {
    std::function<std::string()> work;
    std::shared_ptr<Awaited> awaited;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Errand> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sojourn::server
