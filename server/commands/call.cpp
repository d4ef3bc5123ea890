#include "server/commands/call.h"

#include <fmt/format.h>

#include "server/commands/errors.h"
#include "server/commands/help.h"

namespace sojourn::server {

Args Call::args() { return Args(*this, static_cast<std::size_t>(command.name_words())); }

void Call::refuse_type() { refuse(kWrongType); }

void Call::event_taken_out(KeyEventClass kind, std::string_view name, const Key& key) {
  if (!transaction_->notes_any()) [[likely]]
    return;
  event(kind, name, key);
  if (transaction_->peek(key) == nullptr) event(KeyEventClass::generic, "del", key);
}

void Call::refuse_arity() {
  refuse(fmt::format("ERR wrong number of arguments for '{}' command", command.full_name));
}

void Call::refuse_subcommand() {
  constexpr std::size_t kShownMax = 128;
  refuse(fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
                     words()[1].substr(0, kShownMax), upper_case(command.container->name)));
}

}  // namespace sojourn::server
