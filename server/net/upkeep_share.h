#pragma once

#include <chrono>

namespace sojourn::server {

// When upkeep that has much to do has its next step: at once while nobody wants anything else of
// the worker, else the later the busier it is. What upkeep changes costs RocksDB's threads as much
// again on the same core, so it must not take all that is left: an eighth of a worker that is busy
// for seven tenths of the time, half of one that is for a tenth. Who expires is not seen meanwhile.
//
// Threading: the worker's own.
class UpkeepShare {
 public:
  using Duration = std::chrono::nanoseconds;

  // A turn without upkeep, and one with a step of it that ended now.
  void note_turn(Duration took) { others_ += took; }
  void note_step(Duration took, Duration now) {
    step_ = took;
    ended_ = now;
    others_ = Duration(0);
  }
  bool due(Duration now) const {
    const auto waited = static_cast<double>((now - ended_).count());
    // The pause is kPause steps, times the share of it that others were busy for.
    return waited * waited >=
           kPause * static_cast<double>(step_.count()) * static_cast<double>(others_.count());
  }

 private:
  static constexpr double kPause = 10;  // of a worker that is always busy, in steps

  Duration step_{0};
  Duration ended_{0};
  Duration others_{0};  // since then
};

}  // namespace sojourn::server
