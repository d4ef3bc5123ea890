#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sojourn::protocol {

enum class Version : std::uint8_t { resp2 = 2, resp3 = 3 };

// As Redis prints a double: the fewest digits that read back, inf, -inf, nan.
std::string print_real(double value);

// Appends replies to a buffer in RESP2 or RESP3. A type RESP2 lacks is written as Redis writes it
// there: a map or set as a flat array, a double or verbatim string as a bulk string, a boolean as
// an integer, nulls as "$-1" or "*-1".
//
// The caller keeps the promise that array(n), set(n), push(n) are followed by n replies and map(n)
// by 2n. CR and LF in simple strings and errors become spaces: no text can forge a reply.
class ReplyWriter {
 public:
  // `spare`, if there is one, is memory for a large reply that outgrows its own: where it is worth
  // taking (large_memory.h) the two are exchanged, and the smaller one is left in it, empty.
  explicit ReplyWriter(std::string& out, Version version = Version::resp2,
                       std::string* spare = nullptr)
      : out_(out), version_(version), spare_(spare) {}

  void simple(std::string_view text);  // +OK
  void ok() { simple("OK"); }
  // `text` begins with its code: "ERR syntax error", "WRONGTYPE Operation ...".
  void error(std::string_view text);
  void integer(std::int64_t value);
  void unsigned_integer(std::uint64_t value);  // as ":" too; for cursors in bulk use bulk()
  void bulk(std::string_view bytes);
  void bulk_integer(std::int64_t value);  // the number as a bulk string
  void null();                            // no value:     $-1 | _
  void null_array();                      // no aggregate: *-1 | _
  void array(std::size_t count);
  void map(std::size_t pairs);
  void set(std::size_t count);
  void push(std::size_t count);  // RESP3 only out-of-band data; an array in RESP2
  void real(double value);       // ,1.5 | bulk; see print_real()
  void boolean(bool value);
  void big_number(std::string_view digits);
  void verbatim(std::string_view format, std::string_view text);  // format: 3 letters, "txt"
  void raw(std::string_view bytes);  // replies made elsewhere, taken as they are

  Version version() const { return version_; }
  void set_version(Version version) { version_ = version; }
  std::string& out() { return out_; }

 private:
  void grow(std::size_t bytes);

  std::string& out_;
  Version version_;
  std::string* spare_;
};

}  // namespace sojourn::protocol
