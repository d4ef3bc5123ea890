#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"

namespace sojourn::server {
namespace {

using std::chrono_literals::operator""ms;

struct ExpiryOption {
  std::string_view name;
  Millis unit;
  bool absolute;
};
constexpr std::array<ExpiryOption, 4> kExpiryOptions{{
    {"EX", 1000ms, false},
    {"PX", 1ms, false},
    {"EXAT", 1000ms, true},
    {"PXAT", 1ms, true},
}};

// The moment `count` units after `base`, or nullopt when 64 bits of milliseconds cannot hold it.
std::optional<std::int64_t> moment(std::int64_t count, Millis unit, std::int64_t base) {
  std::int64_t ms = 0;
  if (__builtin_mul_overflow(count, unit.count(), &ms)) return std::nullopt;
  if (__builtin_add_overflow(ms, base, &ms)) return std::nullopt;
  return ms;
}

}  // namespace

Args::Args(Call& call, std::size_t first_word)
    : call_(call), words_(call.words()), next_(first_word) {}

std::string_view Args::peek() const { return empty() ? std::string_view{} : words_[next_]; }

std::string_view Args::word() {
  if (empty()) {
    fail(kSyntaxError);
    return {};
  }
  return words_[next_++];
}

Key Args::key() {
  CHECK(next_key_ < call_.keys().size());
  ++next_;
  return call_.keys()[next_key_++];
}

std::int64_t Args::integer() { return integer(kNotAnInteger); }

std::int64_t Args::integer(std::string_view error) {
  const std::optional<std::int64_t> value = parse_integer(word());
  if (!value) fail(error);
  return value.value_or(0);
}

std::int64_t Args::integer(std::int64_t min, std::int64_t max, std::string_view error) {
  const std::int64_t value = integer();
  if (!failed() && (value < min || value > max)) fail(error);
  return std::clamp(value, min, max);
}

long double Args::real() {
  const std::optional<long double> value = parse_real(word());
  if (!value) fail(kNotAFloat);
  return value.value_or(0);
}

double Args::number() { return number(kNotAFloat); }

double Args::number(std::string_view error) {
  const std::optional<double> value = parse_double(word());
  if (!value) fail(error);
  return value.value_or(0);
}

bool Args::option(std::string_view name) {
  if (empty() || !equal_any_case(words_[next_], name)) return false;
  ++next_;
  return true;
}

bool Args::expiry(Expiry& into, ExpiryWords words) {
  using Kind = Expiry::Kind;
  const auto flag = [&](Kind kind, std::string_view name) {
    if ((into.kind != Kind::none && into.kind != kind) || !option(name)) return false;
    into.kind = kind;
    return true;
  };
  if (words == ExpiryWords::keepttl && flag(Kind::keep, "KEEPTTL")) return true;
  if (words == ExpiryWords::persist && flag(Kind::persist, "PERSIST")) return true;
  if (left() < 2) return false;
  for (const ExpiryOption& known : kExpiryOptions) {
    // The same option may come again, and the last one counts, as in Redis.
    if (into.kind != Kind::none && pending_.option != known.name) continue;
    if (!option(known.name)) continue;
    into.kind = Kind::at;
    pending_ = {&into, known.name, word(), known.unit, known.absolute};
    return true;
  }
  return false;
}

Time Args::deadline(std::string_view number, Millis unit, bool absolute, bool must_be_positive) {
  const std::optional<std::int64_t> count = parse_integer(number);
  if (!count) {
    fail(kNotAnInteger);
    return kNever;
  }
  const std::optional<std::int64_t> at =
      must_be_positive && *count <= 0 ? std::nullopt
                                      : moment(*count, unit, absolute ? 0 : unix_ms(call_.now));
  if (!at) {
    fail(fmt::format("ERR invalid expire time in '{}' command", call_.command.full_name));
    return kNever;
  }
  // The last millisecond there is means "no deadline" here; nobody waits for the one before it.
  return std::min(from_unix_ms(*at), kNever - 1ms);
}

bool Args::complete() {
  if (!empty()) fail(kSyntaxError);
  return !failed();
}

bool Args::done() {
  if (!complete()) return false;
  if (pending_.into != nullptr) {
    pending_.into->at = deadline(pending_.number, pending_.unit, pending_.absolute, true);
  }
  return !failed();
}

}  // namespace sojourn::server
