#include "server/observe/turn_timer.h"

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace sojourn::server {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

bool longer(const std::atomic<std::uint64_t>& longest_us, microseconds turn) {
  return static_cast<std::uint64_t>(turn.count()) > longest_us.load(std::memory_order_relaxed);
}

void keep_longest(std::atomic<std::uint64_t>& longest_us, microseconds turn) {
  if (!longer(longest_us, turn)) return;
  longest_us.store(static_cast<std::uint64_t>(turn.count()), std::memory_order_relaxed);
}

}  // namespace

nanoseconds TurnTimer::wall_clock() { return std::chrono::steady_clock::now().time_since_epoch(); }

nanoseconds TurnTimer::cpu_clock() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

void TurnTimer::begin() {
  began_ = wall_();
  if (began_ - read_at_ < kReadEvery) return;
  read_at_ = began_;
  cpu_then_ = cpu_();
}

TurnTimer::Turn TurnTimer::end(Millis long_turn) {
  const nanoseconds ended = wall_();
  Turn turn{.wall = duration_cast<microseconds>(ended - began_)};
  WorkerMetrics::add(metrics_.turns);
  keep_longest(metrics_.longest_turn_us, turn.wall);
  if (turn.wall >= long_turn || longer(metrics_.longest_turn_cpu_us, turn.wall)) [[unlikely]] {
    turn.cpu = std::min(turn.wall, cpu_time_until(ended));
    keep_longest(metrics_.longest_turn_cpu_us, turn.cpu);
  }
  return turn;
}

microseconds TurnTimer::cpu_time_until(nanoseconds ended) {
  const nanoseconds before = cpu_then_;
  read_at_ = ended;
  cpu_then_ = cpu_();
  return duration_cast<microseconds>(cpu_then_ - before);
}

}  // namespace sojourn::server
