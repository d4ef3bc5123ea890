#include "server/commands/field_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "server/base/numbers.h"
#include "server/commands/errors.h"

namespace sojourn::server {
namespace {

using std::chrono_literals::operator""ms;

// Redis has 46 bits for the moment at which a field ends, in milliseconds.
constexpr std::int64_t kLatestMs = (std::int64_t{1} << 46) - 1;

constexpr std::array<FieldExpiryWord, 4> kExpiryWords{{
    {"EX", 1000ms, false},
    {"PX", 1ms, false},
    {"EXAT", 1000ms, true},
    {"PXAT", 1ms, true},
}};

}  // namespace

std::optional<protocol::Words> fields_from(Call& call, std::size_t at, std::string_view no_number) {
  const protocol::Words words = call.words();
  if (at >= words.size() || !equal_any_case(words[at], "FIELDS")) {
    call.refuse("ERR Mandatory argument FIELDS is missing or not at the right position");
    return std::nullopt;
  }
  const auto count = at + 1 < words.size() ? parse_integer(words[at + 1]) : std::nullopt;
  if (!count || *count < 1) {
    call.refuse(no_number);
    return std::nullopt;
  }
  const protocol::Words fields = words.subspan(at + 2);
  if (static_cast<std::uint64_t>(*count) != fields.size()) {
    call.refuse("ERR The `numfields` parameter must match the number of arguments");
    return std::nullopt;
  }
  return fields;
}

const FieldExpiryWord* field_expiry_word(std::string_view word) {
  const auto* const found =
      std::find_if(kExpiryWords.begin(), kExpiryWords.end(),
                   [&](const FieldExpiryWord& known) { return equal_any_case(known.name, word); });
  return found != kExpiryWords.end() ? found : nullptr;
}

std::optional<Time> field_deadline(Call& call, std::string_view number, Millis unit,
                                   bool absolute) {
  const std::optional<std::int64_t> count = parse_integer(number);
  if (!count) {
    call.refuse(kNotAnInteger);
    return std::nullopt;
  }
  if (*count < 0) {
    call.refuse("ERR invalid expire time, must be >= 0");
    return std::nullopt;
  }
  const std::int64_t base = absolute ? 0 : unix_ms(call.now);
  if (*count > kLatestMs / unit.count() || *count * unit.count() > kLatestMs - base) {
    call.refuse(fmt::format("ERR invalid expire time in '{}' command", call.command.full_name));
    return std::nullopt;
  }
  return from_unix_ms(base + *count * unit.count());
}

void event_of_field_deadline(Call& call, const Key& key, Time deadline) {
  if (deadline <= call.tx().now()) {
    call.event_taken_out(KeyEventClass::hash, "hdel", key);
  } else {
    call.event(KeyEventClass::hash, deadline == kNever ? "hpersist" : "hexpire", key);
  }
}

}  // namespace sojourn::server
