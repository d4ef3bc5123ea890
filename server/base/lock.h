#pragma once

#include <atomic>
#include <cstdint>

namespace sojourn::server {

// A lock of four bytes for sections of a few hundred nanoseconds: spins briefly, then sleeps in the
// kernel. Three states, after Drepper, "Futexes are tricky" (2011).
class Lock {
 public:
  void lock() {
    std::uint32_t expected = kFree;
    if (state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) return;
    lock_slowly();
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) state_.notify_one();
  }

 private:
  enum : std::uint32_t { kFree, kHeld, kAwaited };
  static constexpr int kSpins = 100;

  void lock_slowly() {
    for (int spin = 0; spin < kSpins; ++spin) {
      std::uint32_t expected = kFree;
      if (state_.load(std::memory_order_relaxed) == kFree &&
          state_.compare_exchange_weak(expected, kHeld, std::memory_order_acquire)) {
        return;
      }
      __builtin_ia32_pause();
    }
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
      state_.wait(kAwaited, std::memory_order_relaxed);
    }
  }

  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace sojourn::server
