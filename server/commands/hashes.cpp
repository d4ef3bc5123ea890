#include <cmath>
#include <string>

#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/random_fields.h"
#include "server/commands/registry.h"
#include "server/commands/scan.h"

namespace sojourn::server {
namespace {

// The key's hash for reading. Nothing: there is none, or it was refused as something else.
struct Found {
  const Entry* entry = nullptr;
  bool refused = false;

  std::size_t size() const { return entry != nullptr ? HashView(*entry).size() : 0; }
  std::optional<std::string_view> field(std::string_view name) const {
    return entry != nullptr ? HashView(*entry).get(name) : std::nullopt;
  }
};

Found to_read(Call& call) {
  const Entry* entry = call.look(call.keys()[0]);
  return {.entry = entry, .refused = call.refuse_unless(entry, ValueType::hash)};
}

Found to_change(Call& call) {
  const Entry* entry = call.look_to_change(call.keys()[0]);
  return {.entry = entry, .refused = call.refuse_unless(entry, ValueType::hash)};
}

// --- reading ---

void reply_field(Call& call, const std::optional<std::string_view>& value) {
  value ? call.reply.bulk(*value) : call.reply.null();
}

void hget(Call& call) {
  const Found hash = to_read(call);
  if (hash.refused) return;
  reply_field(call, hash.field(call.words()[2]));
}

void hmget(Call& call) {
  const Found hash = to_read(call);
  if (hash.refused) return;
  const protocol::Words names = call.words().subspan(2);
  call.reply.array(names.size());
  for (std::string_view name : names) reply_field(call, hash.field(name));
}

void hgetall(Call& call) {
  const Found hash = to_read(call);
  if (hash.refused) return;
  call.reply.map(hash.size());
  if (hash.entry == nullptr) return;
  HashView(*hash.entry)
      .for_each([&reply = call.reply](std::string_view name, std::string_view value) {
        reply.bulk(name);
        reply.bulk(value);
      });
}

void hkeys(Call& call) {
  const Found hash = to_read(call);
  if (hash.refused) return;
  call.reply.array(hash.size());
  if (hash.entry == nullptr) return;
  HashView(*hash.entry).for_each([&reply = call.reply](std::string_view name, std::string_view) {
    reply.bulk(name);
  });
}

void hvals(Call& call) {
  const Found hash = to_read(call);
  if (hash.refused) return;
  call.reply.array(hash.size());
  if (hash.entry == nullptr) return;
  HashView(*hash.entry).for_each([&reply = call.reply](std::string_view, std::string_view value) {
    reply.bulk(value);
  });
}

void hlen(Call& call) {
  const Found hash = to_read(call);
  if (!hash.refused) call.reply.unsigned_integer(hash.size());
}

void hexists(Call& call) {
  const Found hash = to_read(call);
  if (!hash.refused) call.reply.integer(hash.field(call.words()[2]) ? 1 : 0);
}

void hstrlen(Call& call) {
  const Found hash = to_read(call);
  if (!hash.refused) call.reply.unsigned_integer(hash.field(call.words()[2]).value_or("").size());
}

void hscan(Call& call) { scan_fields(call, ValueType::hash); }

// --- changing ---

// Sets the request's fields; nothing, and refused, when the words do not pair or the type is wrong.
std::optional<std::int64_t> put_pairs(Call& call) {
  const protocol::Words words = call.words();
  if (words.size() % 2 != 0) {
    call.refuse_arity();
    return std::nullopt;
  }
  if (to_change(call).refused) return std::nullopt;
  std::int64_t added = 0;
  for (std::size_t i = 2; i < words.size(); i += 2) {
    if (call.tx().put_field(call.keys()[0], words[i], words[i + 1])) ++added;
  }
  call.event(KeyEventClass::hash, "hset", call.keys()[0]);
  return added;
}

void hset(Call& call) {
  if (const auto added = put_pairs(call)) call.reply.integer(*added);
}

void hmset(Call& call) {
  if (put_pairs(call)) call.reply.ok();
}

void hsetnx(Call& call) {
  const Found hash = to_change(call);
  if (hash.refused) return;
  const std::string_view name = call.words()[2];
  const bool absent = !hash.field(name);
  if (absent) {
    call.tx().put_field(call.keys()[0], name, call.words()[3]);
    call.event(KeyEventClass::hash, "hset", call.keys()[0]);
  }
  call.reply.integer(absent ? 1 : 0);
}

void hdel(Call& call) {
  const Found hash = to_change(call);
  if (hash.refused) return;
  std::size_t left = hash.size();
  std::int64_t removed = 0;
  for (std::string_view name : call.words().subspan(2)) {
    if (left == 0) break;  // the key went with its last field
    if (!call.tx().erase_field(call.keys()[0], name)) continue;
    --left;
    ++removed;
  }
  if (removed > 0) call.event_taken_out(KeyEventClass::hash, "hdel", call.keys()[0]);
  call.reply.integer(removed);
}

void hincrby(Call& call) {
  const protocol::Words words = call.words();
  const std::optional<std::int64_t> by = parse_integer(words[3]);
  if (!by) return call.refuse(kNotAnInteger);
  const Found hash = to_change(call);
  if (hash.refused) return;
  std::int64_t value = 0;
  if (const auto text = hash.field(words[2])) {
    const std::optional<std::int64_t> old = parse_integer(*text);
    if (!old) return call.refuse("ERR hash value is not an integer");
    value = *old;
  }
  if (__builtin_add_overflow(value, *by, &value)) return call.refuse(kWouldOverflow);
  call.tx().put_field(call.keys()[0], words[2], call.keep(std::to_string(value)),
                      Transaction::FieldDeadline::kept);
  call.event(KeyEventClass::hash, "hincrby", call.keys()[0]);
  call.reply.integer(value);
}

void hincrbyfloat(Call& call) {
  const protocol::Words words = call.words();
  const std::optional<long double> by = parse_real(words[3]);
  if (!by) return call.refuse(kNotAFloat);
  if (!std::isfinite(*by)) return call.refuse("ERR value is NaN or Infinity");
  const Found hash = to_change(call);
  if (hash.refused) return;
  long double value = 0;
  if (const auto text = hash.field(words[2])) {
    const std::optional<long double> old = parse_real(*text);
    if (!old) return call.refuse("ERR hash value is not a float");
    value = *old;
  }
  value += *by;
  if (!std::isfinite(value)) return call.refuse(kWouldBeNanOrInf);
  const std::string_view digits = call.keep(format_real(value));
  call.tx().put_field(call.keys()[0], words[2], digits, Transaction::FieldDeadline::kept);
  call.event(KeyEventClass::hash, "hincrbyfloat", call.keys()[0]);
  call.reply.bulk(digits);
}

constexpr std::string_view kPerField = "O(N) where N is the number of fields given";
constexpr std::string_view kPerSize = "O(N) where N is the size of the hash";

// clang-format off
constexpr Command kHashCommands[] = {
    {.name = "hset", .arity = at_least(4), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hset, .since = "2.0.0",
     .complexity = kPerField, .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash, making it if there is none; returns how many are new."},
    {.name = "hmset", .arity = at_least(4), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hmset, .since = "2.0.0",
     .deprecated = {"4.0.0", "`HSET` with multiple field-value pairs"},
     .complexity = kPerField, .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash, making it if there is none; HSET with the answer OK."},
    {.name = "hsetnx", .arity = exactly(4), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kInsert), .group = Group::hash, .run = hsetnx, .since = "2.0.0",
     .complexity = "O(1)", .syntax = "key field value",
     .summary = "Sets a field of a hash unless the field is there."},
    {.name = "hget", .arity = exactly(3), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess),
     .group = Group::hash, .run = hget, .since = "2.0.0", .complexity = "O(1)",
     .syntax = "key field",
     .summary = "Returns the value of a field."},
    {.name = "hmget", .arity = at_least(3), .flags = kReadOnly | kFast,
     .keys = one_key(kRO | kAccess),
     .group = Group::hash, .run = hmget, .since = "2.0.0", .complexity = kPerField,
     .syntax = "key field [field ...]",
     .summary = "Returns the values of several fields."},
    {.name = "hgetall", .arity = exactly(2), .flags = kReadOnly | kUnordered,
     .keys = one_key(kRO | kAccess),
     .group = Group::hash, .run = hgetall, .since = "2.0.0", .complexity = kPerSize,
     .syntax = "key",
     .summary = "Returns all fields of a hash with their values."},
    {.name = "hdel", .arity = at_least(3), .flags = kWrite | kFast, .keys = one_key(kRW | kDelete),
     .group = Group::hash, .run = hdel, .since = "2.0.0", .complexity = kPerField,
     .syntax = "key field [field ...]",
     .summary = "Removes fields of a hash, and the key with the last one; returns how many."},
    {.name = "hexists", .arity = exactly(3), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::hash, .run = hexists, .since = "2.0.0", .complexity = "O(1)",
     .syntax = "key field",
     .summary = "Returns 1 if a hash has a field, else 0."},
    {.name = "hlen", .arity = exactly(2), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::hash, .run = hlen, .since = "2.0.0", .complexity = "O(1)", .syntax = "key",
     .summary = "Returns how many fields a hash has."},
    {.name = "hkeys", .arity = exactly(2), .flags = kReadOnly | kUnordered,
     .keys = one_key(kRO | kAccess),
     .group = Group::hash, .run = hkeys, .since = "2.0.0", .complexity = kPerSize, .syntax = "key",
     .summary = "Returns the names of all fields of a hash."},
    {.name = "hvals", .arity = exactly(2), .flags = kReadOnly | kUnordered,
     .keys = one_key(kRO | kAccess),
     .group = Group::hash, .run = hvals, .since = "2.0.0", .complexity = kPerSize, .syntax = "key",
     .summary = "Returns the values of all fields of a hash."},
    {.name = "hstrlen", .arity = exactly(3), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::hash, .run = hstrlen, .since = "3.2.0", .complexity = "O(1)",
     .syntax = "key field",
     .summary = "Returns how many bytes the value of a field has."},
    {.name = "hincrby", .arity = exactly(4), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::hash, .run = hincrby, .since = "2.0.0",
     .complexity = "O(1)", .syntax = "key field increment",
     .summary = "Adds to the integer in a field; a field that is not there counts as 0."},
    {.name = "hincrbyfloat", .arity = exactly(4), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::hash, .run = hincrbyfloat, .since = "2.6.0",
     .complexity = "O(1)", .syntax = "key field increment:double",
     .summary = "Adds to the number in a field; a field that is not there counts as 0."},
    {.name = "hrandfield", .arity = at_least(2), .flags = kReadOnly | kTouchesRandomKeys,
     .keys = one_key(kRO | kAccess), .group = Group::hash, .run = hrandfield, .since = "6.2.0",
     .complexity = "O(N) where N is the number of fields returned",
     .syntax = "key [count [WITHVALUES]]",
     .summary = "Returns some fields of a hash, chosen at random."},
    {.name = "hscan", .arity = at_least(3), .flags = kReadOnly | kTouchesRandomKeys,
     .keys = one_key(kRO | kAccess), .group = Group::hash, .run = hscan, .since = "2.8.0",
     .complexity = "O(1) a call, O(N) for all N fields",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks through the fields of a hash, some at each call."},
};
// clang-format on
static_assert(well_formed(kHashCommands));

}  // namespace

std::span<const Command> hash_commands() { return kHashCommands; }

}  // namespace sojourn::server
