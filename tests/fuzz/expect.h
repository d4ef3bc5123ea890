#pragma once

#include <cstdio>
#include <cstdlib>

// What a fuzz target promises; breaking it is a crash that libFuzzer keeps the input of.
#define EXPECT(condition)                                                          \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)
