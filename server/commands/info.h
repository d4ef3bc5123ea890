#pragma once

#include <span>
#include <string>
#include <string_view>

#include "server/commands/services.h"

namespace sojourn::server {

// The text of INFO: sections of "field:value" lines under "# Section", with the fields of Redis 7.2
// that mean something here, and a section of our own at the end. No names asks for the default
// sections; "all" and "everything" for all; a name that is none is passed over.
// `within`: see Keyspace.
std::string info_text(const Services& services, std::span<const std::string_view> names, Time now,
                      const Transaction* within = nullptr);

}  // namespace sojourn::server
