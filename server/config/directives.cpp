#include "server/config/directives.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "server/base/numbers.h"
#include "server/config/words.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kSlipBytesMax = 64;  // a longer word is no slip of a finger

// How many single letters must be changed, added or removed to make one word of the other; or
// `enough` as soon as it is clear that it is no less. `word` has up to kSlipBytesMax bytes.
std::size_t edit_distance(std::string_view word, std::string_view name, std::size_t enough) {
  const auto [shorter, longer] = std::minmax({word.size(), name.size()});
  if (longer - shorter >= enough) return enough;
  std::array<std::size_t, kSlipBytesMax + 1> row;
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 0; i < name.size(); ++i) {
    std::size_t diagonal = row[0];
    std::size_t least = row[0] = i + 1;
    for (std::size_t j = 0; j < word.size(); ++j) {
      const std::size_t replaced = diagonal + (name[i] == word[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
      least = std::min(least, row[j + 1]);
    }
    if (least >= enough) return enough;
  }
  return row[word.size()];
}

void keep(const Directive& directive, std::string text, Origin origin, Settings& settings) {
  std::string& kept = settings.without_meaning[std::string(directive.name)];
  const bool adds = directive.has(kAdds) && origin == Origin::line;
  kept = adds && !kept.empty() && !text.empty() ? kept + ' ' + text : std::move(text);
}

// The value in the words a file or CONFIG SET would give.
ConfigWords value_words(const Directive& directive, const Settings& settings) {
  if (!directive.kind.takes_many()) return {print_directive(directive, settings)};
  if (!directive.without_meaning()) return std::get<ConfigWords>(directive.get(settings));
  return split_words(print_directive(directive, settings)).value_or(ConfigWords{});
}

}  // namespace

const std::vector<const Directive*>& all_directives() {
  static const std::vector<const Directive*> all = [] {
    std::vector<const Directive*> rows;
    for (const Directive& row : effective_directives()) rows.push_back(&row);
    for (const Directive& row : kept_directives()) rows.push_back(&row);
    return rows;
  }();
  return all;
}

const Directive* find_directive(std::string_view name) {
  for (const Directive* row : all_directives()) {
    if (equal_any_case(row->name, name)) return row;
    if (!row->old_name.empty() && equal_any_case(row->old_name, name)) return row;
  }
  return nullptr;
}

const Directive* similar_directive(std::string_view name) {
  if (name.size() > kSlipBytesMax) return nullptr;
  const std::string lowered = lower_case(name);
  const Directive* best = nullptr;
  std::size_t least = name.size() <= 4 ? 3 : 4;  // more than this is another word
  for (const Directive* row : all_directives()) {
    const std::size_t distance = edit_distance(lowered, row->name, least);
    if (distance < least) {
      least = distance;
      best = row;
    }
  }
  return best;
}

Result<void> apply_directive(const Directive& directive, ConfigWords words, Origin origin,
                             Settings& settings) {
  if (directive.kind.takes_many() && words.size() == 1 && !words.front().empty()) {
    // One word may hold several: CONFIG SET has no other way, and `--save "60 1"` is usual.
    auto split = split_words(words.front());
    if (split && !split->empty()) words = std::move(*split);
  }
  const auto value = parse_value(directive.kind, std::move(words));
  if (!value) return value.error();
  if (!directive.without_meaning()) {
    directive.put(settings, *value);
    return {};
  }
  std::string text = print_value(directive.kind, *value);
  if (directive.refused && text != directive.standard) {
    return Error{Errc::invalid_argument, std::string(directive.summary)};
  }
  keep(directive, std::move(text), origin, settings);
  return {};
}

std::string print_directive(const Directive& directive, const Settings& settings) {
  if (!directive.without_meaning()) return print_value(directive.kind, directive.get(settings));
  const auto kept = settings.without_meaning.find(directive.name);
  return kept != settings.without_meaning.end() ? kept->second : std::string(directive.standard);
}

std::string directive_line(const Directive& directive, const Settings& settings) {
  const ConfigWords words = value_words(directive, settings);
  std::string line(directive.name);
  if (words.empty()) line += " \"\"";
  for (const std::string& word : words) line += ' ' + quote_word(word);
  return line;
}

}  // namespace sojourn::server
