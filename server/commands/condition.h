#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/cache/entry.h"
#include "server/commands/call.h"

namespace sojourn::server {

// XXH3, 64 bits without a seed, as 16 digits: what Redis's DIGEST returns.
std::string digest_of(std::string_view text);

// What a request wants the string of a key to be, or not to be: IFEQ, IFNE, or by digest IFDEQ,
// IFDNE (Redis 8.4; Valkey 8.1 has IFEQ). A key that is not there differs from everything.
class Condition {
 public:
  // Takes it with its value, if it stands next and none was taken yet.
  bool take(Args& args);

  explicit operator bool() const { return kind_ != Kind::none; }
  // `entry` holds a string, or is null.
  bool met_by(const Entry* entry) const;

 private:
  enum class Kind : std::uint8_t { none, equal, other, equal_digest, other_digest };

  bool equals(std::string_view text) const;

  Kind kind_ = Kind::none;
  std::string_view value_;
};

}  // namespace sojourn::server
