// Bytes of a client nobody knows. However they are cut, the same requests are found; words lie
// where they may; limits hold; and what was found, written and read again, is the same.

#include <cstdint>
#include <functional>

#include "protocol/request_parser.h"
#include "protocol/request_writer.h"
#include "tests/fuzz/cuts.h"
#include "tests/fuzz/expect.h"
#include "tests/protocol/pieces.h"

namespace {

using namespace sojourn::protocol;

constexpr Limits kSmallLimits{.words_max = 4,
                              .word_bytes_max = 16,
                              .request_bytes_max = 64,
                              .inline_bytes_max = 32,
                              .unauthenticated = true};

void check_request(const RequestParser& parser, std::string_view input, const Limits& limits) {
  EXPECT(parser.consumed() > 0 && parser.consumed() <= input.size());
  EXPECT(parser.consumed() <= limits.request_bytes_max);
  EXPECT(parser.words().size() <= limits.words_max);
  const std::less_equal<const char*> not_after;
  const bool is_multibulk = input.front() == '*';
  for (const std::string_view word : parser.words()) {
    const bool in_input = not_after(input.data(), word.data()) &&
                          not_after(word.data() + word.size(), input.data() + parser.consumed());
    EXPECT(in_input || !is_multibulk);
    EXPECT(word.size() <= (is_multibulk ? limits.word_bytes_max : limits.inline_bytes_max));
  }
}

void check_stream(std::string_view input, const Limits& limits) {
  RequestParser parser(limits);
  std::string_view rest = input;
  while (parser.parse(rest) == RequestParser::Status::request) {
    check_request(parser, rest, limits);
    rest.remove_prefix(parser.consumed());
  }
}

void check_writing(const RequestOutcome& outcome) {
  std::string stream;
  for (const std::vector<std::string>& words : outcome.requests) {
    write_request(stream, std::vector<std::string_view>(words.begin(), words.end()));
  }
  EXPECT(parse_requests(stream, {}).requests == outcome.requests);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const Limits& limits : {Limits{}, kSmallLimits}) {
    check_stream(input, limits);
    const RequestOutcome whole = parse_requests(input, {}, limits);
    EXPECT(parse_requests(input, sojourn::cuts_of(input), limits) == whole);
    check_writing(whole);
  }
  return 0;
}
