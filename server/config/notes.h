#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/directives.h"

namespace sojourn::server {

// Of maxmemory-policy spill without a disk.
inline constexpr std::string_view kNothingToSpillTo =
    "maxmemory-policy spill: with appendonly no there is nothing on disk that values could be read "
    "from; at maxmemory writes are refused, as with noeviction";

// What an operator should read in the log about the directives that were given: those that have no
// meaning here, grouped by the reason, and settings that are weaker than they may look.
std::vector<std::string> notes_for(std::span<const Directive* const> given,
                                   const Settings& settings);

}  // namespace sojourn::server
