#include "sojourn/reply.h"

#include <array>

namespace sojourn {
namespace {

bool is_text(const Reply& reply) {
  return reply.type == Reply::Type::simple || reply.type == Reply::Type::bulk ||
         reply.type == Reply::Type::verbatim || reply.type == Reply::Type::big_number;
}

template <typename Number>
std::optional<Number> number_in(const Reply& reply) {
  if (!is_text(reply)) return std::nullopt;
  Number number{};
  const char* end = reply.text.data() + reply.text.size();
  const auto [stop, error] = std::from_chars(reply.text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::string_view Reply::error_code() const {
  if (!is_error()) return {};
  return std::string_view(text).substr(0, text.find(' '));
}

std::string_view to_string(Reply::Type type) {
  static constexpr std::array<std::string_view, 13> kNames{
      "null", "simple string", "error",  "integer", "bulk string", "array",          "map",
      "set",  "push",          "double", "boolean", "big number",  "verbatim string"};
  return kNames.at(static_cast<std::size_t>(type));
}

namespace detail {

Error mismatch(const Reply& reply, std::string_view wanted) {
  if (reply.is_error()) return {Errc::server_error, reply.text};
  return {Errc::wrong_type,
          "wanted " + std::string(wanted) + ", have " + std::string(to_string(reply.type))};
}

Result<std::string> From<std::string>::reply(Reply&& reply) {
  if (is_text(reply)) return std::move(reply.text);
  if (reply.type == Reply::Type::integer) return std::to_string(reply.integer);
  return mismatch(reply, "a string");
}

Result<bool> From<bool>::reply(Reply&& reply) {
  const bool numeric = reply.type == Reply::Type::integer || reply.type == Reply::Type::boolean;
  if (numeric && (reply.integer == 0 || reply.integer == 1)) return reply.integer == 1;
  return mismatch(reply, "a boolean");
}

Result<double> From<double>::reply(Reply&& reply) {
  if (reply.type == Reply::Type::real) return reply.real;
  if (reply.type == Reply::Type::integer) return static_cast<double>(reply.integer);
  if (const auto number = number_in<double>(reply)) return *number;
  return mismatch(reply, "a number");
}

Result<std::int64_t> From<std::int64_t>::reply(Reply&& reply) {
  if (reply.type == Reply::Type::integer) return reply.integer;
  if (const auto number = number_in<std::int64_t>(reply)) return *number;
  return mismatch(reply, "an integer");
}

Result<std::uint64_t> From<std::uint64_t>::reply(Reply&& reply) {
  if (reply.type == Reply::Type::integer && reply.integer >= 0) {
    return static_cast<std::uint64_t>(reply.integer);
  }
  if (const auto number = number_in<std::uint64_t>(reply)) return *number;
  return mismatch(reply, "an integer that is not negative");
}

}  // namespace detail
}  // namespace sojourn
