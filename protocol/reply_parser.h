#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/limits.h"

namespace sojourn::protocol {

// One reply as a tree. `elements` holds an aggregate's replies in order, a map's as key, value,
// key, value. `text` holds a simple, error, bulk, verbatim (without its format) or big-number
// reply.
struct Reply {
  enum class Type : std::uint8_t {
    null,
    simple,
    error,
    integer,
    bulk,
    array,
    map,
    set,
    push,
    real,
    boolean,
    big_number,
    verbatim,
  };

  Type type = Type::null;
  std::string text = {};
  std::int64_t integer = 0;  // also a boolean's 0 or 1
  double real = 0;
  std::vector<Reply> elements = {};

  bool is_null() const { return type == Type::null; }
  bool is_error() const { return type == Type::error; }
  bool operator==(const Reply&) const = default;
};

// Finds replies, RESP2 and RESP3, in bytes that arrive in any pieces. Pure, as RequestParser is,
// and used in the same way. Attributes ("|") are read and dropped; streamed strings and aggregates
// ("$?", "*?") are refused, since no server sends them. Nesting deeper than kReplyDepthMax, lengths
// beyond the limits and anything else that is not RESP is an error.
class ReplyParser {
 public:
  enum class Status { need_more, reply, error };

  // `elements_max` counts the elements of all aggregates in one reply together.
  explicit ReplyParser(std::size_t bulk_bytes_max = 512u * 1024 * 1024,
                       std::size_t elements_max = 64u * 1024 * 1024);

  Status parse(std::string_view input);

  Reply take();  // the reply last found, moved out
  std::size_t consumed() const { return consumed_; }
  // After need_more: bytes the buffer must reach before parse() can get further, as far as known.
  std::size_t bytes_wanted() const { return bytes_wanted_; }
  std::string_view error() const { return error_; }
  // Forgets a reply that was begun, or an error: the next input starts afresh.
  void reset();

 private:
  // An aggregate that is not whole yet.
  struct Open {
    Reply reply;
    std::size_t missing;
    bool attribute;
  };
  // A string of a known length of which not all bytes are there.
  struct Body {
    char type;
    std::size_t bytes;
  };
  // What one step came to: no further with these bytes, or a value is in reply_, or neither.
  enum class Step { need_more, value, opened, failed };

  Step step(std::string_view input);
  Step read_header(std::string_view input);
  Step read_body(std::string_view input);
  Step take_line(char type, std::string_view line);
  Step begin_body(char type, std::string_view length);
  Step open(char type, std::string_view length);
  Step take_integer(std::string_view text);
  Step take_real(std::string_view text);
  Step take_text(Reply::Type type, std::string_view text);
  bool close();
  Step wait_for(std::size_t bytes);
  Step fail(std::string_view why);

  std::size_t bulk_bytes_max_;
  std::size_t elements_max_;
  std::vector<Open> open_;
  Reply reply_;
  std::size_t consumed_ = 0;
  std::size_t bytes_wanted_ = 1;
  std::string_view error_;

  // Progress within a reply that is not whole yet.
  std::size_t position_ = 0;  // what is before it has been understood
  std::size_t scanned_ = 0;   // bytes from position_ on known to hold no line end
  std::size_t elements_ = 0;
  std::optional<Body> body_;
};

}  // namespace sojourn::protocol
