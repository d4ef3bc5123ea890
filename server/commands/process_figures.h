#pragma once

#include <cstdint>
#include <string>

namespace sojourn::server {

// What the system says of this process and machine.
std::uint64_t resident_bytes();
std::uint64_t system_memory_bytes();
std::string system_name();  // "Linux 6.1.0-18-amd64 x86_64"

// As Redis writes bytes for people: "894.74K".
std::string human_bytes(std::uint64_t bytes);

}  // namespace sojourn::server
