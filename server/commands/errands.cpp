#include "server/commands/errands.h"

namespace sojourn::server {

Errands::~Errands() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<Awaited> Errands::send(std::function<std::string()> work) {
  auto awaited = std::make_shared<Awaited>();
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(work), awaited});
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
  return awaited;
}

void Errands::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Errand errand = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    errand.awaited->error = errand.work();
    errand.awaited->done.store(true, std::memory_order_release);
    lock.lock();
  }
}

}  // namespace sojourn::server
