#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sojourn/error.h"

namespace sojourn {

// The answer to one command. A server's error is a reply like another: it fails neither the call
// nor its siblings, only as<T>() of itself.
class Reply {
 public:
  enum class Type : std::uint8_t {
    null,
    simple,
    error,
    integer,
    bulk,
    array,
    map,
    set,
    push,
    real,
    boolean,
    big_number,
    verbatim,
  };

  Type type = Type::null;
  std::string text;          // of simple, error, bulk, verbatim, big_number
  std::int64_t integer = 0;  // also a boolean's 0 or 1
  double real = 0;
  std::vector<Reply> elements;  // of an aggregate; a map's are key, value, key, value

  bool is_null() const { return type == Type::null; }
  bool is_error() const { return type == Type::error; }
  bool is_aggregate() const {
    return type == Type::array || type == Type::map || type == Type::set || type == Type::push;
  }
  // The first word of an error: "ERR", "WRONGTYPE", "NOPERM"; empty if this is none.
  std::string_view error_code() const;

  // The reply as a value:
  //   std::string         of simple, bulk, verbatim, big_number; an integer's digits
  //   integers, double    of integer, real, or a text that is such a number and in range
  //   bool                of boolean, or an integer 0 or 1
  //   std::optional<T>    nothing for null, else T
  //   std::vector<T>      of any aggregate
  //   std::map, std::unordered_map   of a map, or an array of keys and values (RESP2)
  //   std::pair<A, B>, std::tuple<...>    of an aggregate of as many elements
  //   Reply               itself, also an error
  //   void                anything that is not an error: `reply.as<void>()` asks "did it work?"
  // Fails with Errc::server_error and the server's text if this is an error, with Errc::wrong_type
  // if it is of another type.
  template <typename T>
  Result<T> as() const&;
  template <typename T>
  Result<T> as() &&;

  bool operator==(const Reply&) const = default;
};

// The answers to a request, one for each command and in their order.
using Replies = std::vector<Reply>;

std::string_view to_string(Reply::Type type);

namespace detail {

template <typename T>
struct From;  // From<T>::reply(Reply) is a Result<T>

Error mismatch(const Reply& reply, std::string_view wanted);

template <>
struct From<Reply> {
  static Result<Reply> reply(Reply&& reply) { return std::move(reply); }
};

template <>
struct From<void> {
  static Result<void> reply(Reply&& reply) {
    if (reply.is_error()) return mismatch(reply, "anything but an error");
    return {};
  }
};

template <>
struct From<std::string> {
  static Result<std::string> reply(Reply&& reply);
};

template <>
struct From<bool> {
  static Result<bool> reply(Reply&& reply);
};

template <>
struct From<double> {
  static Result<double> reply(Reply&& reply);
};

template <>
struct From<std::int64_t> {
  static Result<std::int64_t> reply(Reply&& reply);
};

template <>
struct From<std::uint64_t> {
  static Result<std::uint64_t> reply(Reply&& reply);
};

template <std::integral T>
struct From<T> {
  static Result<T> reply(Reply&& reply) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    const Result<Wide> wide = From<Wide>::reply(std::move(reply));
    if (!wide) return wide.error();
    if (!std::in_range<T>(*wide)) return Error(Errc::wrong_type, "integer out of range");
    return static_cast<T>(*wide);
  }
};

template <typename T>
struct From<std::optional<T>> {
  static Result<std::optional<T>> reply(Reply&& reply) {
    if (reply.is_null()) return std::optional<T>();
    Result<T> value = From<T>::reply(std::move(reply));
    if (!value) return std::move(value).error();
    return std::optional<T>(*std::move(value));
  }
};

template <typename T>
struct From<std::vector<T>> {
  static Result<std::vector<T>> reply(Reply&& reply) {
    if (!reply.is_aggregate()) return mismatch(reply, "an array");
    std::vector<T> values;
    values.reserve(reply.elements.size());
    for (Reply& element : reply.elements) {
      Result<T> value = From<T>::reply(std::move(element));
      if (!value) return std::move(value).error();
      values.push_back(*std::move(value));
    }
    return values;
  }
};

template <typename Map>
Result<Map> map_from(Reply&& reply) {
  if (!reply.is_aggregate() || reply.elements.size() % 2 != 0) return mismatch(reply, "a map");
  Map values;
  for (std::size_t i = 0; i < reply.elements.size(); i += 2) {
    auto key = From<typename Map::key_type>::reply(std::move(reply.elements[i]));
    if (!key) return std::move(key).error();
    auto value = From<typename Map::mapped_type>::reply(std::move(reply.elements[i + 1]));
    if (!value) return std::move(value).error();
    values.insert_or_assign(*std::move(key), *std::move(value));
  }
  return values;
}

template <typename K, typename V>
struct From<std::map<K, V>> {
  static Result<std::map<K, V>> reply(Reply&& reply) {
    return map_from<std::map<K, V>>(std::move(reply));
  }
};

template <typename K, typename V>
struct From<std::unordered_map<K, V>> {
  static Result<std::unordered_map<K, V>> reply(Reply&& reply) {
    return map_from<std::unordered_map<K, V>>(std::move(reply));
  }
};

template <typename Tuple, typename... Parts, std::size_t... Index>
Result<Tuple> tuple_from(Reply&& reply, std::index_sequence<Index...>) {
  if (!reply.is_aggregate() || reply.elements.size() != sizeof...(Parts)) {
    return mismatch(reply, "an array of as many elements as asked for");
  }
  std::tuple<Result<Parts>...> parts{From<Parts>::reply(std::move(reply.elements[Index]))...};
  std::optional<Error> failed;
  const auto note = [&failed](const auto& part) {
    if (!part && !failed) failed = part.error();
  };
  (note(std::get<Index>(parts)), ...);
  if (failed) return *failed;
  return Tuple(*std::move(std::get<Index>(parts))...);
}

template <typename... Parts>
struct From<std::tuple<Parts...>> {
  static Result<std::tuple<Parts...>> reply(Reply&& reply) {
    return tuple_from<std::tuple<Parts...>, Parts...>(std::move(reply),
                                                      std::index_sequence_for<Parts...>());
  }
};

template <typename A, typename B>
struct From<std::pair<A, B>> {
  static Result<std::pair<A, B>> reply(Reply&& reply) {
    return tuple_from<std::pair<A, B>, A, B>(std::move(reply), std::index_sequence_for<A, B>());
  }
};

}  // namespace detail

template <typename T>
Result<T> Reply::as() const& {
  return detail::From<T>::reply(Reply(*this));
}

template <typename T>
Result<T> Reply::as() && {
  return detail::From<T>::reply(std::move(*this));
}

}  // namespace sojourn
