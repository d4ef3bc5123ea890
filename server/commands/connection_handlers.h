#pragma once

#include <string>
#include <string_view>

#include "server/base/clock.h"
#include "server/commands/call.h"

// The handlers of connection.cpp's rows.
namespace sojourn::server {

// auth.cpp
void auth(Call& call);
void hello(Call& call);
void reset(Call& call);

// client_command.cpp
void client_getname(Call& call);
void client_id(Call& call);
void client_no_evict(Call& call);
void client_no_touch(Call& call);
void client_pause(Call& call);
void client_reply(Call& call);
void client_setinfo(Call& call);
void client_setname(Call& call);
void client_unblock(Call& call);
void client_unpause(Call& call);

// client_tracking.cpp
void client_caching(Call& call);
void client_getredir(Call& call);
void client_tracking(Call& call);
void client_trackinginfo(Call& call);

// client_list.cpp
void client_info(Call& call);
void client_kill(Call& call);
void client_list(Call& call);

// No spaces, no control or non-ASCII bytes: they would make CLIENT LIST ambiguous.
bool valid_client_word(std::string_view word);
inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

}  // namespace sojourn::server
