#pragma once

namespace sojourn::server {

class Call;

// Runs the HELP row of any container: its subcommands' syntax and summaries, from their rows.
void help(Call& call);

}  // namespace sojourn::server
