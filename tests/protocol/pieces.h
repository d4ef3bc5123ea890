#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_parser.h"
#include "protocol/request_parser.h"

// Feeding a parser bytes in pieces, as a connection does. Shared by the tests and the fuzzers.
namespace sojourn::protocol {

// What came of a stream of bytes. Equal outcomes are what cutting a stream must not change.
struct RequestOutcome {
  std::vector<std::vector<std::string>> requests = {};
  std::string error = {};
  std::size_t bytes_left = 0;  // of a request that is not whole

  bool operator==(const RequestOutcome&) const = default;
};

struct ReplyOutcome {
  std::vector<Reply> replies = {};
  std::string error = {};
  std::size_t bytes_left = 0;

  bool operator==(const ReplyOutcome&) const = default;
};

// The bytes up to each of `cuts` (rising positions) are shown one after the other, the last
// time all of them. Every call sees a buffer of its own of exactly the right size, so that a view
// kept or a byte read beyond the end is seen by the address sanitizer.
RequestOutcome parse_requests(std::string_view stream, std::span<const std::size_t> cuts,
                              const Limits& limits = {});
ReplyOutcome parse_replies(std::string_view stream, std::span<const std::size_t> cuts,
                           ReplyParser parser = ReplyParser());

std::vector<std::size_t> every_byte(std::string_view stream);

namespace detail {

template <typename Step>
std::size_t feed(std::string_view stream, std::span<const std::size_t> cuts, Step step) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i == cuts.size() ? stream.size() : cuts[i];
    while (true) {
      const std::vector<char> buffer(stream.begin() + static_cast<std::ptrdiff_t>(begin),
                                     stream.begin() + static_cast<std::ptrdiff_t>(end));
      const std::size_t consumed = step(std::string_view(buffer.data(), buffer.size()));
      if (consumed == 0) break;
      begin += consumed;
    }
  }
  return stream.size() - begin;
}

}  // namespace detail

inline RequestOutcome parse_requests(std::string_view stream, std::span<const std::size_t> cuts,
                                     const Limits& limits) {
  RequestOutcome outcome;
  RequestParser parser(limits);
  outcome.bytes_left = detail::feed(stream, cuts, [&](std::string_view input) -> std::size_t {
    const RequestParser::Status status = parser.parse(input);
    if (status == RequestParser::Status::error) outcome.error = parser.error();
    if (status != RequestParser::Status::request) return 0;
    outcome.requests.emplace_back(parser.words().begin(), parser.words().end());
    return parser.consumed();
  });
  return outcome;
}

inline ReplyOutcome parse_replies(std::string_view stream, std::span<const std::size_t> cuts,
                                  ReplyParser parser) {
  ReplyOutcome outcome;
  outcome.bytes_left = detail::feed(stream, cuts, [&](std::string_view input) -> std::size_t {
    const ReplyParser::Status status = parser.parse(input);
    if (status == ReplyParser::Status::error) outcome.error = parser.error();
    if (status != ReplyParser::Status::reply) return 0;
    outcome.replies.push_back(parser.take());
    return parser.consumed();
  });
  return outcome;
}

inline std::vector<std::size_t> every_byte(std::string_view stream) {
  std::vector<std::size_t> cuts(stream.size());
  for (std::size_t i = 0; i < cuts.size(); ++i) cuts[i] = i;
  return cuts;
}

}  // namespace sojourn::protocol
