#include "server/commands/blocked_requests.h"

#include <algorithm>
#include <utility>

namespace sojourn::server {

std::shared_ptr<BlockedRequest> BlockedRequests::add(std::uint64_t connection, Time until,
                                                     JournalPosition position,
                                                     std::function<void()> wake) {
  auto request = std::make_shared<BlockedRequest>();
  request->until = until;
  request->position = position;
  request->wake = std::move(wake);
  const std::lock_guard lock(mutex_);
  requests_.insert_or_assign(connection, request);
  return request;
}

std::shared_ptr<BlockedRequest> BlockedRequests::find(std::uint64_t connection) const {
  const std::lock_guard lock(mutex_);
  const auto found = requests_.find(connection);
  return found == requests_.end() ? nullptr : found->second;
}

void BlockedRequests::remove(std::uint64_t connection) {
  const std::lock_guard lock(mutex_);
  requests_.erase(connection);
}

bool BlockedRequests::end(std::uint64_t connection, BlockedRequest::Ended how) {
  const auto request = find(connection);
  auto was = BlockedRequest::Ended::no;
  if (request == nullptr || !request->ended.compare_exchange_strong(was, how)) return false;
  request->wake();
  return true;
}

std::size_t BlockedRequests::count() const {
  const std::lock_guard lock(mutex_);
  return requests_.size();
}

std::size_t BlockedRequests::count_with_timeout() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(requests_.begin(), requests_.end(),
                    [](const auto& request) { return request.second->until != kNever; }));
}

}  // namespace sojourn::server
