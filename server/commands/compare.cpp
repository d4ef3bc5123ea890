// Commands newer than Redis 7.2 that delete a string only if it is what the client thinks: locks
// are released so, without a script. SET's conditions of that kind: strings.cpp.

#include "server/commands/call.h"
#include "server/commands/condition.h"
#include "server/commands/errors.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

void erase_if(Call& call, const Key& key, bool met) {
  if (met) {
    call.tx().erase(key);
    call.event(KeyEventClass::generic, "del", key);
  }
  call.reply.integer(met ? 1 : 0);
}

// --- Redis 8.4 ---

void delex(Call& call) {
  if (call.words().size() != 2 && call.words().size() != 4) return call.refuse_arity();
  Args args = call.args();
  const Key key = args.key();
  Condition condition;
  condition.take(args);
  if (!args.done()) return call.refuse(args.error());
  const Entry* const entry = call.look_to_change(key);
  if (entry == nullptr || !condition) return erase_if(call, key, entry != nullptr);
  if (entry->type() != ValueType::string) {
    return call.refuse("ERR Key should be of string type if conditions are specified");
  }
  erase_if(call, key, condition.met_by(entry));
}

void digest(Call& call) {
  const Entry* const entry = call.look(call.keys()[0]);
  if (call.refuse_unless(entry, ValueType::string)) return;
  if (entry == nullptr) return call.reply.null();
  call.reply.bulk(digest_of(entry->string()));
}

// --- Valkey 9.0 ---

void delifeq(Call& call) {
  const Key& key = call.keys()[0];
  const Entry* const entry = call.look_to_change(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  erase_if(call, key, entry != nullptr && entry->string() == call.words()[2]);
}

// clang-format off
constexpr Command kCompareCommands[] = {
    {.name = "delex", .arity = at_least(2), .flags = kWrite | kFast,
     .keys = one_key(kRW | kDelete), .group = Group::string, .run = delex, .since = "8.4.0",
     .complexity = "O(1), by digest O(N) where N is the length of the string",
     .syntax = "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]",
     .summary = "Deletes a key if its string is, or is not, the given one."},
    {.name = "delifeq", .arity = exactly(3), .flags = kWrite | kFast,
     .keys = one_key(kRW | kDelete), .group = Group::string, .run = delifeq, .since = "9.0.0",
     .complexity = "O(1)", .syntax = "key value",
     .summary = "Deletes a key if its string is the given one; Valkey's name for DELEX IFEQ."},
    {.name = "digest", .arity = exactly(2), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::string, .run = digest, .since = "8.4.0",
     .complexity = "O(N) where N is the length of the string", .syntax = "key",
     .summary = "Returns the XXH3 digest of the string a key holds, as 16 hexadecimal digits."},
};
// clang-format on
static_assert(well_formed(kCompareCommands));

}  // namespace

std::span<const Command> compare_commands() { return kCompareCommands; }

}  // namespace sojourn::server
