#include "server/base/clock.h"

#include <ctime>
#include <thread>

namespace sojourn::server {
namespace {

std::int64_t read_us(clockid_t clock) {
  timespec reading;
  clock_gettime(clock, &reading);
  return std::int64_t{reading.tv_sec} * 1'000'000 + reading.tv_nsec / 1000;
}

}  // namespace

SystemClock::SystemClock(Time not_before) {
  const std::int64_t wall_us = read_us(CLOCK_REALTIME);
  const std::int64_t not_before_us = unix_ms(not_before) * 1000;
  behind_at_start_ = Millis(std::max<std::int64_t>(0, (not_before_us - wall_us) / 1000));
  store({read_us(CLOCK_BOOTTIME), std::max(wall_us, not_before_us), 0});
}

// The boot clock is read between the two looks at the generation: whoever used the old Slew read
// the clock before adjust() did, so the new Slew never shows anybody an earlier time.
std::chrono::sys_time<Micros> SystemClock::now_us() const {
  while (true) {
    const std::uint32_t generation = generation_.load(std::memory_order_acquire);
    if (generation % 2 == 0) {
      const Slew slew = load();
      const std::int64_t boot_us = read_us(CLOCK_BOOTTIME);
      if (generation_.load(std::memory_order_acquire) == generation) {
        return std::chrono::sys_time<Micros>(Micros(slew.at(boot_us)));
      }
    }
    std::this_thread::yield();
  }
}

Time SystemClock::now() const { return std::chrono::floor<Millis>(now_us()); }

void SystemClock::adjust() {
  const std::int64_t wall_us = read_us(CLOCK_REALTIME);
  generation_.fetch_add(1, std::memory_order_seq_cst);
  store(load().towards(wall_us, read_us(CLOCK_BOOTTIME)));
  generation_.fetch_add(1, std::memory_order_release);
}

// Acquire and release on the fields take the place of fences, which ThreadSanitizer does not know.
Slew SystemClock::load() const {
  return {boot_base_us_.load(std::memory_order_acquire),
          our_base_us_.load(std::memory_order_acquire),
          correction_us_.load(std::memory_order_acquire)};
}

void SystemClock::store(const Slew& slew) {
  boot_base_us_.store(slew.boot_base_us, std::memory_order_release);
  our_base_us_.store(slew.our_base_us, std::memory_order_release);
  correction_us_.store(slew.correction_us, std::memory_order_release);
}

}  // namespace sojourn::server
