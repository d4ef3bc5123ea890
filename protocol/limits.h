#pragma once

#include <cstddef>

namespace sojourn::protocol {

// What a request may cost before it is refused. Every length on the wire is compared with one of
// these before a byte is allocated for it.
struct Limits {
  // Words in one request. Redis allows 2^20 by multibulk length on its older releases, 2^31-1 now;
  // a session's request has a dozen, SCAN's clean-up a few thousand.
  std::size_t words_max = 1024 * 1024;
  // Bytes in one word: Redis's proto-max-bulk-len.
  std::size_t word_bytes_max = 512u * 1024 * 1024;
  // Bytes of one whole request as it stands on the wire: Redis's client-query-buffer-limit.
  std::size_t request_bytes_max = 1024u * 1024 * 1024;
  // Bytes of an inline request, and of any one length line: Redis's PROTO_INLINE_MAX_SIZE.
  std::size_t inline_bytes_max = 64 * 1024;
  // The peer has not said who it is: texts of the errors say "unauthenticated", as Redis's do.
  bool unauthenticated = false;
};

// What anybody may send before AUTH (Redis since CVE-2021-32675): 10 words of 16 KiB.
inline constexpr Limits kUnauthenticatedLimits{.words_max = 10,
                                               .word_bytes_max = 16 * 1024,
                                               .request_bytes_max = 10 * 16 * 1024 + 1024,
                                               .inline_bytes_max = 16 * 1024,
                                               .unauthenticated = true};

// Nesting of a reply that the reply parser follows; Redis's own replies stay under 10.
inline constexpr std::size_t kReplyDepthMax = 32;
// Bytes of a reply's line: a simple string, an error, a number, a length.
inline constexpr std::size_t kReplyLineBytesMax = 64 * 1024;

}  // namespace sojourn::protocol
