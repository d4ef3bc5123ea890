#include "server/acl/rule_error.h"

namespace sojourn::server {

std::string_view explain(RuleError error) {
  switch (error) {
    case RuleError::none:
      break;
    case RuleError::unknown_command:
      return "Unknown command or category name in ACL";
    case RuleError::syntax:
      return "Syntax error";
    case RuleError::keys_after_all:
      return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
             "not have any effect. Try 'resetkeys' to start with an empty list of patterns";
    case RuleError::channels_after_all:
      return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
             "does not have any effect. Try 'resetchannels' to start with an empty list of "
             "channels";
    case RuleError::no_such_password:
      return "The password you are trying to remove from the user does not exist";
    case RuleError::bad_hash:
      return "The password hash must be exactly 64 characters and contain only lowercase "
             "hexadecimal characters";
    case RuleError::duplicate_user:
      return "Duplicate user found. A user can only be defined once in config files";
    case RuleError::first_argument_of_subcommand:
      return "Allowing first-arg of a subcommand is not supported";
  }
  return "";
}

}  // namespace sojourn::server
