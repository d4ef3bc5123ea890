#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/cache/encoding.h"
#include "server/cache/entry.h"
#include "server/store/record.h"
#include "server/store/store.h"

namespace sojourn::server {

// Reads all records into RAM in the background, once, after start. The walks are made before
// anything is written, so they see the store as it was opened; who installs what they find must let
// newer knowledge win.
class Loader {
 public:
  struct Walks {
    std::unique_ptr<Cursor> records;
    std::unique_ptr<Cursor> touches;
    std::unique_ptr<Cursor> fields;
  };
  using Install = std::function<void(DatabaseId, std::string_view key, Entry*, ValueType)>;
  // Gets the collections that have rows in Column::fields but no record: left behind by a process
  // that died while it was cleaning up after a flush.
  using Orphan = std::function<void(std::uint64_t collection)>;
  using Done = std::function<void(bool whole)>;  // false when the walk failed: see the log
  // There is no room for values just now: the fields of large collections are not read then.
  using Full = std::function<bool()>;

  Loader(Walks walks, const Clock& clock, Log& log, SlabHeap& heap, const EncodingLimits& limits,
         Full full, Install install, Orphan orphan, Done done);
  ~Loader();  // stops where it is

 private:
  void run();
  bool load_all();
  void load_row();
  bool find_orphans();

  Walks walks_;
  const Clock& clock_;
  Log& log_;
  SlabHeap& heap_;
  const EncodingLimits& limits_;
  const Full full_;
  const Install install_;
  const Orphan orphan_;
  const Done done_;
  std::unordered_set<std::uint64_t> collections_;  // of all records
  bool damaged_ = false;                           // some record could not be read
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sojourn::server
