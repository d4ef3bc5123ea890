#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "server/memory/region.h"

namespace sojourn::server {

// Regions in huge pages, some of them got before they are needed while the heap grows: the system
// has to find and clear such a page, which takes milliseconds where a virtual machine's host took
// the memory back, and somebody's turn would last as long. A thread does it that runs only when
// nobody else wants its core.
//
// Threading: take() and expect() from one thread at a time, the others from any.
class RegionSource {
 public:
  static constexpr std::size_t kAhead = 4;

  // What was got ahead goes back when nobody has asked for so long.
  explicit RegionSource(std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~RegionSource();
  RegionSource(const RegionSource&) = delete;
  RegionSource& operator=(const RegionSource&) = delete;

  // The caller's, who unmaps it. Never null.
  Region* take();
  // One may be taken soon.
  void expect();
  // Gives back what is there, and gets none until one is expected again.
  void stop();
  // How many are there to be taken.
  std::size_t ready() const;

 private:
  bool wanted() const;
  void run();
  void get_ahead();
  void give_back();

  const std::chrono::milliseconds patience_;
  std::array<std::atomic<Region*>, kAhead> ahead_{};
  std::atomic<std::uint32_t> asked_{0};  // changes with each call, and at the end
  std::atomic<bool> expecting_{false};
  std::atomic<bool> ending_{false};
  std::thread thread_;  // from the first call on
};

}  // namespace sojourn::server
