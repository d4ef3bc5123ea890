#include "server/commands/condition.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "server/base/numbers.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kDigestDigits = 16;

}  // namespace

std::string digest_of(std::string_view text) {
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

bool Condition::take(Args& args) {
  if (kind_ != Kind::none || args.left() < 2) return false;
  if (args.option("IFEQ")) {
    kind_ = Kind::equal;
  } else if (args.option("IFNE")) {
    kind_ = Kind::other;
  } else if (args.option("IFDEQ")) {
    kind_ = Kind::equal_digest;
  } else if (args.option("IFDNE")) {
    kind_ = Kind::other_digest;
  } else {
    return false;
  }
  value_ = args.word();
  const bool digest = kind_ == Kind::equal_digest || kind_ == Kind::other_digest;
  if (digest && value_.size() != kDigestDigits) {
    args.fail("ERR IFDEQ and IFDNE take a digest of exactly 16 hexadecimal characters");
  }
  return true;
}

bool Condition::equals(std::string_view text) const {
  if (kind_ == Kind::equal || kind_ == Kind::other) return text == value_;
  return equal_any_case(digest_of(text), value_);
}

bool Condition::met_by(const Entry* entry) const {
  const bool wants_other = kind_ == Kind::other || kind_ == Kind::other_digest;
  if (entry == nullptr) return wants_other;
  return equals(entry->string()) != wants_other;
}

}  // namespace sojourn::server
