#pragma once

#include <string_view>

#include "server/acl/users.h"
#include "server/config/settings.h"

namespace sojourn::server {

// What a connection is told that protected mode turns away; empty if it may stay.
std::string_view denial_by_protected_mode(const Settings& settings, const Users& users, int socket);

}  // namespace sojourn::server
