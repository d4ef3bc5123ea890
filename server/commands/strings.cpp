#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/condition.h"
#include "server/commands/errors.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

using std::chrono_literals::operator""ms;
using ExpiryWords = Args::ExpiryWords;

Time deadline_of(const Entry* entry) { return entry != nullptr ? entry->deadline() : kNever; }

// What the key's string is, or nothing: the reply of GET and its kin.
void reply_string(Call& call, const Entry* entry) {
  if (entry == nullptr) return call.reply.null();
  call.reply.bulk(entry->string());
}

// Refuses a string of `size` bytes with `more` to come, unless values may be that long.
bool refuse_length(Call& call, std::uint64_t size, std::uint64_t more) {
  const std::uint64_t longest = call.services.config.current()->proto_max_bulk_len;
  if (size <= longest && more <= longest - size) return false;
  call.refuse("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  return true;
}

// --- reading ---

void get(Call& call) {
  const Entry* entry = call.look(call.keys()[0]);
  if (call.refuse_unless(entry, ValueType::string)) return;
  reply_string(call, entry);
}

void mget(Call& call) {
  call.reply.array(call.keys().size());
  for (const Key& key : call.keys()) {
    const Entry* entry = call.look(key);
    reply_string(call, entry != nullptr && entry->type() == ValueType::string ? entry : nullptr);
  }
}

void strlen(Call& call) {
  const Entry* entry = call.look(call.keys()[0]);
  if (call.refuse_unless(entry, ValueType::string)) return;
  call.reply.unsigned_integer(entry != nullptr ? entry->string().size() : 0);
}

// The part from `start` to `end`, both included; negative ones count from the end.
std::string_view range_of(std::string_view text, std::int64_t start, std::int64_t end) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (start < 0 && end < 0 && start > end) return {};
  if (start < 0) start = std::max<std::int64_t>(start + size, 0);
  if (end < 0) end = std::max<std::int64_t>(end + size, 0);
  end = std::min(end, size - 1);
  if (start > end) return {};
  return text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start + 1));
}

void getrange(Call& call) {
  Args args = call.args();
  const Key key = args.key();
  const std::int64_t start = args.integer();
  const std::int64_t end = args.integer();
  if (!args.done()) return call.refuse(args.error());
  const Entry* entry = call.look(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  call.reply.bulk(entry != nullptr ? range_of(entry->string(), start, end) : std::string_view{});
}

// --- replacing ---

// The key holds a string from now on, and that is the event. A time that has passed already ends it
// at once.
void put(Call& call, const Key& key, std::string_view value, Time deadline, bool expires) {
  call.tx().put_string(key, value, deadline);
  call.event(KeyEventClass::string, "set", key);
  if (!expires) return;
  call.event(KeyEventClass::generic, "expire", key);
  if (deadline <= call.now) call.event(KeyEventClass::expired, "expired", key);
}

struct SetOptions {
  bool only_new = false;
  bool only_existing = false;
  bool get = false;
  Condition condition;
  Expiry expiry;
};

// Takes one of NX, XX and the conditions on the value; they exclude one another.
bool take_condition(Args& args, SetOptions& options) {
  if (!options.only_existing && !options.condition && args.option("NX")) {
    return options.only_new = true;
  }
  if (options.only_new) return false;
  if (!options.condition && args.option("XX")) return options.only_existing = true;
  return !options.only_existing && options.condition.take(args);
}

bool allowed(const SetOptions& options, const Entry* old) {
  if (options.condition) return options.condition.met_by(old);
  return old != nullptr ? !options.only_new : !options.only_existing;
}

void set_with_options(Call& call) {
  Args args = call.args();
  const Key key = args.key();
  const std::string_view value = args.word();
  SetOptions options;
  while (!args.empty()) {
    if (take_condition(args, options)) continue;
    if (args.option("GET")) {
      options.get = true;
    } else if (!args.expiry(options.expiry, ExpiryWords::keepttl)) {
      break;
    }
  }
  if (!args.done()) return call.refuse(args.error());

  const Entry* old = options.get ? call.look(key) : call.look_to_change(key);
  if ((options.get || options.condition) && call.refuse_unless(old, ValueType::string)) return;
  if (options.get) reply_string(call, old);
  if (!allowed(options, old)) {
    if (!options.get) call.reply.null();
    return;
  }
  const bool keep = options.expiry.kind == Expiry::Kind::keep;
  put(call, key, value, keep ? deadline_of(old) : options.expiry.at,
      options.expiry.kind == Expiry::Kind::at);
  if (!options.get) call.reply.ok();
}

void set(Call& call) {
  if (call.words().size() > 3) return set_with_options(call);
  put(call, call.keys()[0], call.words()[2], kNever, false);
  call.reply.ok();
}

void setnx(Call& call) {
  const Key& key = call.keys()[0];
  const bool absent = call.look_to_change(key) == nullptr;
  if (absent) put(call, key, call.words()[2], kNever, false);
  call.reply.integer(absent ? 1 : 0);
}

void set_until(Call& call, Millis unit) {
  Args args = call.args();
  const Key key = args.key();
  const Time deadline = args.deadline(args.word(), unit, false, true);
  const std::string_view value = args.word();
  if (!args.done()) return call.refuse(args.error());
  put(call, key, value, deadline, true);
  call.reply.ok();
}
void setex(Call& call) { set_until(call, 1000ms); }
void psetex(Call& call) { set_until(call, 1ms); }

void put_pairs(Call& call) {
  for (std::size_t i = 0; i < call.keys().size(); ++i) {
    put(call, call.keys()[i], call.words()[2 * i + 2], kNever, false);
  }
}

void mset(Call& call) {
  if (call.words().size() % 2 == 0) return call.refuse_arity();
  put_pairs(call);
  call.reply.ok();
}

void msetnx(Call& call) {
  if (call.words().size() % 2 == 0) return call.refuse_arity();
  const bool all_new = std::none_of(call.keys().begin(), call.keys().end(), [&](const Key& key) {
    return call.look_to_change(key) != nullptr;
  });
  if (all_new) put_pairs(call);
  call.reply.integer(all_new ? 1 : 0);
}

// --- reading and changing ---

void getset(Call& call) {
  const Key& key = call.keys()[0];
  const Entry* entry = call.look(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  reply_string(call, entry);
  put(call, key, call.words()[2], kNever, false);
}

void getdel(Call& call) {
  const Key& key = call.keys()[0];
  const Entry* entry = call.look(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  reply_string(call, entry);
  if (entry == nullptr) return;
  call.tx().erase(key);
  call.event(KeyEventClass::generic, "del", key);
}

void getex(Call& call) {
  Args args = call.args();
  const Key key = args.key();
  Expiry expiry;
  while (args.expiry(expiry, ExpiryWords::persist)) {
  }
  if (!args.complete()) return call.refuse(args.error());
  const Entry* entry = call.look(key);
  if (entry == nullptr) return call.reply.null();
  if (call.refuse_unless(entry, ValueType::string)) return;
  // Redis judges the time only once it has found a string.
  if (!args.done()) return call.refuse(args.error());
  reply_string(call, entry);
  if (expiry.kind == Expiry::Kind::at) {
    call.tx().set_deadline(key, expiry.at);
    call.event(KeyEventClass::generic, expiry.at <= call.now ? "del" : "expire", key);
  } else if (expiry.kind == Expiry::Kind::persist && entry->has_deadline()) {
    call.tx().set_deadline(key, kNever);
    call.event(KeyEventClass::generic, "persist", key);
  }
}

void append(Call& call) {
  const Key& key = call.keys()[0];
  const std::string_view more = call.words()[2];
  const Entry* entry = call.look_to_change(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  if (entry == nullptr) {
    call.tx().put_string(key, more, kNever);
    call.event(KeyEventClass::string, "append", key);
    return call.reply.unsigned_integer(more.size());
  }
  const std::string_view old = entry->string();
  if (refuse_length(call, old.size(), more.size())) return;
  std::string joined;
  joined.reserve(old.size() + more.size());
  joined.append(old).append(more);
  const std::size_t size = joined.size();
  call.tx().put_string(key, call.keep(std::move(joined)), entry->deadline(), StringForm::built);
  call.event(KeyEventClass::string, "append", key);
  call.reply.unsigned_integer(size);
}

void setrange(Call& call) {
  Args args = call.args();
  const Key key = args.key();
  const std::int64_t offset = args.integer();
  const std::string_view part = args.word();
  if (!args.failed() && offset < 0) args.fail("ERR offset is out of range");
  if (!args.done()) return call.refuse(args.error());
  const Entry* entry = call.look_to_change(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  const std::string_view old = entry != nullptr ? entry->string() : std::string_view{};
  if (part.empty()) return call.reply.unsigned_integer(old.size());
  const auto begin = static_cast<std::uint64_t>(offset);
  if (refuse_length(call, begin, part.size())) return;
  std::string changed(old);
  changed.resize(std::max<std::size_t>(old.size(), begin + part.size()));
  changed.replace(begin, part.size(), part);
  const std::size_t size = changed.size();
  call.tx().put_string(key, call.keep(std::move(changed)), deadline_of(entry), StringForm::built);
  call.event(KeyEventClass::string, "setrange", key);
  call.reply.unsigned_integer(size);
}

// --- counting ---

void add(Call& call, std::int64_t by) {
  const Key& key = call.keys()[0];
  const Entry* entry = call.look_to_change(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  std::int64_t value = 0;
  if (entry != nullptr) {
    const std::optional<std::int64_t> old = parse_integer(entry->string());
    if (!old) return call.refuse(kNotAnInteger);
    value = *old;
  }
  if (__builtin_add_overflow(value, by, &value)) return call.refuse(kWouldOverflow);
  call.tx().put_string(key, call.keep(std::to_string(value)), deadline_of(entry));
  call.event(KeyEventClass::string, "incrby", key);
  call.reply.integer(value);
}

void incr(Call& call) { add(call, 1); }
void decr(Call& call) { add(call, -1); }

void incrby(Call& call) {
  const std::optional<std::int64_t> by = parse_integer(call.words()[2]);
  if (!by) return call.refuse(kNotAnInteger);
  add(call, *by);
}

void decrby(Call& call) {
  const std::optional<std::int64_t> by = parse_integer(call.words()[2]);
  if (!by) return call.refuse(kNotAnInteger);
  if (*by == std::numeric_limits<std::int64_t>::min()) {
    return call.refuse("ERR decrement would overflow");
  }
  add(call, -*by);
}

void incrbyfloat(Call& call) {
  const Key& key = call.keys()[0];
  const Entry* entry = call.look_to_change(key);
  if (call.refuse_unless(entry, ValueType::string)) return;
  const auto old = entry != nullptr ? parse_real(entry->string()) : std::optional(0.0L);
  const auto by = parse_real(call.words()[2]);
  if (!old || !by) return call.refuse(kNotAFloat);
  const long double value = *old + *by;
  if (!std::isfinite(value)) return call.refuse(kWouldBeNanOrInf);
  const std::string_view digits = call.keep(format_real(value));
  call.tx().put_string(key, digits, deadline_of(entry), StringForm::bytes);
  call.event(KeyEventClass::string, "incrbyfloat", key);
  call.reply.bulk(digits);
}

// clang-format off
constexpr Command kStringCommands[] = {
    {.name = "get", .arity = exactly(2), .flags = kReadOnly | kFast, .keys = one_key(kRO | kAccess),
     .group = Group::string, .run = get, .since = "1.0.0", .complexity = "O(1)", .syntax = "key",
     .summary = "Returns the string a key holds."},
    {.name = "set", .arity = at_least(3), .flags = kWrite | kDenyOom | kKeysOnly,
     .keys = noted("RW and ACCESS only with GET or a condition on the value",
                   one_key_unless("GET IFEQ IFNE IFDEQ IFDNE", kOW | kUpdate, kRW | kAccess | kUpdate)),
     .group = Group::string, .run = set, .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key value [NX | XX | IFEQ ifeq-value@8.4.0 | IFNE ifne-value@8.4.0 "
               "| IFDEQ ifdeq-digest@8.4.0 | IFDNE ifdne-digest@8.4.0]@2.6.12 [GET]@6.2.0 "
               "[EX seconds@2.6.12 | PX milliseconds@2.6.12 | EXAT unix-time-seconds@6.2.0 "
               "| PXAT unix-time-milliseconds@6.2.0 | KEEPTTL@6.0.0]",
     .summary = "Makes a key hold a string, whatever it held, with a deadline if one is given."},
    {.name = "setnx", .arity = exactly(3), .flags = kWrite | kDenyOom | kFast | kKeysOnly,
     .keys = one_key(kOW | kInsert), .group = Group::string, .run = setnx, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "key value",
     .summary = "Makes a key hold a string unless the key exists."},
    {.name = "setex", .arity = exactly(4), .flags = kWrite | kDenyOom | kKeysOnly,
     .keys = one_key(kOW | kUpdate),
     .group = Group::string, .run = setex, .since = "2.0.0", .complexity = "O(1)",
     .syntax = "key seconds value",
     .summary = "Makes a key hold a string for a number of seconds."},
    {.name = "psetex", .arity = exactly(4), .flags = kWrite | kDenyOom | kKeysOnly,
     .keys = one_key(kOW | kUpdate),
     .group = Group::string, .run = psetex, .since = "2.6.0", .complexity = "O(1)",
     .syntax = "key milliseconds value",
     .summary = "Makes a key hold a string for a number of milliseconds."},
    {.name = "getset", .arity = exactly(3), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::string, .run = getset, .since = "1.0.0",
     .deprecated = {"6.2.0", "`SET` with the `!GET` argument"},
     .complexity = "O(1)", .syntax = "key value",
     .summary = "Makes a key hold a string without a deadline and returns the one it held."},
    {.name = "getdel", .arity = exactly(2), .flags = kWrite | kFast,
     .keys = one_key(kRW | kAccess | kDelete),
     .group = Group::string, .run = getdel, .since = "6.2.0",
     .complexity = "O(1)", .syntax = "key",
     .summary = "Returns the string a key holds and deletes the key."},
    {.name = "getex", .arity = at_least(2), .flags = kWrite | kFast,
     .keys = noted("RW and UPDATE since it may move the deadline",
                   one_key(kRW | kAccess | kUpdate)),
     .group = Group::string, .run = getex, .since = "6.2.0",
     .complexity = "O(1)",
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | PERSIST]",
     .summary = "Returns the string a key holds and sets, moves or removes its deadline."},
    {.name = "mget", .arity = at_least(2), .flags = kReadOnly | kFast, .spread = {"multi_shard"},
     .keys = all_keys(kRO | kAccess),
     .group = Group::string, .run = mget, .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys", .syntax = "key [key ...]",
     .summary = "Returns the strings of several keys as they stand at one moment."},
    {.name = "mset", .arity = at_least(3), .flags = kWrite | kDenyOom | kKeysOnly,
     .spread = {"multi_shard", "all_succeeded"},
     .keys = every_second_key(kOW | kUpdate), .group = Group::string, .run = mset, .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys", .syntax = "key value [key value ...]",
     .summary = "Makes several keys hold strings, all at once."},
    {.name = "msetnx", .arity = at_least(3), .flags = kWrite | kDenyOom | kKeysOnly,
     .spread = {"multi_shard", "agg_min"},
     .keys = every_second_key(kOW | kInsert),
     .group = Group::string, .run = msetnx, .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys", .syntax = "key value [key value ...]",
     .summary = "Makes several keys hold strings, all at once, unless one of them exists."},
    {.name = "append", .arity = exactly(3), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kInsert), .group = Group::string, .run = append, .since = "2.0.0",
     .complexity = "O(N) where N is the length of the string that results", .syntax = "key value",
     .summary = "Adds to the end of a string, making the key if there is none."},
    {.name = "strlen", .arity = exactly(2), .flags = kReadOnly | kFast, .keys = one_key(kRO),
     .group = Group::string, .run = strlen, .since = "2.2.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns how many bytes the string of a key has."},
    {.name = "getrange", .arity = exactly(4), .flags = kReadOnly, .keys = one_key(kRO | kAccess),
     .group = Group::string, .run = getrange, .since = "2.4.0",
     .complexity = "O(N) where N is the length of the part", .syntax = "key start end",
     .summary = "Returns a part of the string a key holds."},
    {.name = "substr", .arity = exactly(4), .flags = kReadOnly, .keys = one_key(kRO | kAccess),
     .group = Group::string, .run = getrange, .since = "1.0.0",
     .deprecated = {"2.0.0", "`GETRANGE`"},
     .complexity = "O(N) where N is the length of the part", .syntax = "key start end",
     .summary = "Returns a part of the string a key holds; the old name of GETRANGE."},
    {.name = "setrange", .arity = exactly(4), .flags = kWrite | kDenyOom,
     .keys = one_key(kRW | kUpdate), .group = Group::string, .run = setrange, .since = "2.2.0",
     .complexity = "O(N) where N is the length of the string that results",
     .syntax = "key offset value",
     .summary = "Overwrites a part of a string, padding it with zero bytes if it is too short."},
    {.name = "incr", .arity = exactly(2), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::string, .run = incr, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "key",
     .summary = "Adds one to the integer a key holds; a key that is not there counts as 0."},
    {.name = "decr", .arity = exactly(2), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::string, .run = decr, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "key",
     .summary = "Takes one from the integer a key holds; a key that is not there counts as 0."},
    {.name = "incrby", .arity = exactly(3), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::string, .run = incrby, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "key increment",
     .summary = "Adds to the integer a key holds; a key that is not there counts as 0."},
    {.name = "decrby", .arity = exactly(3), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::string, .run = decrby, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "key decrement",
     .summary = "Takes from the integer a key holds; a key that is not there counts as 0."},
    {.name = "incrbyfloat", .arity = exactly(3), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kAccess | kUpdate),
     .group = Group::string, .run = incrbyfloat, .since = "2.6.0",
     .complexity = "O(1)", .syntax = "key increment:double",
     .summary = "Adds to the number a key holds; a key that is not there counts as 0."},
};
// clang-format on
static_assert(well_formed(kStringCommands));

}  // namespace

std::span<const Command> string_commands() { return kStringCommands; }

}  // namespace sojourn::server
