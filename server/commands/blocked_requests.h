#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "server/base/clock.h"
#include "server/cache/journal.h"

namespace sojourn::server {

// A request that waits for what may never come (WAIT, WAITAOF), until its time is up or somebody
// ends it. Two owners: the list of all, and whoever is to wake it.
struct BlockedRequest {
  Time until{};                    // kNever: for ever
  JournalPosition position = 0;    // what its connection had written when it began to wait
  std::function<void()> wake;      // runs it again, soon, from any thread
  std::atomic<bool> asked{false};  // the journal will wake it when `position` is synced

  enum class Ended : std::uint8_t { no, as_by_timeout, by_error };
  std::atomic<Ended> ended{Ended::no};
};

// All of them, by the number of the connection; it has one at most, and ConnectionState::blocked
// says whether. Threading: any thread.
class BlockedRequests {
 public:
  std::shared_ptr<BlockedRequest> add(std::uint64_t connection, Time until,
                                      JournalPosition position, std::function<void()> wake);
  // Null if there is none.
  std::shared_ptr<BlockedRequest> find(std::uint64_t connection) const;
  void remove(std::uint64_t connection);
  // CLIENT UNBLOCK. False when it is not blocked, or was ended already.
  bool end(std::uint64_t connection, BlockedRequest::Ended how);

  std::size_t count() const;
  std::size_t count_with_timeout() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<BlockedRequest>> requests_;
};

}  // namespace sojourn::server
