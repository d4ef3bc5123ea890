#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/acl/users.h"
#include "server/base/result.h"
#include "server/commands/registry.h"
#include "server/config/config.h"

namespace sojourn::server {

// The users of a server that is not told of any: the default one, with requirepass. Whoever keeps
// one is told by the configuration's generation that there was a change.
std::unique_ptr<Users> make_users(const Registry& registry, Config& config);

// Adds those that the settings name, by `user` lines or in the file. An error's detail says what to
// put right.
Result<void> load_users(Users& users, const Settings& settings);

// After a change of the settings.
void follow_user_settings(Users& users, const Settings& settings);

// What ACL SAVE writes.
std::string file_text(const Users& users);
// What CONFIG REWRITE is to write. The default user has a line only if requirepass does not say all
// of him: a password that somebody changes in the file later must count.
std::vector<std::string> user_lines(const Users& users, const Settings& settings);

}  // namespace sojourn::server
