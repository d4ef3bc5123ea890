#pragma once

#include <atomic>
#include <cstdint>

namespace sojourn::server {

// A lock of four bytes for sections of a few hundred nanoseconds: spins briefly, then sleeps in the
// kernel. Three states, after Drepper, "Futexes are tricky" (2011), and two more for the one holder
// that may keep it for long (a script), or for ever: who has better things to do than to wait is
// told.
class Lock {
 public:
  void lock() {
    if (!try_lock()) lock_slowly<Waits::always>();
  }
  bool try_lock() {
    std::uint32_t expected = kFree;
    return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire);
  }
  // False, and not locked, as soon as its holder has said that it will be long.
  bool lock_unless_long() { return try_lock() || lock_slowly<Waits::unless_long>(); }
  // False only if it is never unlocked again.
  bool lock_unless_closed() { return try_lock() || lock_slowly<Waits::unless_closed>(); }
  // Never sleeps: false when its holder keeps it for longer than such sections take. For who can
  // come again.
  bool lock_if_short() { return try_lock() || spin(kPatientSpins); }
  // The same, and much less patient: for who holds others.
  bool lock_soon() { return try_lock() || spin(kSpins); }
  void unlock() {
    const std::uint32_t was = state_.exchange(kFree, std::memory_order_release);
    if (was == kAwaited) return state_.notify_one();
    if (was == kHeldLong) [[unlikely]]
      state_.notify_all();
  }
  // By its holder. Who waits in lock_unless_long() gives up.
  void say_it_will_be_long() { give_notice(kHeldLong); }
  // By its holder, who never unlocks it. Only lock() waits on.
  void close() { give_notice(kClosed); }

 private:
  enum : std::uint32_t { kFree, kHeld, kAwaited, kHeldLong, kClosed };
  enum class Waits : std::uint8_t { always, unless_closed, unless_long };
  static constexpr int kSpins = 100;
  static constexpr int kPatientSpins = 2000;

  void give_notice(std::uint32_t state) {
    state_.store(state, std::memory_order_relaxed);
    state_.notify_all();
  }
  bool spin(int spins) {
    for (int i = 0; i < spins; ++i) {
      std::uint32_t seen = state_.load(std::memory_order_relaxed);
      if (seen == kFree && state_.compare_exchange_weak(seen, kHeld, std::memory_order_acquire)) {
        return true;
      }
      if (seen >= kHeldLong) return false;
      __builtin_ia32_pause();
    }
    return false;
  }
  template <Waits waits>
  bool lock_slowly() {
    if (spin(kSpins)) return true;
    while (true) {
      // Taken as awaited: others may wait too, and one alone was woken.
      std::uint32_t seen = kFree;
      if (state_.compare_exchange_strong(seen, kAwaited, std::memory_order_acquire)) return true;
      if (seen >= kHeldLong) [[unlikely]] {
        if (waits == Waits::unless_long) return false;
        if (waits == Waits::unless_closed && seen == kClosed) return false;
        state_.wait(seen, std::memory_order_relaxed);
      } else if (seen == kAwaited ||
                 state_.compare_exchange_strong(seen, kAwaited, std::memory_order_relaxed)) {
        state_.wait(kAwaited, std::memory_order_relaxed);
      }
    }
  }

  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace sojourn::server
