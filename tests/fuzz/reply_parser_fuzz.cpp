// Bytes of a server nobody knows. However they are cut, the same replies are found, within limits;
// and a reply, written and read again, is the same.

#include <cmath>
#include <cstdint>

#include "protocol/reply_parser.h"
#include "tests/fuzz/cuts.h"
#include "tests/fuzz/expect.h"
#include "tests/protocol/pieces.h"
#include "tests/protocol/write_reply.h"

namespace {

using namespace sojourn::protocol;

constexpr std::size_t kBulkBytesMax = 4096;
constexpr std::size_t kElementsMax = 256;

// NaN is not equal to itself; any number will do in its place.
void replace_nan(Reply& reply) {
  if (std::isnan(reply.real)) reply.real = 1;
  for (Reply& element : reply.elements) replace_nan(element);
}

std::size_t count_elements(const Reply& reply, std::size_t depth = 0) {
  EXPECT(depth <= kReplyDepthMax);
  std::size_t count = reply.elements.size();
  for (const Reply& element : reply.elements) count += count_elements(element, depth + 1);
  return count;
}

ReplyOutcome parse(std::string_view input, std::span<const std::size_t> cuts) {
  ReplyOutcome outcome = parse_replies(input, cuts, ReplyParser(kBulkBytesMax, kElementsMax));
  for (Reply& reply : outcome.replies) replace_nan(reply);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const ReplyOutcome whole = parse(input, {});
  EXPECT(parse(input, sojourn::cuts_of(input)) == whole);

  std::string stream;
  ReplyWriter writer(stream, Version::resp3);
  for (const Reply& reply : whole.replies) {
    EXPECT(count_elements(reply) <= kElementsMax);
    write_reply(writer, reply);
  }
  EXPECT(parse(stream, {}).replies.size() == whole.replies.size());
  return 0;
}
