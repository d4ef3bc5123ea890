// Commands of Redis 8.0 that read, set or take out fields of a hash and move their deadlines, or do
// both at once.

#include <fmt/format.h>

#include <limits>

#include "server/base/numbers.h"
#include "server/cache/hash_view.h"
#include "server/commands/call.h"
#include "server/commands/field_words.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

std::optional<std::string_view> value_of(const Entry* hash, std::string_view field) {
  return hash != nullptr ? HashView(*hash).get(field) : std::nullopt;
}

void reply_value(Call& call, const std::optional<std::string_view>& value) {
  value ? call.reply.bulk(*value) : call.reply.null();
}

// --- HGETEX ---

// What is to become of the deadlines of the fields read: nothing; they go (kNever), or are this.
struct Renewal {
  std::optional<Time> deadline;
  std::size_t words = 0;  // that say so
};

// Nothing, and refused, when the time is none.
std::optional<Renewal> renewal(Call& call) {
  const protocol::Words words = call.words();
  if (equal_any_case(words[2], "PERSIST")) return Renewal{kNever, 1};
  const FieldExpiryWord* const until = field_expiry_word(words[2]);
  if (until == nullptr) return Renewal{};
  const auto deadline = field_deadline(call, words[3], until->unit, until->absolute);
  if (!deadline) return std::nullopt;
  return Renewal{deadline, 2};
}

void hgetex(Call& call) {
  const Key& key = call.keys()[0];
  if (call.refuse_unless(call.look_to_change(key), ValueType::hash)) return;
  const auto renewed = renewal(call);
  if (!renewed) return;
  const auto fields = fields_from(call, 2 + renewed->words);
  if (!fields) return;
  bool moved = false;
  call.reply.array(fields->size());
  for (const std::string_view field : *fields) {
    const Entry* const hash = call.tx().peek(key);
    const auto value = value_of(hash, field);
    reply_value(call, value);
    if (!value || !renewed->deadline) continue;
    if (*renewed->deadline == kNever && HashView(*hash).deadline(field) == kNever) continue;
    call.tx().set_field_deadline(key, field, *renewed->deadline);
    moved = true;
  }
  if (moved) event_of_field_deadline(call, key, *renewed->deadline);
}

// --- HGETDEL ---

void hgetdel(Call& call) {
  const Key& key = call.keys()[0];
  if (call.refuse_unless(call.look_to_change(key), ValueType::hash)) return;
  const auto fields = fields_from(call, 2);
  if (!fields) return;
  bool taken = false;
  call.reply.array(fields->size());
  for (const std::string_view field : *fields) {
    const auto value = value_of(call.tx().peek(key), field);
    reply_value(call, value);
    if (value) taken |= call.tx().erase_field(key, field);
  }
  if (taken) call.event_taken_out(KeyEventClass::hash, "hdel", key);
}

// --- HSETEX ---

// "[FNX | FXX] [EX ... | KEEPTTL] FIELDS numfields field value [field value ...]": options in any
// order, the first error of the words counts, and is answered.
class SetWords {
 public:
  explicit SetWords(Call& call) : call_(call), words_(call.words()) {}

  // False when it was refused.
  bool read() {
    while (next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      if (equal_any_case(word, "FIELDS")) return take_fields();
      if (!take_option(word)) return false;
    }
    call_.refuse_arity();
    return false;
  }

  bool only_new() const { return only_new_; }
  bool only_existing() const { return only_existing_; }
  bool keeps_deadlines() const { return keep_ || deadline_; }
  const std::optional<Time>& deadline() const { return deadline_; }
  // Fields and values in turn.
  protocol::Words pairs() const { return pairs_; }

 private:
  bool refuse(std::string_view error) {
    call_.refuse(error);
    return false;
  }

  bool take_option(std::string_view word) {
    const FieldExpiryWord* const until = field_expiry_word(word);
    if (until != nullptr || equal_any_case(word, "KEEPTTL")) return take_expiry(until);
    const bool only_new = equal_any_case(word, "FNX");
    if (!only_new && !equal_any_case(word, "FXX")) {
      return refuse(fmt::format("ERR unknown argument: {}", word));
    }
    if (only_new_ || only_existing_) {
      return refuse("ERR Only one of FXX or FNX arguments can be specified");
    }
    (only_new ? only_new_ : only_existing_) = true;
    return true;
  }

  // Null for KEEPTTL.
  bool take_expiry(const FieldExpiryWord* until) {
    if (keeps_deadlines()) {
      return refuse("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
    }
    if (until == nullptr) return keep_ = true;
    if (next_ >= words_.size()) return refuse("ERR missing expire time");
    deadline_ = field_deadline(call_, words_[next_++], until->unit, until->absolute);
    return deadline_.has_value();
  }

  bool take_fields() {
    if (words_.size() - next_ < 3) return refuse_arity();
    const auto count = parse_integer(words_[next_]);
    if (!count || *count < 1 || *count > std::numeric_limits<int>::max()) {
      return refuse("ERR invalid number of fields");
    }
    pairs_ = words_.subspan(next_ + 1);
    return pairs_.size() == 2 * static_cast<std::size_t>(*count) || refuse_arity();
  }
  bool refuse_arity() {
    call_.refuse_arity();
    return false;
  }

  Call& call_;
  const protocol::Words words_;
  std::size_t next_ = 2;
  bool only_new_ = false;
  bool only_existing_ = false;
  bool keep_ = false;
  std::optional<Time> deadline_;
  protocol::Words pairs_;
};

// FNX: none of the fields is there. FXX: all are.
bool allowed(const SetWords& words, const Entry* hash) {
  for (std::size_t i = 0; i < words.pairs().size(); i += 2) {
    const bool there = value_of(hash, words.pairs()[i]).has_value();
    if (there ? words.only_new() : words.only_existing()) return false;
  }
  return true;
}

// A field may be named twice, and be gone by then.
void move_deadlines(Call& call, const Key& key, protocol::Words pairs, Time deadline) {
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    if (!value_of(call.tx().peek(key), pairs[i])) continue;
    call.tx().set_field_deadline(key, pairs[i], deadline);
  }
}

void hsetex(Call& call) {
  SetWords words(call);
  if (!words.read()) return;
  const Key& key = call.keys()[0];
  const Entry* const hash = call.look_to_change(key);
  if (call.refuse_unless(hash, ValueType::hash)) return;
  if (!allowed(words, hash)) return call.reply.integer(0);
  using FieldDeadline = Transaction::FieldDeadline;
  const auto old_one = words.keeps_deadlines() ? FieldDeadline::kept : FieldDeadline::dropped;
  const protocol::Words pairs = words.pairs();
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    call.tx().put_field(key, pairs[i], pairs[i + 1], old_one);
  }
  call.event(KeyEventClass::hash, "hset", key);
  if (words.deadline()) {
    move_deadlines(call, key, pairs, *words.deadline());
    event_of_field_deadline(call, key, *words.deadline());
  }
  call.reply.integer(1);
}

constexpr std::string_view kPerField = "O(N) where N is the number of fields given";

// clang-format off
constexpr Command kTimedFieldCommands[] = {
    {.name = "hgetex", .arity = at_least(5), .flags = kWrite | kFast,
     .keys = noted("RW and UPDATE because it changes the TTL", one_key(kRW | kAccess | kUpdate)),
     .group = Group::hash, .run = hgetex, .since = "8.0.0", .complexity = kPerField,
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | PERSIST] <FIELDS numfields field [field ...]>",
     .summary = "Returns the values of fields and sets, moves or removes their deadlines."},
    {.name = "hsetex", .arity = at_least(6), .flags = kWrite | kDenyOom | kFast,
     .keys = one_key(kRW | kUpdate), .group = Group::hash, .run = hsetex, .since = "8.0.0",
     .complexity = kPerField,
     .syntax = "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | KEEPTTL] "
               "<FIELDS numfields field value [field value ...]>",
     .summary = "Sets fields of a hash together with their deadlines; 0 if a condition forbids it."},
    {.name = "hgetdel", .arity = at_least(5), .flags = kWrite | kFast,
     .keys = one_key(kRW | kAccess | kDelete), .group = Group::hash, .run = hgetdel,
     .since = "8.0.0", .complexity = kPerField,
     .syntax = "key <FIELDS numfields field [field ...]>",
     .summary = "Returns the values of fields and removes them, and the key with the last one."},
};
// clang-format on
static_assert(well_formed(kTimedFieldCommands));

}  // namespace

std::span<const Command> timed_field_commands() { return kTimedFieldCommands; }

}  // namespace sojourn::server
