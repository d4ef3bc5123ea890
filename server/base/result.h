#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>

#include "server/base/check.h"

namespace sojourn::server {

// Something outside the program failed. `code` is for programs, `detail` for people: it says what
// was tried, on what, and why it failed.
enum class Errc : std::uint8_t {
  invalid_argument,  // what a user wrote is not understood
  storage,           // an I/O error, or the store is not usable any more
  disk_full,         // no space left; passes when space returns
  damaged,           // data on disk is not what was written there
  locked,            // another process holds the data directory
  foreign,           // the data directory is not ours, or of a newer format
  unavailable,       // would have to wait (RocksDB stalls writes); try again
  network,           // a socket could not be made, bound or read
};

struct Error {
  Errc code;
  std::string detail;
};

// value() on an error is a bug in the caller.
[[noreturn]] inline void throw_exception_from_error(const Error&, const boost::source_location&) {
  CHECK(!"value() of a failed Result");
}

template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace sojourn::server
