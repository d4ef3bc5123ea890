#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace sojourn::server {

// Until done() is true, which other threads make it; fails after half a minute.
template <class Done>
void wait_for(Done&& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_TRUE(done());
}

}  // namespace sojourn::server
