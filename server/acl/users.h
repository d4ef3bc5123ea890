#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/command_catalogue.h"
#include "server/acl/user.h"
#include "server/base/result.h"

namespace sojourn::server {

// All users by name; "default" is always among them, and is who every connection is at first.
//
// A user, once made, is never changed: a change puts another in his place, and calls `announce`,
// which makes everybody who keeps one ask as_of_now(). Two owners, then: this, and whoever keeps
// him until he asks.
// Threading: any thread. Errors' details are Redis's, without a code.
class Users {
 public:
  using UserPtr = std::shared_ptr<const User>;
  static constexpr std::string_view kDefault = "default";

  // With a default user who may do everything and needs no password.
  Users(CommandCatalogue commands, std::function<void()> announce);

  // --- who may come in ---
  // Nobody needs to log in: the default user is on and needs no password.
  bool open() const { return open_.load(std::memory_order_acquire); }
  // The default user has no password, be he on or off.
  bool unprotected() const { return unprotected_.load(std::memory_order_acquire); }
  // Null: there is no such user, it is another password, or he is off.
  UserPtr log_in(std::string_view name, std::string_view password) const;

  // --- looking ---
  UserPtr find(std::string_view name) const;  // null if there is none
  UserPtr default_user() const { return find(kDefault); }
  // What has become of a user; null when he was deleted, though another may have his name.
  UserPtr as_of_now(const User& user) const;
  std::vector<UserPtr> all() const;  // by name
  const CommandCatalogue& commands() const { return commands_; }

  // --- changing; all or nothing ---
  // ACL SETUSER: makes the user if there is none. True when somebody may listen to channels that
  // he no longer may listen to.
  Result<bool> set(std::string_view name, std::span<const std::string> words, bool all_channels);
  // How many there were.
  std::size_t remove(std::span<const std::string_view> names);
  // requirepass: when it changes, it is the password, and the only one, of the default user; empty:
  // none. At first it is empty.
  void follow_requirepass(const std::string& password);
  // From `user` lines, each its words from the name on. One of them may be the default user's.
  Result<void> add_lines(std::span<const std::vector<std::string>> lines, bool all_channels);
  // From the text of an ACL file, instead of all there are; who has the name he had stays the same
  // one. `path` names the file in errors.
  Result<void> replace(std::string_view text, std::string_view path, bool all_channels);

  // "user alice on ...", by name: the lines that make these users again.
  std::vector<std::string> lines() const;
  // The default user is what requirepass alone makes of him.
  bool default_is_plain() const;

 private:
  using Map = std::map<std::string, UserPtr, std::less<>>;

  RuleContext context(bool all_channels) const { return {commands_, all_channels}; }
  User new_user(std::string name, bool all_channels);
  User plain_default(std::string_view password) const;
  // What is wrong with the line, or "".
  std::string add_line(Map& users, std::span<const std::string> words, std::string_view place,
                       bool all_channels);
  std::string add_file_line(Map& users, std::span<const std::string> words, std::string_view path,
                            std::size_t number, bool all_channels);
  UserPtr find_locked(std::string_view name) const;
  void put(User user);
  void publish();

  const CommandCatalogue commands_;
  const std::function<void()> announce_;
  std::atomic<bool> open_{true};
  std::atomic<bool> unprotected_{true};
  mutable std::mutex mutex_;
  Map users_;                       // guarded by mutex_
  std::string requirepass_;         // likewise
  std::uint64_t next_account_ = 1;  // likewise; 0 is the default user's
};

}  // namespace sojourn::server
