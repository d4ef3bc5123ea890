#include "server/cache/loader.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/base/pace.h"
#include "server/cache/cold_reader.h"

namespace sojourn::server {
namespace {

// Two thirds of a core, where it has to share one; bench/README.md has what that does to p99.
constexpr std::chrono::microseconds kWork{300};
constexpr std::chrono::microseconds kPause{100};
constexpr std::size_t kRowsOfALook = 32;  // some 80 us

// The collection a row of Column::fields stands under; a row too short to have one counts as number
// 0.
std::uint64_t split_collection(std::string_view row_key) {
  std::uint64_t collection = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(8, row_key.size()); ++i) {
    collection = collection << 8 | static_cast<unsigned char>(row_key[i]);
  }
  return row_key.size() < 8 ? 0 : collection;
}

}  // namespace

Loader::Loader(Walks walks, const Clock& clock, Log& log, SlabHeap& heap,
               const EncodingLimits& limits, Full full, Install install, Orphan orphan, Done done)
    : walks_(std::move(walks)),
      clock_(clock),
      log_(log),
      heap_(heap),
      limits_(limits),
      full_(std::move(full)),
      install_(std::move(install)),
      orphan_(std::move(orphan)),
      done_(std::move(done)),
      thread_([this] { run(); }) {}

Loader::~Loader() {
  stopping_ = true;
  thread_.join();
}

void Loader::run() {
  const bool whole = load_all() && find_orphans();
  walks_ = {};  // they pin files and memtables
  if (!stopping_) done_(whole);
}

bool Loader::load_all() {
  Pace pace;
  std::size_t rows = 0;
  walks_.touches->seek({});
  for (walks_.records->seek({}); walks_.records->valid(); walks_.records->next()) {
    if (stopping_) return false;
    if (!walks_.touches->valid() && walks_.touches->failure()) break;
    load_row();
    if (++rows % kRowsOfALook == 0) pace.give_way(kWork, kPause);
  }
  auto failure = walks_.records->failure();
  if (!failure) failure = walks_.touches->failure();
  if (failure)
    log_.warning("Loading stopped: {}. Keys not loaded yet are read when asked for.",
                 failure->detail);
  return !failure;
}

// Records and touches stand in the same order, so one walk follows the other.
void Loader::load_row() {
  const std::string_view row_key = walks_.records->key();
  Cursor& touches = *walks_.touches;
  while (touches.valid() && touches.key() < row_key) touches.next();
  std::optional<std::string_view> touch_row;
  if (touches.valid() && touches.key() == row_key) touch_row = touches.value();
  const auto split = split_row_key(row_key);
  if (!split) {
    log_.warning("A record under a key of {} bytes is too short to name a database; left alone",
                 row_key.size());
    return;
  }
  const auto entry =
      make_entry(row_key, walks_.records->value(), touch_row, *walks_.fields, stopping_,
                 clock_.now(), heap_, limits_, full_() ? LargeFields::away : LargeFields::read);
  if (entry) {
    if ((*entry)->collection() != 0) collections_.insert((*entry)->collection());
    install_(split->database, split->key, *entry, (*entry)->type());
    return;
  }
  if (entry.error().code == Errc::unavailable) return;  // stopping
  damaged_ = true;
  log_.warning("A record of database number {} (key of {} bytes, record of {}) cannot be read: {}",
               split->database, split->key.size(), walks_.records->value().size(),
               entry.error().detail);
  install_(split->database, split->key, nullptr, ValueType::damaged);
}

// Goes from collection to collection, not from row to row.
bool Loader::find_orphans() {
  // The fields of a record that cannot be read belong to somebody, nobody knows whom.
  if (damaged_) return true;
  Cursor& fields = *walks_.fields;
  fields.seek({});
  while (fields.valid() && !stopping_) {
    const std::uint64_t collection = split_collection(fields.key());
    // A collection's deadlines stand under a number of their own.
    if (!collections_.contains(collection & ~kDeadlineRows)) orphan_(collection);
    const auto next = collection_prefix(collection + 1);
    fields.seek({next.data(), next.size()});
  }
  const auto failure = fields.failure();
  if (failure) log_.warning("Looking through the fields of large collections: {}", failure->detail);
  return true;
}

}  // namespace sojourn::server
