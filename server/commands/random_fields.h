#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "server/cache/hash_view.h"

namespace sojourn::server {

class Call;

// HRANDFIELD key [count [WITHVALUES]], ZRANDMEMBER key [count [WITHSCORES]] and SRANDMEMBER key
// [count]: a positive count asks for
// different fields, a negative one for that many draws. Replies have a bound: an unbounded one
// would be memory for the asking.
void hrandfield(Call& call);
void srandmember(Call& call);
void zrandmember(Call& call);

// Numbers nobody can know, afresh for each command: workers share nothing.
class Random {
 public:
  std::uint64_t next() { return engine_(); }
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(engine_);
  }

 private:
  std::mt19937_64 engine_{std::random_device{}()};
};

// `count` different fields, at most as many as there are, each equally likely.
std::vector<HashView::Field> choose_fields(const HashView& fields, std::size_t count);

}  // namespace sojourn::server
