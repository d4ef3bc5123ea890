#include "tests/support/redis_cli.h"

#include <fmt/format.h>

#include <cctype>
#include <utility>

#include "server/base/check.h"
#include "server/config/words.h"

namespace sojourn::server {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (std::isprint(static_cast<unsigned char>(c)) != 0) {
          out += c;
        } else {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
  }
  return out + "\"";
}

std::string shown(const protocol::Reply& reply, const std::string& indent);

std::string aggregate(const protocol::Reply& reply, const std::string& indent, char mark,
                      std::string_view name) {
  if (reply.elements.empty()) return fmt::format("(empty {})", name);
  const bool map = reply.type == protocol::Reply::Type::map;
  const std::size_t step = map ? 2 : 1;
  const std::size_t width = std::to_string(reply.elements.size() / step).size();
  const std::string deeper = indent + std::string(width + 2, ' ');
  std::string out;
  for (std::size_t i = 0; i < reply.elements.size(); i += step) {
    if (i != 0) out += "\n" + indent;
    out += fmt::format("{:>{}}{} ", i / step + 1, width, mark);
    out += shown(reply.elements[i], deeper);
    if (map) out += " => " + shown(reply.elements[i + 1], deeper);
  }
  return out;
}

std::string shown(const protocol::Reply& reply, const std::string& indent) {
  using Type = protocol::Reply::Type;
  switch (reply.type) {
    case Type::null:
      return "(nil)";
    case Type::simple:
    case Type::verbatim:
      return reply.text;
    case Type::error:
      return "(error) " + reply.text;
    case Type::integer:
      return fmt::format("(integer) {}", reply.integer);
    case Type::bulk:
      return quoted(reply.text);
    case Type::real:
      return fmt::format("(double) {}", reply.real);
    case Type::boolean:
      return reply.integer != 0 ? "(true)" : "(false)";
    case Type::big_number:
      return reply.text;
    case Type::array:
      return aggregate(reply, indent, ')', "array");
    case Type::map:
      return aggregate(reply, indent, '#', "hash");
    case Type::set:
      return aggregate(reply, indent, '~', "set");
    case Type::push:
      return aggregate(reply, indent, '>', "push");
  }
  return "";
}

}  // namespace

std::vector<std::string> cli_words(std::string_view line) {
  auto words = split_words(line);
  CHECK(words.has_value());
  return *std::move(words);
}

std::string show(const protocol::Reply& reply) {
  if (reply.type == protocol::Reply::Type::bulk) return reply.text;
  return shown(reply, "");
}

}  // namespace sojourn::server
