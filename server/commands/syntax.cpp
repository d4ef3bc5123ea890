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
constexpr std::array<std::pair<std::string_view, Type>, 38> kTypes{{
    {"bits", Type::integer},
    {"client-id", Type::integer},
    {"cluster_bus_port", Type::integer},
    {"config-epoch", Type::integer},
    {"count", Type::integer},
    {"cursor", Type::integer},
    {"db", Type::integer},
    {"decimal-seconds", Type::real},
    {"decrement", Type::integer},
    {"destination-db", Type::integer},
    {"end", Type::integer},
    {"end-slot", Type::integer},
    {"increment", Type::integer},
    {"index", Type::integer},
    {"index1", Type::integer},
    {"index2", Type::integer},
    {"limit", Type::integer},
    {"maxage", Type::integer},
    {"milliseconds", Type::integer},
    {"numfields", Type::integer},
    {"numkeys", Type::integer},
    {"numlocal", Type::integer},
    {"numreplicas", Type::integer},
    {"offset", Type::integer},
    {"pattern", Type::pattern},
    {"port", Type::integer},
    {"protover", Type::integer},
    {"score", Type::real},
    {"seconds", Type::integer},
    {"slot", Type::integer},
    {"start", Type::integer},
    {"start-slot", Type::integer},
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

// What stands between the words of a syntax.
constexpr std::string_view kMarks = " []<>|";
constexpr char kSince = '@';
constexpr char kDeprecated = '!';
constexpr std::string_view kDots = "...";

std::size_t end_of_word(std::string_view text) {
  return std::min(text.find_first_of(" []<>|@!"), text.size());
}

// "CH:change" is CH, called otherwise.
struct Token {
  std::string_view word;
  std::string_view name;  // "" for its own
};
Token token_of(std::string_view word) {
  const std::size_t colon = word.find(':');
  return {word.substr(0, colon), colon < word.size() ? word.substr(colon + 1) : ""};
}
bool stands_for_itself(const Token& token) {
  return std::none_of(token.word.begin(), token.word.end(),
                      [](char c) { return c >= 'a' && c <= 'z'; });
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
        take_versions(arguments.back());
        arguments.back().multiple = take_dots();
      } else if (const std::string_view next = word(); next == kDots) {
        CHECK(!arguments.empty());
        repeats_ = true;
      } else {
        arguments.push_back(value(next));
        take_versions(arguments.back());
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
    take_versions(argument);
    before.push_back(std::move(argument));
  }

  // "a b [a b ...]": what is inside stands before it too.
  static void repeat(Arguments& before, const Arguments& inside) {
    CHECK(inside.size() <= before.size());
    const auto first = before.end() - static_cast<std::ptrdiff_t>(inside.size());
    CHECK(same_names(inside, first));
    Argument repeated =
        as_one(joined({std::make_move_iterator(first), std::make_move_iterator(before.end())}));
    repeated.multiple = true;
    repeated.multiple_token = !repeated.token.empty();
    before.erase(first, before.end());
    before.push_back(std::move(repeated));
  }

  Argument value(std::string_view word) {
    const int position = position_++;
    if (const Token token = token_of(word); stands_for_itself(token)) {
      std::string name = token.name.empty() ? lower_case(token.word) : std::string(token.name);
      return {.type = Type::pure_token, .name = std::move(name), .token = token.word};
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
    const std::string_view word = rest_.substr(0, end_of_word(rest_));
    CHECK(!word.empty());
    rest_.remove_prefix(word.size());
    return word;
  }
  void take_versions(Argument& argument) {
    argument.since = version_behind(kSince, argument.since);
    argument.deprecated_since = version_behind(kDeprecated, argument.deprecated_since);
  }
  std::string_view version_behind(char mark, std::string_view otherwise) {
    if (!rest_.starts_with(mark)) return otherwise;
    rest_.remove_prefix(1);
    return word();
  }
  bool take_dots() {
    skip_spaces();
    if (!rest_.starts_with(kDots)) return false;
    rest_.remove_prefix(kDots.size());
    return true;
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

std::string usage_of(const Command& row) {
  std::string usage;
  std::string_view rest = row.syntax;
  while (!rest.empty()) {
    std::string_view word = rest.substr(0, end_of_word(rest));
    const std::string_view versions =
        rest.substr(word.size(), rest.find_first_of(kMarks, word.size()) - word.size());
    rest.remove_prefix(word.size() + versions.size());
    take_type(word);
    usage += stands_for_itself(token_of(word)) ? token_of(word).word : word;
    if (rest.empty()) break;
    usage += rest.front();
    rest.remove_prefix(1);
  }
  return usage;
}

}  // namespace sojourn::server
