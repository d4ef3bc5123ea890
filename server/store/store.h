#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/result.h"

namespace sojourn::server {

// The kinds of rows on disk, each ordered by key on its own.
enum class Column : std::uint8_t {
  records,  // one a key: what the key holds
  fields,   // one a field of a large collection
  touches,  // deadlines that moved later since the record was written
  meta,     // the server's own: format, which database is which, reserved numbers
};
inline constexpr std::size_t kColumns = 4;

// Where a number of changes has got to. Grows with each batch written; 0 is before the first.
using StoreSequence = std::uint64_t;

// Changes that reach the store together or not at all, in the order given. Reusable after clear().
// Threading: one thread at a time. Views are read during the call only.
class Batch {
 public:
  using Pieces = std::initializer_list<std::string_view>;

  virtual ~Batch() = default;
  // The row's key and value are given in pieces, so that nobody has to join them first.
  virtual void put(Column column, Pieces key, Pieces value) = 0;
  virtual void erase(Column column, Pieces key) = 0;
  // Every row with begin <= key < end.
  virtual void erase_range(Column column, std::string_view begin, std::string_view end) = 0;
  virtual void clear() = 0;
  virtual std::size_t bytes() const = 0;
  virtual std::size_t changes() const = 0;
};

// A walk over one column in key order, over the state of the column when it was made.
// Threading: one thread at a time. Views hold until the next call.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool valid() const = 0;
  virtual void next() = 0;
  virtual void seek(std::string_view key) = 0;  // to the first row not before key
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // What ended the walk: nothing (the end was reached) or a failure.
  virtual std::optional<Error> failure() const = 0;
};

// Where sessions live across restarts.
//
// Threading: write() from one thread at a time; everything else from any thread.
// Durability: once write() returns the batch survives the death of the process; once sync()
// returns, everything written before the call survives a power cut.
class Store {
 public:
  enum class Stall : std::uint8_t {
    wait,    // wait while the store catches up
    refuse,  // fail with Errc::unavailable at once, nothing written, if the store has to catch up,
             // or needs memory that prepare() would have got
  };

  virtual ~Store() = default;

  virtual std::unique_ptr<Batch> make_batch() = 0;
  // All of the batch or nothing. Errc::disk_full: it does not survive a crash yet, but reads may
  // find it; the same batch must be tried again, before any other, until it is written.
  // Errc::unavailable: nothing written, may be tried again; with Stall::wait only after a long
  // wait. Errc::storage: whether it was written is unknown, and no write may follow.
  virtual Result<StoreSequence> write(Batch& batch, Stall stall) = 0;
  // Gets ready, in its own time, what the next writes want. For who has just written and may wait.
  virtual void prepare() {}
  // Never to be tried again after it failed (the kernel may have dropped the pages).
  virtual Result<void> sync() = 0;
  // The row under key, or nullopt when there is none; a failure is never nullopt.
  virtual Result<std::optional<std::string>> read(Column column, std::string_view key) = 0;
  // Fails only for what outside the program failed.
  virtual Result<std::unique_ptr<Cursor>> walk(Column column) = 0;
  // The last sequence written.
  virtual StoreSequence sequence() const = 0;

  // What it holds in RAM for itself.
  virtual std::uint64_t memory_bytes() const { return 0; }
  // For INFO: names and values of the store's own figures, one call a figure.
  virtual void describe(
      const std::function<void(std::string_view name, std::string_view value)>& figure) const {
    (void)figure;
  }
};

}  // namespace sojourn::server
