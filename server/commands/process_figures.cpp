#include "server/commands/process_figures.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace sojourn::server {

Resident resident_memory() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return {};
  unsigned long long all_pages = 0, resident_pages = 0, shared_pages = 0;
  const int fields =
      std::fscanf(file, "%llu %llu %llu", &all_pages, &resident_pages, &shared_pages);
  std::fclose(file);
  if (fields != 3) return {};
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return {.all = resident_pages * page_bytes,
          .allocated = (resident_pages - shared_pages) * page_bytes};
}

std::uint64_t system_memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return 0;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
}

std::string system_name() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}B", bytes);
  constexpr std::string_view kUnits = "KMGTPE";
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return fmt::format("{:.2f}{}", amount, kUnits[unit]);
}

}  // namespace sojourn::server
