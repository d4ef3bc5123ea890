#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/rule_error.h"
#include "server/acl/selector.h"

namespace sojourn::server {

// What rules are read with.
struct RuleContext {
  const CommandCatalogue& commands;
  bool all_channels;  // acl-pubsub-default: what a new selector allows
};

// Who may log in, how, and what he may do then. A value; once others see it, it is not changed any
// more (see Users).
class User {
 public:
  // Off, without a password, and allowed nothing. `account` tells him from one of the same name who
  // was there before.
  User(std::string name, std::uint64_t account, const RuleContext& context);

  // One rule of ACL SETUSER; a selector in brackets is one. By one that is wrong nothing is
  // changed.
  RuleError apply(std::string_view rule, const RuleContext& context);

  const std::string& name() const { return name_; }
  std::uint64_t account() const { return account_; }
  bool enabled() const { return enabled_; }
  bool needs_no_password() const { return needs_no_password_; }
  std::span<const std::string> password_hashes() const { return passwords_; }
  // May log in with it. Tells nothing by the time it takes but the number of passwords.
  bool accepts(std::string_view password) const;

  // The first one is what rules outside of brackets speak of.
  std::span<const Selector> selectors() const { return selectors_; }
  // May do everything.
  bool unrestricted() const { return unrestricted_; }
  // Whether there may be a channel that `other` may listen to and this user may not.
  bool lacks_channels_of(const User& other) const;
  bool may_listen(std::string_view channel, bool is_pattern) const;

  std::vector<std::string_view> flags() const;
  // As the rules that make the same user of a new one.
  std::string describe() const;

 private:
  bool apply_flag(std::string_view rule);
  RuleError apply_password(char sign, std::string_view rest);
  RuleError add_selector(std::string_view rules, const RuleContext& context);
  void reset(const RuleContext& context);
  void note_unrestricted();

  std::string name_;
  std::uint64_t account_;
  bool enabled_ = false;
  bool needs_no_password_ = false;
  bool sanitizes_payload_ = true;  // of RESTORE, which is not there: told only
  bool unrestricted_ = false;
  std::vector<std::string> passwords_;  // hashed
  std::vector<Selector> selectors_;
};

}  // namespace sojourn::server
