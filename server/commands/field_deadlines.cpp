// Commands of Redis 7.4 on the deadlines of a hash's fields.

#include "server/base/numbers.h"
#include "server/cache/hash_view.h"
#include "server/commands/call.h"
#include "server/commands/field_words.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

using std::chrono_literals::operator""ms;

// What is answered for a field.
constexpr std::int64_t kNoField = -2;
constexpr std::int64_t kNoDeadline = -1;  // where one is told, or taken off
constexpr std::int64_t kNotAllowed = 0;   // by the condition
constexpr std::int64_t kDone = 1;
constexpr std::int64_t kEnded = 2;  // the time has passed already

// When a field's deadline may be moved.
enum class OnlyIf : std::uint8_t { always, without, with, later, earlier };

OnlyIf condition(std::string_view word) {
  if (equal_any_case(word, "NX")) return OnlyIf::without;
  if (equal_any_case(word, "XX")) return OnlyIf::with;
  if (equal_any_case(word, "GT")) return OnlyIf::later;
  return equal_any_case(word, "LT") ? OnlyIf::earlier : OnlyIf::always;
}

// No deadline is later than every other, but nothing gets later by losing it.
bool allows(OnlyIf only, Time old, Time fresh) {
  switch (only) {
    case OnlyIf::always:
      return true;
    case OnlyIf::without:
      return old == kNever;
    case OnlyIf::with:
      return old != kNever;
    case OnlyIf::later:
      return old != kNever && fresh > old;
    case OnlyIf::earlier:
      return fresh < old;
  }
  return false;
}

bool has(const Entry* hash, std::string_view field) {
  return hash != nullptr && HashView(*hash).get(field).has_value();
}

std::int64_t expire_field(Call& call, const Key& key, std::string_view field, Time deadline,
                          OnlyIf only) {
  const Entry* const hash = call.tx().peek(key);
  if (!has(hash, field)) return kNoField;
  if (!allows(only, HashView(*hash).deadline(field), deadline)) return kNotAllowed;
  call.tx().set_field_deadline(key, field, deadline);
  return deadline <= call.tx().now() ? kEnded : kDone;
}

void expire_fields(Call& call, Millis unit, bool absolute) {
  const Key& key = call.keys()[0];
  if (call.refuse_unless(call.look_to_change(key), ValueType::hash)) return;
  const auto deadline = field_deadline(call, call.words()[2], unit, absolute);
  if (!deadline) return;
  const OnlyIf only = condition(call.words()[3]);
  const auto fields = fields_from(call, only == OnlyIf::always ? 3 : 4,
                                  "ERR Parameter `numFields` should be greater than 0");
  if (!fields) return;
  bool moved = false;
  call.reply.array(fields->size());
  for (const std::string_view field : *fields) {
    const std::int64_t outcome = expire_field(call, key, field, *deadline, only);
    moved |= outcome >= kDone;
    call.reply.integer(outcome);
  }
  if (moved) event_of_field_deadline(call, key, *deadline);
}

void hexpire(Call& call) { expire_fields(call, 1000ms, false); }
void hpexpire(Call& call) { expire_fields(call, 1ms, false); }
void hexpireat(Call& call) { expire_fields(call, 1000ms, true); }
void hpexpireat(Call& call) { expire_fields(call, 1ms, true); }

void tell_deadlines(Call& call, Millis unit, Time since) {
  const Entry* const hash = call.look(call.keys()[0]);
  if (call.refuse_unless(hash, ValueType::hash)) return;
  const auto fields = fields_from(call, 2);
  if (!fields) return;
  call.reply.array(fields->size());
  for (const std::string_view field : *fields) {
    const Time deadline = hash != nullptr ? HashView(*hash).deadline(field) : kNever;
    if (!has(hash, field)) {
      call.reply.integer(kNoField);
    } else if (deadline == kNever) {
      call.reply.integer(kNoDeadline);
    } else {
      // A second that has begun counts, unlike in TTL.
      call.reply.integer((deadline - since + unit - 1ms) / unit);
    }
  }
}

void httl(Call& call) { tell_deadlines(call, 1000ms, call.now); }
void hpttl(Call& call) { tell_deadlines(call, 1ms, call.now); }
void hexpiretime(Call& call) { tell_deadlines(call, 1000ms, Time{}); }
void hpexpiretime(Call& call) { tell_deadlines(call, 1ms, Time{}); }

std::int64_t persist_field(Call& call, const Key& key, std::string_view field) {
  const Entry* const hash = call.tx().peek(key);
  if (!has(hash, field)) return kNoField;
  if (HashView(*hash).deadline(field) == kNever) return kNoDeadline;
  call.tx().set_field_deadline(key, field, kNever);
  return kDone;
}

void hpersist(Call& call) {
  const Key& key = call.keys()[0];
  if (call.refuse_unless(call.look_to_change(key), ValueType::hash)) return;
  const auto fields = fields_from(call, 2);
  if (!fields) return;
  bool changed = false;
  call.reply.array(fields->size());
  for (const std::string_view field : *fields) {
    const std::int64_t outcome = persist_field(call, key, field);
    changed |= outcome == kDone;
    call.reply.integer(outcome);
  }
  if (changed) event_of_field_deadline(call, key, kNever);
}

constexpr std::string_view kPerField = "O(N) where N is the number of fields given";
constexpr std::string_view kFields = "key <FIELDS numfields field [field ...]>";

// clang-format off
constexpr Command kFieldDeadlineCommands[] = {
    {.name = "hexpire", .arity = at_least(6), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hexpire, .since = "7.4.0",
     .complexity = kPerField,
     .syntax = "key seconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>",
     .summary = "Ends fields of a hash after a number of seconds; -2, 0, 1 or 2 for each."},
    {.name = "hpexpire", .arity = at_least(6), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hpexpire, .since = "7.4.0",
     .complexity = kPerField,
     .syntax = "key milliseconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>",
     .summary = "Ends fields of a hash after a number of milliseconds; -2, 0, 1 or 2 for each."},
    {.name = "hexpireat", .arity = at_least(6), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hexpireat, .since = "7.4.0",
     .complexity = kPerField,
     .syntax = "key unix-time-seconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>",
     .summary = "Ends fields of a hash at a time given in seconds; -2, 0, 1 or 2 for each."},
    {.name = "hpexpireat", .arity = at_least(6), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hpexpireat, .since = "7.4.0",
     .complexity = kPerField,
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>",
     .summary = "Ends fields of a hash at a time given in milliseconds; -2, 0, 1 or 2 for each."},
    {.name = "httl", .arity = at_least(5), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::hash, .run = httl, .since = "7.4.0",
     .complexity = kPerField, .syntax = kFields,
     .summary = "Returns the seconds fields have left: -1 without a deadline, -2 without a field."},
    {.name = "hpttl", .arity = at_least(5), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::hash, .run = hpttl, .since = "7.4.0",
     .complexity = kPerField, .syntax = kFields,
     .summary = "Returns the milliseconds fields have left: -1 without deadline, -2 without field."},
    {.name = "hexpiretime", .arity = at_least(5), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::hash, .run = hexpiretime, .since = "7.4.0",
     .complexity = kPerField, .syntax = kFields,
     .summary = "Returns when fields end, in seconds since 1970: -1 without a deadline, -2 without "
                "a field."},
    {.name = "hpexpiretime", .arity = at_least(5), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess), .group = Group::hash, .run = hpexpiretime, .since = "7.4.0",
     .complexity = kPerField, .syntax = kFields,
     .summary = "Returns when fields end, in milliseconds since 1970: -1 without a deadline, -2 "
                "without a field."},
    {.name = "hpersist", .arity = at_least(5), .flags = kWrite | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hpersist, .since = "7.4.0",
     .complexity = kPerField, .syntax = kFields,
     .summary = "Takes the deadlines off fields: 1, -1 if there was none, -2 without a field."},
};
// clang-format on
static_assert(well_formed(kFieldDeadlineCommands));

}  // namespace

std::span<const Command> field_deadline_commands() { return kFieldDeadlineCommands; }

}  // namespace sojourn::server
