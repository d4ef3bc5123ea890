#include "server/acl/user.h"

#include <algorithm>

#include "server/acl/password.h"
#include "server/acl/rule_words.h"
#include "server/base/numbers.h"
#include "server/config/words.h"

namespace sojourn::server {

User::User(std::string name, std::uint64_t account, const RuleContext& context)
    : name_(std::move(name)), account_(account), selectors_{Selector(context.all_channels)} {}

RuleError User::apply(std::string_view rule, const RuleContext& context) {
  if (rule.empty() || apply_flag(rule)) return RuleError::none;
  const char sign = rule.front();
  if (sign == '>' || sign == '#' || sign == '<' || sign == '!') {
    return apply_password(sign, rule.substr(1));
  }
  RuleError error = RuleError::none;
  if (sign == '(' && rule.back() == ')') {
    error = add_selector(rule.substr(1, rule.size() - 2), context);
  } else if (equal_any_case(rule, "clearselectors")) {
    selectors_.erase(selectors_.begin() + 1, selectors_.end());
  } else if (equal_any_case(rule, "reset")) {
    reset(context);
  } else {
    error = selectors_.front().apply(rule, context.commands);
  }
  note_unrestricted();
  return error;
}

bool User::apply_flag(std::string_view rule) {
  const auto is = [&](std::string_view word) { return equal_any_case(rule, word); };
  if (is("on") || is("off")) {
    enabled_ = is("on");
  } else if (is("nopass") || is("resetpass")) {
    needs_no_password_ = is("nopass");
    passwords_.clear();
  } else if (is("sanitize-payload") || is("skip-sanitize-payload")) {
    sanitizes_payload_ = is("sanitize-payload");
  } else {
    return false;
  }
  return true;
}

// > and < come before a password, # and ! before its hash.
RuleError User::apply_password(char sign, std::string_view rest) {
  const bool is_hash = sign == '#' || sign == '!';
  if (is_hash && !is_password_hash(rest)) return RuleError::bad_hash;
  std::string hash = is_hash ? std::string(rest) : hash_password(rest);
  const auto known = std::find(passwords_.begin(), passwords_.end(), hash);
  if (sign == '<' || sign == '!') {
    if (known == passwords_.end()) return RuleError::no_such_password;
    passwords_.erase(known);
    return RuleError::none;
  }
  if (known == passwords_.end()) passwords_.push_back(std::move(hash));
  needs_no_password_ = false;
  return RuleError::none;
}

RuleError User::add_selector(std::string_view rules, const RuleContext& context) {
  Selector selector(context.all_channels);
  // As Redis has it, quotes that do not end make an empty one.
  const auto words = split_words(rules).value_or(std::vector<std::string>{});
  for (const std::string& word : words) {
    const RuleError error = selector.apply(word, context.commands);
    if (error != RuleError::none) return error;
  }
  selectors_.push_back(std::move(selector));
  return RuleError::none;
}

void User::reset(const RuleContext& context) { *this = User(std::move(name_), account_, context); }

void User::note_unrestricted() {
  unrestricted_ = std::any_of(selectors_.begin(), selectors_.end(),
                              [](const Selector& selector) { return selector.unrestricted(); });
}

bool User::accepts(std::string_view password) const {
  const std::string offered = hash_password(password);
  bool right = needs_no_password_;
  for (const std::string& hash : passwords_) right |= equal_in_constant_time(hash, offered);
  return enabled_ && right;
}

bool User::lacks_channels_of(const User& other) const {
  const auto is_listed = [this](const std::string& glob) {
    return std::any_of(selectors_.begin(), selectors_.end(), [&](const Selector& selector) {
      return std::find(selector.channels().begin(), selector.channels().end(), glob) !=
             selector.channels().end();
    });
  };
  for (const Selector& selector : selectors_) {
    if (selector.all_channels()) return false;
  }
  return std::any_of(other.selectors_.begin(), other.selectors_.end(), [&](const Selector& had) {
    return had.all_channels() ||
           !std::all_of(had.channels().begin(), had.channels().end(), is_listed);
  });
}

bool User::may_listen(std::string_view channel, bool is_pattern) const {
  return std::any_of(selectors_.begin(), selectors_.end(), [&](const Selector& selector) {
    return selector.allows_channel(channel, is_pattern);
  });
}

std::vector<std::string_view> User::flags() const {
  std::vector<std::string_view> names{enabled_ ? "on" : "off"};
  if (needs_no_password_) names.push_back("nopass");
  names.push_back(sanitizes_payload_ ? "sanitize-payload" : "skip-sanitize-payload");
  return names;
}

std::string User::describe() const {
  std::string text;
  for (const std::string_view flag : flags()) text.append(flag).append(" ");
  for (const std::string& hash : passwords_) text.append("#").append(hash).append(" ");
  text += selectors_.front().describe();
  for (std::size_t i = 1; i < selectors_.size(); ++i) {
    text.append(" ").append(put_in_brackets(selectors_[i].describe()));
  }
  return text;
}

}  // namespace sojourn::server
