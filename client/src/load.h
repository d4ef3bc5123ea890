#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace sojourn::detail {

// What is pending, in a client or on one of its lanes.
struct Meter {
  std::atomic<std::size_t> calls = 0;
  std::atomic<std::size_t> bytes = 0;
};

// One call's part in two meters, for as long as it lives.
class Load {
 public:
  Load() = default;
  Load(std::shared_ptr<Meter> client, std::shared_ptr<Meter> lane, std::size_t bytes)
      : client_(std::move(client)), lane_(std::move(lane)), bytes_(bytes) {
    for (Meter* meter : {client_.get(), lane_.get()}) {
      meter->calls += 1;
      meter->bytes += bytes_;
    }
  }
  Load(Load&&) = default;
  Load& operator=(Load&& other) noexcept {
    std::swap(client_, other.client_);
    std::swap(lane_, other.lane_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Load() {
    for (Meter* meter : {client_.get(), lane_.get()}) {
      if (meter == nullptr) continue;
      meter->calls -= 1;
      meter->bytes -= bytes_;
    }
  }

 private:
  std::shared_ptr<Meter> client_;
  std::shared_ptr<Meter> lane_;
  std::size_t bytes_ = 0;
};

}  // namespace sojourn::detail
