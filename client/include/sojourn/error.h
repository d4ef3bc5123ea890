#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace sojourn {

enum class Errc {
  timeout = 1,      // no answer within the request's time
  not_connected,    // no connection within the request's time; `detail` says what went wrong last
  connection_lost,  // the connection ended while the answer was awaited
  refused,          // the server refused the greeting: wrong password, no such database
  protocol,         // what came is not RESP, or answers nothing that was asked
  reply_too_large,  // a reply beyond Options::reply_bytes_max
  queue_full,       // more calls or bytes pending than Options allow
  cancelled,        // by the caller, through Asio's cancellation
  closed,           // the client was closed
  would_deadlock,   // a blocking call on the client's own thread
  server_error,     // the reply is the server's error, asked for as a value
  wrong_type,       // the reply is not of the type it was asked for
  untrusted,        // TLS: the server's certificate is not believed, or a file of ours unusable
};

const boost::system::error_category& error_category() noexcept;

inline boost::system::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

// What became of the commands of a request whose call failed, counted in the order of the request:
//
//   [0, answered)     were answered: they happened
//   [answered, sent)  were handed to the network whole and not answered: they may have happened
//   [sent, size)      did not happen
struct Fate {
  std::size_t answered = 0;
  std::size_t sent = 0;

  bool happened(std::size_t command) const { return command < answered; }
  bool may_have_happened(std::size_t command) const {
    return answered <= command && command < sent;
  }
  bool nothing_happened() const { return sent == 0; }
  bool operator==(const Fate&) const = default;
};

// `code` is for programs, `detail` for people. No detail holds a password, a key or a value, but
// for what the server itself chose to put into the text of an error.
struct Error {
  Error() = default;  // no error
  Error(Errc errc, std::string text = {}, Fate what_became = {})
      : code(make_error_code(errc)), detail(std::move(text)), fate(what_became) {}

  // "connection lost: end of file"
  std::string message() const;

  boost::system::error_code code;
  std::string detail;
  Fate fate;
};

// What value() of a failed Result throws. Nothing else in this library throws, but for memory.
class Failure : public std::runtime_error {
 public:
  explicit Failure(Error error) : std::runtime_error(error.message()), error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw Failure(error);
}

template <typename T>
using Result = boost::system::result<T, Error>;

}  // namespace sojourn

template <>
struct boost::system::is_error_code_enum<sojourn::Errc> : std::true_type {};
