#pragma once

namespace sojourn::server {

// Has the processor fetch the cache line of `address`, which need not be readable.
//
// Not __builtin_prefetch: GCC 12 takes a function that does nothing else for one without effect and
// drops the call (measured: the whole gain of fetching entries ahead was gone).
inline void prefetch(const void* address) {
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
}

}  // namespace sojourn::server
