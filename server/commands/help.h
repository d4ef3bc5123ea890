#pragma once

#include <string>
#include <string_view>

namespace sojourn::server {

class Call;

// Runs the HELP row of any container: its subcommands' syntax and summaries, from their rows.
void help(Call& call);

// As people write commands.
std::string upper_case(std::string_view text);

}  // namespace sojourn::server
