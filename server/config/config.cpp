#include "server/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "server/base/glob.h"
#include "server/config/directives.h"
#include "server/config/notes.h"
#include "server/config/reader.h"

namespace sojourn::server {
namespace {

using Changes = std::span<const std::pair<std::string_view, std::string_view>>;

Error refusal(std::string_view name, std::string_view why) {
  return {Errc::invalid_argument,
          fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}", name, why)};
}

bool protected_allowed(const Settings& settings, bool local) {
  return settings.enable_protected_configs == ProtectedCommands::yes ||
         (settings.enable_protected_configs == ProtectedCommands::local && local);
}

// The rows of the changes, if each may be set at all.
Result<std::vector<const Directive*>> settable(Changes changes, bool may_set_protected) {
  std::vector<const Directive*> rows;
  for (const auto& [name, value] : changes) {
    const Directive* row = find_directive(name);
    if (row == nullptr || row->has(kFileOnly)) {
      return Error{
          Errc::invalid_argument,
          fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'", name)};
    }
    if (row->has(kImmutable)) return refusal(name, "can't set immutable config");
    if (row->has(kProtected) && !may_set_protected) {
      return refusal(name, "can't set protected config");
    }
    if (std::find(rows.begin(), rows.end(), row) != rows.end()) {
      return refusal(name, "duplicate parameter");
    }
    rows.push_back(row);
  }
  return rows;
}

Result<void> apply_change(const Directive& row, std::string_view name, std::string_view value,
                          Settings& settings) {
  const std::string before = row.has(kStartOnly) ? print_directive(row, settings) : "";
  const auto applied = apply_directive(row, {std::string(value)}, Origin::command, settings);
  if (!applied) return refusal(name, applied.error().detail);
  // Setting what is set already is no change, and tools do it.
  if (row.has(kStartOnly) && print_directive(row, settings) != before) {
    return refusal(name, "can't set immutable config");
  }
  return {};
}

// The first one of TLS, which Redis blames when they do not fit together; null: there is none.
const Directive* first_of_tls(std::span<const Directive* const> rows) {
  const auto found =
      std::ranges::find_if(rows, [](const Directive* row) { return row->has(kTls); });
  return found != rows.end() ? *found : nullptr;
}

bool is_pattern(std::string_view text) { return text.find_first_of("[*?") != text.npos; }

}  // namespace

Config::Config() : current_(std::make_shared<const Settings>()) {}

Result<void> Config::read(std::string_view text, std::string_view origin) {
  ConfigReader reader(*current(), given_);
  if (auto read = reader.read_text(text, origin); !read) return read;
  given_ = std::move(reader.given);
  notes_ = notes_for(given_, reader.settings);
  publish(std::move(reader.settings));
  return {};
}

std::shared_ptr<const Settings> Config::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void Config::publish(Settings settings) {
  auto snapshot = std::make_shared<const Settings>(std::move(settings));
  {
    const std::lock_guard lock(mutex_);
    current_.swap(snapshot);
  }
  generation_.fetch_add(1, std::memory_order_release);
}

// A name without wildcards comes back as it was asked for, like in Redis.
std::vector<std::pair<std::string, std::string>> Config::get(
    std::span<const std::string_view> patterns) const {
  const auto settings = current();
  std::vector<std::pair<std::string, std::string>> found;
  std::set<std::string_view> seen;
  for (const std::string_view pattern : patterns) {
    for (const Directive* row : all_directives()) {
      if (row->has(kFileOnly)) continue;
      for (const std::string_view name : {row->name, row->old_name}) {
        if (name.empty() || !glob_match(pattern, name, true) || !seen.insert(name).second) continue;
        found.emplace_back(is_pattern(pattern) ? name : pattern, print_directive(*row, *settings));
      }
    }
  }
  return found;
}

Result<void> Config::set(Changes changes, bool local) {
  const std::lock_guard lock(changing_);
  Settings draft = *current();
  const auto rows = settable(changes, protected_allowed(draft, local));
  if (!rows) return rows.error();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& [name, value] = changes[i];
    if (auto applied = apply_change(*(*rows)[i], name, value, draft); !applied) return applied;
  }
  if (const Directive* row = first_of_tls(*rows); row != nullptr && try_tls_) {
    if (auto good = try_tls_(draft); !good) return refusal(row->name, good.error().detail);
  }
  publish(std::move(draft));
  const auto settings = current();
  for (const auto& apply : on_change_) apply(*settings);
  return {};
}

bool Config::reads_files(Changes changes) {
  return std::ranges::any_of(changes, [](const auto& change) {
    const Directive* const row = find_directive(change.first);
    return row != nullptr && row->has(kTls);
  });
}

void Config::before_tls_change(std::function<Result<void>(const Settings&)> try_out) {
  try_tls_ = std::move(try_out);
}

void Config::on_change(std::function<void(const Settings&)> apply) {
  on_change_.push_back(std::move(apply));
}

void Config::on_rewrite(std::function<std::vector<std::string>(const Settings&)> user_lines) {
  user_lines_ = std::move(user_lines);
}

}  // namespace sojourn::server
