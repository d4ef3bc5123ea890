#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/store/record.h"
#include "server/store/store.h"

namespace sojourn::server {

// A place in the one order of all changes. A reply to a change waits until released() >= its place.
using JournalPosition = std::uint64_t;

enum class AppendFsync : std::uint8_t { always, everysec, no };

enum class StorageState : std::uint8_t {
  ok,
  read_only,  // disk full: nothing is lost, the journal tries again until space returns
  failed,     // an I/O or sync error: nothing is acknowledged any more until a restart
};

// The only way to disk. Changes are appended while the shard they belong to is locked, which gives
// the order; whoever commits writes everything appended so far as one batch and then publishes how
// far the store has got.
//
// Threading: any thread, except where said. Appending takes the journal's own lock; it never waits
// for a disk. Versions and positions come from here, so both grow in journal order.
// Lifetime: the store and the log outlive the journal; see Stopped::hanging for the one exception.
class Journal {
 public:
  struct Options {
    AppendFsync fsync = AppendFsync::everysec;
    // More than this appended and not written: writers must wait (over_budget()).
    std::size_t bytes_budget = 64u * 1024 * 1024;
    // A turn writes its batch itself up to this size; larger ones go to the committer thread.
    std::size_t inline_bytes_max = 64 * 1024;
    // First version and collection number to give out, if the store has reserved none beyond.
    std::uint64_t next_version = 1;
    std::uint64_t next_collection = 1;
    // Numbers are reserved on disk in steps of this size, the next when half are left: long before
    // they are needed, so that even a power cut in `everysec` does not bring a number back.
    std::uint64_t reserve_step = 1u << 22;
    Millis sync_interval{1000};  // of `everysec`
    // A batch that met a full disk is tried again after the first, later at most after the second.
    Millis retry_first{100};
    Millis retry_most{1000};
    // How long stopping waits for the store.
    Millis stop_wait{10'000};
  };

  // Goes on beyond the numbers an earlier process reserved (Column::meta) and has the next ones on
  // disk when it returns, unless the disk is full: then it starts read_only.
  // Fails with Errc::storage or Errc::damaged. Starts committer and sync threads.
  static Result<std::unique_ptr<Journal>> open(Store& store, Options options, Log& log);
  // Nothing is kept on disk (appendonly no): positions are 0, which is always released.
  static std::unique_ptr<Journal> none();
  ~Journal();  // stops

  enum class Stopped : std::uint8_t {
    clean,      // everything appended is written and synced
    unwritten,  // the disk is full or failed; the log says how much is lost
    hanging,    // a thread does not come back from the store: it must not be destroyed any more,
                // leave the process with std::_Exit
  };
  // Writes and syncs what was appended and ends the threads, waiting stop_wait at most. Nothing may
  // be appended afterwards.
  Stopped stop();

 private:
  class Core;

 public:
  // Changes that belong together: they reach the store together or not at all, and nobody else's
  // come between. Holds the journal's lock: make it short, and take it with the shards locked.
  class Unit {
   public:
    explicit Unit(Journal& journal);
    ~Unit();
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;

    // The number for the next change; greater than all before, in all of the server.
    std::uint64_t next_version();
    std::uint64_t next_collection();

    void put(DatabaseId database, std::string_view key, const Record& record);
    // Also its touch row, if `touched`; fields of a large collection go with erase_collection().
    void erase(DatabaseId database, std::string_view key, bool touched);
    void touch(DatabaseId database, std::string_view key, const Touch& touch);
    void put_field(std::uint64_t collection, std::string_view field, std::string_view value);
    void erase_field(std::uint64_t collection, std::string_view field);
    void put_field_deadline(std::uint64_t collection, std::string_view field, Time deadline);
    void erase_field_deadline(std::uint64_t collection, std::string_view field);
    void erase_collection(std::uint64_t collection);
    void erase_database(DatabaseId database);
    void put_meta(std::string_view name, std::string_view value);

    // Where this unit will be when it ends; where the one before it is, if it changed nothing yet.
    JournalPosition position() const;

   private:
    // The batch to append to, or nullptr when changes are not kept.
    Batch* changing();

    Core& core_;
    std::unique_lock<std::mutex> lock_;
    Batch* batch_ = nullptr;
    bool changed_ = false;
  };

  // Ends a worker's turn. The first who finds nobody writing writes what is there, unless it is
  // large or the store would stall; whoever finds somebody writing leaves it to him. Cheap when
  // nothing is appended; not to be called with a Unit open.
  void end_turn();

  JournalPosition appended() const;
  JournalPosition written() const;
  JournalPosition synced() const;
  // The store has every change of a version up to this, as far as its unit has ended: so of what is
  // asked for with its shard locked.
  std::uint64_t written_version() const;
  // What replies may leave: synced() with `always`, else written(). Never goes back.
  JournalPosition released() const;
  // Waits until everything appended before the call is written and synced; false if storage failed,
  // or if the disk is full at the next try. For SHUTDOWN and tests; blocks, so never from a worker.
  bool flush();
  // The same without waiting: calls `done` once, from any thread, maybe before it returns; `done`
  // must only wake somebody. Not to be called with a Unit open.
  void when_synced(JournalPosition position, std::function<void(bool)> done);

  bool enabled() const { return enabled_; }
  bool over_budget() const;  // false once failed: there is nothing to wait for
  std::size_t pending_bytes() const;
  StorageState state() const;
  std::string failure() const;  // what the store said when state() left ok; for people
  void set_fsync(AppendFsync fsync);
  AppendFsync fsync() const;
  Time last_sync() const;  // for LASTSAVE and INFO; wall clock

  // Called after released() or state() changed, from any thread, often: must only wake somebody.
  // One call site (net) fans out. When it returns, the one set before is not running any more.
  void on_progress(std::function<void()> wake);

 private:
  Journal(Store* store, Options options, Log* log);

  const bool enabled_;
  // Two owners: the journal, and each of its threads, since one that hangs in the store lives on.
  const std::shared_ptr<Core> core_;
};

}  // namespace sojourn::server
