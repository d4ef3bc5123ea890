#include "server/acl/users.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/acl/password.h"
#include "server/acl/rule_words.h"

namespace sojourn::server {
namespace {

constexpr std::uint64_t kDefaultAccount = 0;

Error refusal(std::string detail) { return {Errc::invalid_argument, std::move(detail)}; }

std::string_view trimmed(std::string_view text, std::string_view spaces) {
  const std::size_t first = text.find_first_not_of(spaces);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

// An ACL file knows no quotes: each space parts two words.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t end = 0; end != line.npos;) {
    end = line.find(' ');
    words.emplace_back(line.substr(0, end));
    if (end != line.npos) line.remove_prefix(end + 1);
  }
  return words;
}

}  // namespace

Users::Users(CommandCatalogue commands, std::function<void()> announce)
    : commands_(std::move(commands)), announce_(std::move(announce)) {
  put(plain_default(""));
}

// Whose name is there already is the same one, made anew.
User Users::new_user(std::string name, bool all_channels) {
  const UserPtr known = find_locked(name);
  const std::uint64_t account = known != nullptr ? known->account() : next_account_++;
  return User(std::move(name), account, context(all_channels));
}

User Users::plain_default(std::string_view password) const {
  User user(std::string(kDefault), kDefaultAccount, context(true));
  for (const char* rule : {"+@all", "~*", "&*", "on", "nopass"}) user.apply(rule, context(true));
  if (!password.empty()) user.apply(fmt::format(">{}", password), context(true));
  return user;
}

Users::UserPtr Users::log_in(std::string_view name, std::string_view password) const {
  UserPtr user = find(name);
  // That a name is unknown is not to be told by the time it takes.
  if (user == nullptr) (void)hash_password(password);
  return user != nullptr && user->accepts(password) ? user : nullptr;
}

Users::UserPtr Users::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return find_locked(name);
}

Users::UserPtr Users::find_locked(std::string_view name) const {
  const auto found = users_.find(name);
  return found != users_.end() ? found->second : nullptr;
}

Users::UserPtr Users::as_of_now(const User& user) const {
  UserPtr now = find(user.name());
  return now != nullptr && now->account() == user.account() ? now : nullptr;
}

std::vector<Users::UserPtr> Users::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<UserPtr> all;
  for (const auto& [name, user] : users_) all.push_back(user);
  return all;
}

Result<bool> Users::set(std::string_view name, std::span<const std::string> words,
                        bool all_channels) {
  std::size_t unmatched = 0;
  const auto rules = join_selectors(words, unmatched);
  if (!rules) {
    return refusal(
        fmt::format("Unmatched parenthesis in acl selector starting at '{}'.", words[unmatched]));
  }
  const std::lock_guard lock(mutex_);
  const UserPtr old = find_locked(name);
  User user = old != nullptr ? *old : new_user(std::string(name), all_channels);
  for (const std::string& rule : *rules) {
    const RuleError error = user.apply(rule, context(all_channels));
    if (error == RuleError::none) continue;
    return refusal(fmt::format("Error in ACL SETUSER modifier '{}': {}", rule, explain(error)));
  }
  const bool fewer_channels = old != nullptr && user.lacks_channels_of(*old);
  put(std::move(user));
  return fewer_channels;
}

std::size_t Users::remove(std::span<const std::string_view> names) {
  std::size_t count = 0;
  const std::lock_guard lock(mutex_);
  for (const std::string_view name : names) {
    const auto found = users_.find(name);
    if (found == users_.end() || name == kDefault) continue;
    users_.erase(found);
    ++count;
  }
  if (count > 0) publish();
  return count;
}

void Users::follow_requirepass(const std::string& password) {
  const std::lock_guard lock(mutex_);
  if (password == requirepass_) return;
  requirepass_ = password;
  User user = *find_locked(kDefault);
  user.apply(password.empty() ? "nopass" : "resetpass", context(false));
  if (!password.empty()) user.apply(fmt::format(">{}", password), context(false));
  put(std::move(user));
}

Result<void> Users::add_lines(std::span<const std::vector<std::string>> lines, bool all_channels) {
  Map fresh;
  const std::lock_guard lock(mutex_);
  for (const auto& words : lines) {
    const std::string place = fmt::format("user {}", words.front());
    std::string errors = add_line(fresh, words, place, all_channels);
    if (!errors.empty()) return refusal(std::move(errors));
  }
  for (auto& [name, user] : fresh) users_.insert_or_assign(name, std::move(user));
  publish();
  return {};
}

// What is wrong with the line, or "".
std::string Users::add_line(Map& users, std::span<const std::string> words, std::string_view place,
                            bool all_channels) {
  const std::string& name = words.front();
  if (has_space_or_nul(name)) {
    return fmt::format("'{}: username '{}' contains invalid characters. ", place, name);
  }
  if (users.contains(name)) {
    return fmt::format("{}: {}. ", place, explain(RuleError::duplicate_user));
  }
  std::size_t unmatched = 0;
  const auto rules = join_selectors(words.subspan(1), unmatched);
  if (!rules) return fmt::format("{}: Unmatched parenthesis in selector definition.", place);
  User user = new_user(name, all_channels);
  std::string errors;
  bool told = false;
  for (const std::string& word : *rules) {
    const std::string_view rule = trimmed(word, "\t\r\n");
    const RuleError error = user.apply(rule, context(all_channels));
    if (error == RuleError::unknown_command) {
      // No secret, and what to look for.
      errors +=
          fmt::format("{}: Error in applying operation '{}': {}. ", place, rule, explain(error));
    } else if (error != RuleError::none && !told) {
      errors += fmt::format("{}: {}. ", place, explain(error));
      told = true;
    }
  }
  if (errors.empty()) users.emplace(name, std::make_shared<const User>(std::move(user)));
  return errors;
}

Result<void> Users::replace(std::string_view text, std::string_view path, bool all_channels) {
  Map fresh;
  std::string errors;
  const std::lock_guard lock(mutex_);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end), " \t\r\n");
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty()) errors += add_file_line(fresh, words_of(line), path, number, all_channels);
  }
  if (!errors.empty()) {
    return refusal(errors +
                   "WARNING: ACL errors detected, no change to the previously active ACL "
                   "rules was performed");
  }
  // A file that says nothing of the default user leaves him the password there is. (Redis takes it
  // away, and lets everybody in.)
  fresh.try_emplace(std::string(kDefault),
                    std::make_shared<const User>(plain_default(requirepass_)));
  users_ = std::move(fresh);
  publish();
  return {};
}

std::string Users::add_file_line(Map& users, std::span<const std::string> words,
                                 std::string_view path, std::size_t number, bool all_channels) {
  if (words.front() != "user" || words.size() < 2) {
    return fmt::format("{}:{} should start with user keyword followed by the username. ", path,
                       number);
  }
  if (users.contains(words[1])) {
    return fmt::format("WARNING: Duplicate user '{}' found on line {}. ", words[1], number);
  }
  return add_line(users, words.subspan(1), fmt::format("{}:{}", path, number), all_channels);
}

std::vector<std::string> Users::lines() const {
  std::vector<std::string> lines;
  for (const UserPtr& user : all()) {
    lines.push_back(fmt::format("user {} {}", user->name(), user->describe()));
  }
  return lines;
}

bool Users::default_is_plain() const {
  const std::lock_guard lock(mutex_);
  return find_locked(kDefault)->describe() == plain_default(requirepass_).describe();
}

void Users::put(User user) {
  auto shared = std::make_shared<const User>(std::move(user));
  users_.insert_or_assign(shared->name(), shared);
  publish();
}

void Users::publish() {
  const User& user = *users_.find(kDefault)->second;
  open_.store(user.enabled() && user.needs_no_password(), std::memory_order_release);
  unprotected_.store(user.needs_no_password(), std::memory_order_release);
  announce_();
}

}  // namespace sojourn::server
