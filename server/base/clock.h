#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace sojourn::server {

using Millis = std::chrono::milliseconds;
using Micros = std::chrono::microseconds;
// A moment, in milliseconds since the Unix epoch.
using Time = std::chrono::sys_time<Millis>;
// The deadline of what has none; later than every other.
inline constexpr Time kNever = Time::max();

inline std::int64_t unix_ms(Time time) { return time.time_since_epoch().count(); }
inline Time from_unix_ms(std::int64_t ms) { return Time(Millis(ms)); }

// The one source of time. Threading: any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  // The time deadlines are compared with. Never goes back while the process lives.
  virtual Time now() const = 0;
  // The same more finely, where it is only shown (TIME).
  virtual std::chrono::sys_time<Micros> now_us() const { return now(); }
};

// How our time follows from CLOCK_BOOTTIME: one for one from a base on, plus a correction towards
// the wall clock that is spread over the second after the base. Arithmetic only; all in
// microseconds.
struct Slew {
  static constexpr std::int64_t kWindowUs = 1'000'000;
  // One part in 200: a session of half an hour ends at most nine seconds off, whatever NTP does.
  static constexpr std::int64_t kCorrectionMaxUs = kWindowUs / 200;

  std::int64_t boot_base_us = 0;
  std::int64_t our_base_us = 0;
  std::int64_t correction_us = 0;

  // Our time when the boot clock shows this. Grows with it, and at the window's end the correction
  // is complete: a steering that comes late never overshoots.
  std::int64_t at(std::int64_t boot_us) const {
    const std::int64_t elapsed = boot_us - boot_base_us;
    const std::int64_t slewed = std::clamp<std::int64_t>(elapsed, 0, kWindowUs);
    return our_base_us + elapsed + correction_us * slewed / kWindowUs;
  }
  // Goes on from where this one is at `boot_us`, towards the wall clock's reading.
  Slew towards(std::int64_t wall_us, std::int64_t boot_us) const {
    const std::int64_t ours = at(boot_us);
    return {boot_us, ours, std::clamp(wall_us - ours, -kCorrectionMaxUs, kCorrectionMaxUs)};
  }
};

// Time in service: starts at the wall clock, or at `not_before` if that is later, runs on
// CLOCK_BOOTTIME and slews towards the wall clock by at most one part in 200: a step of the wall
// clock by a day ends no session early and keeps none late.
class SystemClock : public Clock {
 public:
  explicit SystemClock(Time not_before = Time{});
  Time now() const override;
  std::chrono::sys_time<Micros> now_us() const override;
  // How far the wall clock was behind `not_before` at the start; zero if it was not.
  Millis behind_at_start() const { return behind_at_start_; }
  // Steers towards the wall clock; called about once a second, by one thread.
  void adjust();

 private:
  Slew load() const;
  void store(const Slew& slew);

  // A sequence lock: odd while adjust() changes the Slew that now() reads.
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::int64_t> boot_base_us_{0};
  std::atomic<std::int64_t> our_base_us_{0};
  std::atomic<std::int64_t> correction_us_{0};
  Millis behind_at_start_{};
};

}  // namespace sojourn::server
