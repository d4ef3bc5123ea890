#pragma once

#include <cstddef>
#include <random>
#include <string_view>
#include <vector>

namespace sojourn {

// Rising positions to cut `input` at, drawn from the input itself: the same input is always cut
// alike, and seeds stay plain texts.
inline std::vector<std::size_t> cuts_of(std::string_view input) {
  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string_view>()(input)));
  const std::size_t piece_max = 1 + random() % 32;
  std::vector<std::size_t> cuts;
  for (std::size_t at = random() % piece_max; at < input.size(); at += 1 + random() % piece_max) {
    cuts.push_back(at);
  }
  return cuts;
}

}  // namespace sojourn
