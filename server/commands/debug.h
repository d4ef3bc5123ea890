#pragma once

namespace sojourn::server {

class Call;

// The handlers behind the table of debug.cpp, by file.

// debug_dataset.cpp
void debug_digest(Call& call);
void debug_digest_value(Call& call);
void debug_populate(Call& call);

// debug_protocol.cpp
void debug_protocol(Call& call);

}  // namespace sojourn::server
