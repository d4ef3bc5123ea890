#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "server/base/check.h"
#include "server/config/directives.h"

// How rows of effective_directives() are bound to the fields of Settings; checked when compiled.
namespace sojourn::server {

inline constexpr std::int64_t kIntMax = std::numeric_limits<int>::max();
inline constexpr std::int64_t kLongMax = std::numeric_limits<std::int64_t>::max();

consteval Kind yes_no() { return {.type = Kind::Type::yes_no}; }
consteval Kind number(std::int64_t min, std::int64_t max) {
  return {.type = Kind::Type::number, .min = min, .max = max};
}
consteval Kind memory(std::int64_t min = 0) { return {.type = Kind::Type::memory, .min = min}; }
consteval Kind octal(std::int64_t max) { return {.type = Kind::Type::octal, .max = max}; }
consteval Kind text(Kind::Check check = nullptr) {
  return {.type = Kind::Type::text, .check = check};
}
consteval Kind words(Kind::Check check = nullptr) {
  return {.type = Kind::Type::words, .check = check};
}
constexpr Kind choice(std::span<const std::string_view> names) {
  return {.type = Kind::Type::choice, .choices = names};
}

// An enumeration's values and their names, in the order of Redis's error text.
template <class E, std::size_t N>
struct Names {
  std::array<std::string_view, N> names;
  std::array<E, N> values;
};

template <class T>
inline constexpr bool kIsDuration = false;
template <class R, class P>
inline constexpr bool kIsDuration<std::chrono::duration<R, P>> = true;

template <class S, class T>
T member_type(T S::*);

// A field that holds its value as it is, or as a number or duration of another width.
template <auto Member>
struct Field {
  using Type = decltype(member_type(Member));

  static Value get(const Settings& settings) {
    const Type& field = settings.*Member;
    if constexpr (kIsDuration<Type>) {
      return static_cast<std::int64_t>(field.count());
    } else if constexpr (std::integral<Type> && !std::same_as<Type, bool>) {
      return static_cast<std::int64_t>(field);
    } else {
      return field;
    }
  }
  static void put(Settings& settings, const Value& value) {
    if constexpr (kIsDuration<Type>) {
      settings.*Member = Type(std::get<std::int64_t>(value));
    } else if constexpr (std::integral<Type> && !std::same_as<Type, bool>) {
      settings.*Member = static_cast<Type>(std::get<std::int64_t>(value));
    } else {
      settings.*Member = std::get<Type>(value);
    }
  }
  static constexpr bool fits(const Kind& kind) {
    using enum Kind::Type;
    if constexpr (std::same_as<Type, bool>) {
      return kind.type == yes_no;
    } else if constexpr (std::same_as<Type, std::string>) {
      return kind.type == text || kind.type == choice || kind.type == memory_or_percent;
    } else if constexpr (std::same_as<Type, ConfigWords>) {
      return kind.type == words;
    } else if constexpr (kIsDuration<Type>) {
      return kind.type == number;
    } else {
      return (kind.type == number || kind.type == memory || kind.type == octal) &&
             std::in_range<Type>(kind.min) && std::in_range<Type>(kind.max);
    }
  }
};

template <auto Member, const auto& kNames>
struct EnumField {
  static Value get(const Settings& settings) {
    for (std::size_t i = 0; i < kNames.values.size(); ++i) {
      if (kNames.values[i] == settings.*Member) return std::string(kNames.names[i]);
    }
    CHECK(!"an enumerator without a name");
    return {};
  }
  static void put(Settings& settings, const Value& value) {
    for (std::size_t i = 0; i < kNames.names.size(); ++i) {
      if (kNames.names[i] == std::get<std::string>(value)) settings.*Member = kNames.values[i];
    }
  }
};

template <auto Member>
consteval Directive setting(std::string_view name, Kind kind, std::string_view summary,
                            std::uint16_t flags = 0, std::string_view old_name = {}) {
  if (!Field<Member>::fits(kind)) throw "the field cannot hold what the row's kind allows";
  return {.name = name,
          .kind = kind,
          .summary = summary,
          .flags = flags,
          .old_name = old_name,
          .get = Field<Member>::get,
          .put = Field<Member>::put};
}

template <auto Member, const auto& kNames>
consteval Directive setting_of(std::string_view name, std::string_view summary,
                               std::uint16_t flags = 0) {
  return {.name = name,
          .kind = choice(kNames.names),
          .summary = summary,
          .flags = flags,
          .get = EnumField<Member, kNames>::get,
          .put = EnumField<Member, kNames>::put};
}

}  // namespace sojourn::server
