#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/limits.h"

namespace sojourn::protocol {

// The words of one request: the command's name, then its arguments. Binary-safe views.
using Words = std::span<const std::string_view>;

// Finds requests, multibulk and inline, in bytes that arrive in any pieces. Pure: it does no I/O
// and never allocates by a length it has not checked against Limits.
//
// Use: keep the bytes since the end of the last request in a buffer and call parse() with all of
// them, again whenever more have come. After `request` read words(), drop consumed() bytes and call
// parse() on the rest. The buffer may move between calls (positions are kept as offsets), but the
// bytes already shown must still be its first ones. After `error` nothing further can be parsed.
// Work is linear in the bytes: what was looked at while incomplete is not looked at again. How the
// bytes are cut never changes what is found.
//
// Memory: once warm, requests of up to a thousand words cost no allocation. The room for a larger
// request, and for quoted inline words, is given back when parse() or trim() is next called. A word
// takes up to 64 bytes beside its own, so memory_bytes() belongs into the budget of the buffer.
class RequestParser {
 public:
  enum class Status {
    need_more,  // no whole request yet
    request,    // words() holds one; it may be empty (an empty line, "*0"), to be skipped
    error,      // error() says why; the connection is beyond repair
  };

  explicit RequestParser(const Limits& limits = {}) : limits_(limits) {}

  Status parse(std::string_view input);

  // The request last found: views into the input of that call, or into this object (which must
  // then stay where it is) for inline words that had quotes. Valid until the next call of parse().
  Words words() const { return {words_.data(), word_count_}; }
  // Bytes of the input that the request last found took.
  std::size_t consumed() const { return consumed_; }
  // Redis's text without the leading "-ERR ": "Protocol error: invalid bulk length". It may hold
  // any byte that the peer sent; ReplyWriter::error() makes it safe to send.
  std::string_view error() const { return error_; }
  // After need_more: bytes the buffer must reach before parse() can get further, as far as known
  // (never beyond the limits). For growing a buffer once, and for reading large values in place.
  // It is what the peer announced: set aside memory for it only within a budget.
  std::size_t bytes_wanted() const { return bytes_wanted_; }
  // A request was begun and is not whole: bytes of it were shown, more must come.
  bool in_request() const { return stage_ == Stage::line || stage_ == Stage::words; }

  // Takes effect from the next request on (after AUTH, CONFIG SET).
  void set_limits(const Limits& limits) { next_limits_ = limits; }
  // Forgets a request that was begun, or an error: the next input starts afresh.
  void reset();
  // What it holds beside the input.
  std::size_t memory_bytes() const;
  // Gives back what only a large request needed, unless one is begun. words() are gone then.
  void trim();

 private:
  enum class Stage : std::uint8_t {
    between,  // nothing of the next request was seen
    line,     // in its first line: an inline request, or the number of words
    words,    // in its words
    failed,
  };
  struct LengthErrors;
  struct Piece {
    std::size_t offset;
    std::size_t size;
  };

  static const LengthErrors kCountErrors;
  static const LengthErrors kSizeErrors;

  void begin();
  void drop_large_room();
  Status parse_count(std::string_view input);
  Status parse_inline(std::string_view input);
  void take_whole_words(std::string_view input);
  // kResumed: the request began in an earlier call, so words are collected as offsets.
  template <bool kResumed>
  Status parse_words(std::string_view input);
  // The number behind the type byte at position_, which moves behind its line; nullopt when there
  // is none, and status_ says why.
  std::optional<std::int64_t> read_length(std::string_view input, const LengthErrors& errors);
  bool check_size(std::int64_t size);

  void keep(std::string_view word);
  void remember_words(std::string_view input);
  void recall_words(std::string_view input);
  Status wait_for(std::size_t bytes);
  Status found(std::size_t bytes);
  Status fail(std::string_view why);

  Limits limits_;
  std::optional<Limits> next_limits_;
  std::string error_;

  std::vector<std::string_view> words_;  // the first word_count_ are in use
  std::size_t word_count_ = 0;
  std::string unquoted_;  // inline words without their quotes
  std::size_t consumed_ = 0;
  std::size_t bytes_wanted_ = 1;

  // Progress within a request that is not whole yet.
  Stage stage_ = Stage::between;
  Status status_ = Status::need_more;
  std::size_t position_ = 0;  // what is before it has been understood
  std::size_t scanned_ = 0;   // bytes from position_ on known to hold no line end
  std::size_t words_missing_ = 0;
  std::optional<std::size_t> word_bytes_;  // size of the word at position_, once known
  std::vector<Piece> pieces_;
};

}  // namespace sojourn::protocol
