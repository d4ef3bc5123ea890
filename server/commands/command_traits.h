#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/acl/categories.h"
#include "server/commands/command.h"
#include "server/commands/syntax.h"

namespace sojourn::server {

// What COMMAND tells of a row, in Redis's words and order.

std::vector<std::string_view> flag_names(const Command& row);  // "write", "denyoom", ...
Categories categories_of(const Command& row);
std::vector<std::string_view> acl_categories(const Command& row);  // the same, without the @
std::vector<std::string_view> key_flags(KeyUse use);               // "RO", "access", ...
std::vector<std::string> tips(const Command& row);
std::vector<std::string_view> doc_flags(const Command& row);  // "deprecated", "syscmd"
std::string_view group_name(Group group);
std::string_view type_name(Argument::Type type);  // "pure-token"

}  // namespace sojourn::server
