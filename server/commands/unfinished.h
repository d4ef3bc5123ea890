#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace sojourn::server {

// What a request that is done in steps, one in a turn, has got to so far: see Call::next_turn().
class Unfinished {
 public:
  virtual ~Unfinished() = default;
  // What it holds; counts as output that waits.
  virtual std::size_t bytes() const { return 0; }
  virtual bool runs_script() const { return false; }

  std::int64_t worked_us = 0;  // in the steps done
};

// A connection's own. Copies of its state, made for others to look at, have none.
struct OwnUnfinished {
  OwnUnfinished() = default;
  OwnUnfinished(const OwnUnfinished&) {}
  OwnUnfinished(OwnUnfinished&&) = default;
  OwnUnfinished& operator=(const OwnUnfinished&) { return *this; }
  OwnUnfinished& operator=(OwnUnfinished&&) = default;

  std::size_t bytes() const { return request != nullptr ? request->bytes() : 0; }
  bool runs_script() const { return request != nullptr && request->runs_script(); }

  std::unique_ptr<Unfinished> request;
};

}  // namespace sojourn::server
