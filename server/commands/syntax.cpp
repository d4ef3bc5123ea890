#include "server/commands/syntax.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

using Type = Argument::Type;
using Arguments = std::vector<Argument>;

// What values are called that are not just strings.
constexpr std::array<std::pair<std::string_view, Type>, 30> kTypes{{
    {"client-id", Type::integer},
    {"count", Type::integer},
    {"cursor", Type::integer},
    {"db", Type::integer},
    {"decimal-seconds", Type::real},
    {"decrement", Type::integer},
    {"destination-db", Type::integer},
    {"end", Type::integer},
    {"increment", Type::integer},
    {"index", Type::integer},
    {"index1", Type::integer},
    {"index2", Type::integer},
    {"limit", Type::integer},
    {"milliseconds", Type::integer},
    {"numfields", Type::integer},
    {"numkeys", Type::integer},
    {"numlocal", Type::integer},
    {"numreplicas", Type::integer},
    {"offset", Type::integer},
    {"pattern", Type::pattern},
    {"protover", Type::integer},
    {"score", Type::real},
    {"seconds", Type::integer},
    {"start", Type::integer},
    {"stop", Type::integer},
    {"timeout", Type::integer},
    {"unix-time-milliseconds", Type::unix_time},
    {"unix-time-seconds", Type::unix_time},
    {"version", Type::integer},
    {"weight", Type::integer},
}};

Type type_named(std::string_view name) {
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                         [&](const auto& entry) { return entry.first == name; });
  return found != kTypes.end() ? found->second : Type::string;
}

// The kind that a word says after a colon, which it loses then ("ip:port" says none).
Type take_type(std::string_view& word) {
  for (const auto& [kind, type] : {std::pair(std::string_view(":double"), Type::real),
                                   std::pair(std::string_view(":string"), Type::string)}) {
    if (!word.ends_with(kind)) continue;
    word.remove_suffix(kind.size());
    return type;
  }
  return type_named(word);
}

bool stands_for_itself(std::string_view word) {
  return std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

std::string lower_case(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return lower;
}

std::string joined_names(const Arguments& parts) {
  std::string name;
  for (const Argument& part : parts) name.append(name.empty() ? "" : "_").append(part.name);
  return name;
}

Argument group(Type type, Arguments parts) {
  Argument group{.type = type, .name = joined_names(parts)};
  group.parts = std::move(parts);
  return group;
}

// Several arguments as one.
Argument as_one(Arguments arguments) {
  if (arguments.size() == 1) return std::move(arguments.front());
  return group(Type::block, std::move(arguments));
}

// A token and what follows it, if nothing else stands beside them: one argument with its token.
void join_token(Arguments& arguments) {
  const bool leads = arguments.size() > 1 && arguments[0].type == Type::pure_token &&
                     !arguments[0].optional && arguments[1].token.empty() && !arguments[1].optional;
  if (!leads) return;
  const std::string_view token = arguments[0].token;
  arguments.erase(arguments.begin());
  Argument value = as_one(std::move(arguments));
  value.token = token;
  arguments.clear();
  arguments.push_back(std::move(value));
}

bool same_names(const Arguments& a, Arguments::const_iterator b) {
  return std::equal(a.begin(), a.end(), b,
                    [](const Argument& x, const Argument& y) { return x.name == y.name; });
}

// From left to right, once.
class SyntaxParser {
 public:
  explicit SyntaxParser(const Command& row)
      : row_(row), rest_(row.syntax), position_(row.name_words()) {}

  Arguments parse() {
    Arguments arguments = choice();
    CHECK(rest_.empty());
    return arguments;
  }

 private:
  // Sequences with '|' between them.
  Arguments choice() {
    Arguments first = sequence();
    if (!take('|')) return first;
    Arguments parts;
    parts.push_back(as_one(joined(std::move(first))));
    do {
      parts.push_back(as_one(joined(sequence())));
    } while (take('|'));
    Arguments one;
    one.push_back(group(Type::oneof, std::move(parts)));
    return one;
  }

  static Arguments joined(Arguments arguments) {
    join_token(arguments);
    return arguments;
  }

  // Up to '|' or the end of the group.
  Arguments sequence() {
    Arguments arguments;
    while (!at_end()) {
      if (take('[')) {
        optional(arguments);
      } else if (take('<')) {
        arguments.push_back(as_one(joined(choice())));
        CHECK(take('>'));
      } else if (const std::string_view next = word(); next == "...") {
        CHECK(!arguments.empty());
        repeats_ = true;
      } else {
        arguments.push_back(value(next));
      }
    }
    return arguments;
  }

  // What is between '[' and ']'; `before` is what stands before it.
  void optional(Arguments& before) {
    repeats_ = false;
    Arguments inside = choice();
    CHECK(take(']'));
    if (std::exchange(repeats_, false)) return repeat(before, inside);
    Argument argument = as_one(joined(std::move(inside)));
    argument.optional = true;
    before.push_back(std::move(argument));
  }

  // "a b [a b ...]": what is inside stands before it too.
  static void repeat(Arguments& before, const Arguments& inside) {
    CHECK(inside.size() <= before.size());
    const auto first = before.end() - static_cast<std::ptrdiff_t>(inside.size());
    CHECK(same_names(inside, first));
    Argument repeated =
        as_one({std::make_move_iterator(first), std::make_move_iterator(before.end())});
    repeated.multiple = true;
    before.erase(first, before.end());
    before.push_back(std::move(repeated));
  }

  Argument value(std::string_view word) {
    const int position = position_++;
    if (stands_for_itself(word)) {
      return {.type = Type::pure_token, .name = lower_case(word), .token = word};
    }
    const Type type = take_type(word);
    Argument argument{.type = type, .name = std::string(word)};
    if (is_key(position)) {
      argument.type = Type::key;
      argument.key_spec = row_.keys.use_rest != 0 && position > row_.keys.first ? 1 : 0;
    }
    return argument;
  }

  // Keys come before all that may be left out, so that words can be counted up to them.
  bool is_key(int position) const {
    const KeySpec& keys = row_.keys;
    if (keys.counted != 0 && position > keys.counted) return position == keys.counted + 1;
    if (keys.first == 0 || position < keys.first) return false;
    if (keys.last >= 0 && position > keys.last) return false;
    return (position - keys.first) % keys.step == 0;
  }

  std::string_view word() {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(" []<>|"));
    CHECK(!word.empty());
    rest_.remove_prefix(word.size());
    return word;
  }
  bool take(char c) {
    skip_spaces();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_spaces();
    return rest_.empty() || rest_[0] == '|' || rest_[0] == ']' || rest_[0] == '>';
  }
  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  const Command& row_;
  std::string_view rest_;
  int position_;  // of the next word among a request's
  bool repeats_ = false;
};

}  // namespace

std::vector<Argument> arguments_of(const Command& row) { return SyntaxParser(row).parse(); }

}  // namespace sojourn::server
