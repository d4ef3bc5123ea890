#pragma once

#include "server/commands/call.h"

// The handlers of server.cpp's rows.
namespace sojourn::server {

// command_command.cpp, command_info.cpp
void command(Call& call);
void command_count(Call& call);
void command_docs(Call& call);
void command_getkeys(Call& call);
void command_getkeysandflags(Call& call);
void command_info(Call& call);
void command_list(Call& call);

// config_command.cpp
void config_get(Call& call);
void config_resetstat(Call& call);
void config_rewrite(Call& call);
void config_set(Call& call);

// info_command.cpp
void info(Call& call);

// lolwut.cpp
void lolwut(Call& call);

// memory_command.cpp
void memory_doctor(Call& call);
void memory_malloc_stats(Call& call);
void memory_purge(Call& call);
void memory_stats(Call& call);
void memory_usage(Call& call);

// persistence.cpp
void bgsave(Call& call);
void lastsave(Call& call);
void save(Call& call);
void shutdown(Call& call);

// slowlog_command.cpp
void slowlog_get(Call& call);
void slowlog_len(Call& call);
void slowlog_reset(Call& call);

}  // namespace sojourn::server
