#include "server/commands/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/commands/call.h"
#include "server/commands/syntax.h"

namespace sojourn::server {

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  return upper;
}

void help(Call& call) {
  const Command& container = *call.command.container;
  std::vector<const Command*> subs;
  for (const Command& sub : container.subcommands) {
    if (&sub != &call.command) subs.push_back(&sub);
  }
  std::sort(subs.begin(), subs.end(),
            [](const Command* a, const Command* b) { return a->name < b->name; });
  subs.push_back(&call.command);

  call.reply.array(1 + 2 * subs.size());
  call.reply.simple(fmt::format("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                                upper_case(container.name)));
  for (const Command* sub : subs) {
    std::string line = upper_case(sub->name);
    if (!sub->syntax.empty()) line.append(" ").append(usage_of(*sub));
    call.reply.simple(line);
    call.reply.simple(fmt::format("    {}", sub->summary));
  }
}

}  // namespace sojourn::server
