#pragma once

#include <memory>
#include <mutex>

#include "server/net/tls_context.h"

namespace sojourn::server {

// The TlsContext that new connections get, and how it is exchanged while the server runs.
//
// Threading: any thread; one exchange at a time.
class CurrentTls {
 public:
  // Null until there is one.
  std::shared_ptr<const TlsContext> get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  // Makes what use_prepared() will put in place; an error leaves everything as it is.
  Result<void> prepare(const Settings& settings) {
    auto made = TlsContext::make(settings);
    const std::lock_guard lock(mutex_);
    prepared_ = made ? std::move(*made) : nullptr;
    if (!made) return made.error();
    return {};
  }
  // Does nothing when nothing is prepared.
  void use_prepared() {
    const std::lock_guard lock(mutex_);
    if (prepared_) current_ = std::move(prepared_);
    prepared_ = nullptr;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> current_;
  std::shared_ptr<const TlsContext> prepared_;
};

}  // namespace sojourn::server
