#include "server/memory/region_source.h"

#include <pthread.h>
#include <sched.h>

namespace sojourn::server {
namespace {

// Between looks at whether more is wanted.
constexpr std::chrono::milliseconds kPause{1};

}  // namespace

RegionSource::RegionSource(std::chrono::milliseconds patience) : patience_(patience) {}

RegionSource::~RegionSource() {
  if (!thread_.joinable()) return;
  ending_ = true;
  asked_.fetch_add(1);
  asked_.notify_one();
  thread_.join();
}

Region* RegionSource::take() {
  Region* region = nullptr;
  for (auto place = ahead_.begin(); place != ahead_.end() && region == nullptr; ++place) {
    region = place->exchange(nullptr, std::memory_order_acquire);
  }
  expect();
  return region != nullptr ? region : Region::map(true);
}

void RegionSource::expect() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  expecting_ = true;
  asked_.fetch_add(1);
  asked_.notify_one();
}

void RegionSource::stop() {
  expecting_ = false;
  give_back();
}

std::size_t RegionSource::ready() const {
  std::size_t count = 0;
  for (const auto& place : ahead_) count += place.load(std::memory_order_relaxed) != nullptr;
  return count;
}

bool RegionSource::wanted() const { return expecting_ && !ending_; }

void RegionSource::run() {
  ::pthread_setname_np(::pthread_self(), "memory");
  const sched_param none{};
  (void)::sched_setscheduler(0, SCHED_IDLE, &none);  // of this thread
  for (std::uint32_t seen = 0; !ending_;) {
    asked_.wait(seen);
    seen = asked_;
    auto until = std::chrono::steady_clock::now() + patience_;
    while (wanted() && std::chrono::steady_clock::now() < until) {
      if (const std::uint32_t asked = asked_; asked != seen) {
        seen = asked;
        until = std::chrono::steady_clock::now() + patience_;
      }
      get_ahead();
      std::this_thread::sleep_for(kPause);
    }
    give_back();
  }
}

void RegionSource::get_ahead() {
  for (auto& place : ahead_) {
    if (!wanted() || place.load(std::memory_order_relaxed) != nullptr) continue;
    place.store(Region::map(true), std::memory_order_release);
  }
}

void RegionSource::give_back() {
  for (auto& place : ahead_) {
    Region* const region = place.exchange(nullptr, std::memory_order_acquire);
    if (region != nullptr) Region::unmap(region);
  }
}

}  // namespace sojourn::server
