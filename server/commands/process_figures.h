#pragma once

#include <cstdint>
#include <string>

namespace sojourn::server {

// What the system says of this process and machine.
struct Resident {
  std::uint64_t all = 0;        // bytes in RAM
  std::uint64_t allocated = 0;  // of them, no file's: the heap, and a little for stacks
};
Resident resident_memory();
std::uint64_t system_memory_bytes();
std::string system_name();  // "Linux 6.1.0-18-amd64 x86_64"

// As Redis writes bytes for people: "894.74K".
std::string human_bytes(std::uint64_t bytes);

}  // namespace sojourn::server
