#pragma once

#include <cstdint>
#include <string_view>

namespace sojourn::server {

// Why a rule was not taken.
enum class RuleError : std::uint8_t {
  none,
  unknown_command,
  syntax,
  keys_after_all,
  channels_after_all,
  no_such_password,
  bad_hash,
  duplicate_user,
  first_argument_of_subcommand,
};

// In Redis's words.
std::string_view explain(RuleError error);

}  // namespace sojourn::server
