#pragma once

#include <cstdio>
#include <cstdlib>

// Ends the process when the program itself is wrong, in release builds too. Never for bad input or
// a failing disk: those are Results.
#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) [[unlikely]] {                                   \
      ::sojourn::server::check_failed(#condition, __FILE__, __LINE__); \
    }                                                                  \
  } while (false)

namespace sojourn::server {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "sojournd: CHECK failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace sojourn::server
