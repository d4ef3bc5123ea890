#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/reply_writer.h"
#include "server/commands/call.h"

namespace sojourn::server {

// COUNT is a wish: whoever asks for more at once gets these and a cursor to go on with.
inline constexpr std::size_t kScanAtOnce = 1000;

// What SCAN, HSCAN, SSCAN and ZSCAN share: cursor, options, and the reply's two parts.
struct ScanOptions {
  std::optional<std::string_view> pattern;
  std::optional<std::string_view> type;
  std::size_t count = 10;  // at most kScanAtOnce

  bool fits(std::string_view name) const;
};

// As strtoull reads it, so that what Redis takes for a cursor is one here: "ERR invalid cursor".
std::uint64_t scan_cursor(Args& args);
// MATCH, COUNT and, where keys are looked at, TYPE; to the end of the words.
enum class ScanOf : std::uint8_t { keys, fields };
ScanOptions scan_options(Args& args, ScanOf what);

// HSCAN, SSCAN and ZSCAN. A set's members have no values.
void scan_fields(Call& call, ValueType type);

// Replies whose number is known at their end only: counted here, written to the reply as one array.
class CountedReplies {
 public:
  explicit CountedReplies(protocol::ReplyWriter& reply) : reply_(reply) {}
  void bulk(std::string_view bytes);
  void finish_array();

 private:
  protocol::ReplyWriter& reply_;
  std::string body_;
  protocol::ReplyWriter writer_{body_, reply_.version()};
  std::size_t count_ = 0;
};

}  // namespace sojourn::server
