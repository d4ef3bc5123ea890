#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/config/directives.h"

namespace sojourn::server {

// What an operator should read in the log about the directives that were given: those that have no
// meaning here, grouped by the reason, and settings that are weaker than they may look.
std::vector<std::string> notes_for(std::span<const Directive* const> given,
                                   const Settings& settings);

}  // namespace sojourn::server
