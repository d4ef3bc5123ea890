#include "server/store/rocks_memtable.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "server/base/prefetch.h"

namespace sojourn::server {
namespace {

using rocksdb::Slice;

// A row as RocksDB keeps it: its internal key with the length in front, then the value likewise.
using Row = const char*;
using Run = std::span<const Row>;  // sorted
using Order = rocksdb::MemTableRep::KeyComparator;

// So many rows of half a kilobyte are still in the second-level cache when they are sorted, which
// takes some 50 us: the longest that a put may take.
constexpr std::size_t kRun = 1024;
constexpr std::size_t kCacheLine = 64;
// Of a row that will soon be copied, as much is fetched ahead; the processor guesses the rest.
constexpr std::ptrdiff_t kFetchedAhead = 1024;

// An internal key ends in eight bytes of version and kind; the user's key is before them.
Slice user_key(const Slice& internal_key) { return {internal_key.data(), internal_key.size() - 8}; }
Slice user_key(Row row) { return user_key(rocksdb::GetLengthPrefixedSlice(row)); }

std::size_t bytes_in_common(const Slice& one, const Slice& other, std::size_t at_most) {
  const std::size_t limit = std::min({one.size(), other.size(), at_most});
  const auto [end, ignored] = std::mismatch(one.data(), one.data() + limit, other.data());
  return static_cast<std::size_t>(end - one.data());
}

// The eight bytes after those that all keys have in common, as a number: where two of them differ,
// they decide the order of the keys.
std::uint64_t deciding_bytes(const Slice& key, std::size_t common) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t bytes = 0;
  if (key.size() > common) {
    std::memcpy(&bytes, key.data() + common, std::min(key.size() - common, sizeof(bytes)));
  }
  return __builtin_bswap64(bytes);
}

std::vector<Row> sorted(std::span<const Row> rows, const Order& order) {
  std::size_t common = SIZE_MAX;
  for (const Row row : rows)
    common = bytes_in_common(user_key(rows.front()), user_key(row), common);
  struct Keyed {
    std::uint64_t bytes;
    Row row;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(rows.size());
  for (const Row row : rows) keyed.push_back({deciding_bytes(user_key(row), common), row});
  std::sort(keyed.begin(), keyed.end(), [&](const Keyed& one, const Keyed& other) {
    if (one.bytes != other.bytes) return one.bytes < other.bytes;
    return order(one.row, other.row) < 0;
  });
  std::vector<Row> result;
  result.reserve(rows.size());
  for (const Keyed& each : keyed) result.push_back(each.row);
  return result;
}

void fetch(Row row, const char* end) {
  end = std::min(end, row + kFetchedAhead);
  for (const char* line = row; line < end; line += kCacheLine) prefetch(line);
}

// Runs merged into one, by a tree of losers (Knuth, The Art of Computer Programming 3, 5.4.1): a
// step costs one comparison a level.
class Merge {
 public:
  Merge(std::vector<Run> runs, const Order& order) : runs_(std::move(runs)), order_(order) {
    std::erase_if(runs_, [](const Run& run) { return run.empty(); });
    if (runs_.empty()) return;
    // What the first of all and the last of all have in common, all have.
    const auto first = std::min_element(
        runs_.begin(), runs_.end(),
        [&](const Run& a, const Run& b) { return order_(a.front(), b.front()) < 0; });
    common_ = bytes_in_common(user_key(first->front()), user_key(last()), SIZE_MAX);
    cursors_.resize(runs_.size());
    losers_.resize(runs_.size());
  }

  bool valid() const { return !losers_.empty() && !cursors_[losers_[0]].ended(); }
  Row row() const { return *cursors_[losers_[0]].at; }

  void next() {
    Cursor& cursor = cursors_[losers_[0]];
    ++cursor.at;
    look(cursor);
    play(losers_[0]);
  }

  void seek_to_first() {
    begin_at([](const Run& run) { return run.begin(); });
  }
  void seek(const Slice& internal_key) {
    begin_at([&](const Run& run) { return not_before(run, internal_key); });
  }
  void end() {
    begin_at([](const Run& run) { return run.end(); });
  }

  // Of all rows; nullptr when there is none.
  Row last() const {
    Row found = nullptr;
    for (const Run& run : runs_) found = later(found, run.back());
    return found;
  }
  Row last_before(const Slice& internal_key) const {
    Row found = nullptr;
    for (const Run& run : runs_) {
      const auto at = not_before(run, internal_key);
      if (at != run.begin()) found = later(found, *(at - 1));
    }
    return found;
  }

 private:
  struct Cursor {
    std::uint64_t bytes = 0;  // deciding ones, of the row it is at
    Run::iterator at;
    Run::iterator end;

    bool ended() const { return at == end; }
  };

  Run::iterator not_before(const Run& run, const Slice& internal_key) const {
    return std::partition_point(run.begin(), run.end(),
                                [&](Row row) { return order_(row, internal_key) < 0; });
  }
  Row later(Row one, Row other) const {
    return one == nullptr || order_(one, other) < 0 ? other : one;
  }

  template <class Begin>
  void begin_at(Begin begin) {
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      cursors_[i].at = begin(runs_[i]);
      cursors_[i].end = runs_[i].end();
      look(cursors_[i]);
    }
    // Nobody has played yet: whoever comes by first stays at each node.
    std::fill(losers_.begin(), losers_.end(), kNobody);
    for (std::size_t i = 0; i < runs_.size(); ++i) play(i);
  }

  void look(Cursor& cursor) const {
    if (cursor.ended()) return;
    const Slice key = rocksdb::GetLengthPrefixedSlice(*cursor.at);
    cursor.bytes = deciding_bytes(user_key(key), common_);
    // Until it is this row's turn, the other runs have theirs; the next one's key is needed then.
    const Slice value = rocksdb::GetLengthPrefixedSlice(key.data() + key.size());
    fetch(*cursor.at, value.data() + value.size());
    if (cursor.at + 1 != cursor.end) fetch(*(cursor.at + 1), *(cursor.at + 1) + 2 * kCacheLine);
  }

  // Has the cursor climb from its leaf until it loses; the winner of all stands at 0.
  void play(std::size_t cursor) {
    for (std::size_t node = (cursor + losers_.size()) / 2; node > 0; node /= 2) {
      if (losers_[node] == kNobody) {
        losers_[node] = cursor;
        return;
      }
      if (is_before(losers_[node], cursor)) std::swap(losers_[node], cursor);
    }
    losers_[0] = cursor;
  }
  bool is_before(std::size_t one, std::size_t other) const {
    const Cursor& a = cursors_[one];
    const Cursor& b = cursors_[other];
    if (a.ended() || b.ended()) return !a.ended();
    if (a.bytes != b.bytes) return a.bytes < b.bytes;
    return order_(*a.at, *b.at) < 0;
  }

  static constexpr std::size_t kNobody = SIZE_MAX;

  std::vector<Run> runs_;
  const Order& order_;
  std::size_t common_ = 0;  // bytes at the beginning of every key
  std::vector<Cursor> cursors_;
  std::vector<std::size_t> losers_;
};

// Rows one behind the other, for as long as the memtable lives.
class RowMemory {
 public:
  explicit RowMemory(std::shared_ptr<ChunkPool> pool) : pool_(std::move(pool)) {}
  ~RowMemory() {
    for (char* chunk : chunks_) pool_->give_back(chunk);
    pool_->count_other(-static_cast<std::ptrdiff_t>(large_bytes_));
  }
  RowMemory(const RowMemory&) = delete;
  RowMemory& operator=(const RowMemory&) = delete;

  char* allocate(std::size_t bytes) {
    if (bytes > kLarge) {
      large_bytes_ += bytes;
      pool_->count_other(static_cast<std::ptrdiff_t>(bytes));
      return large_.emplace_back(std::make_unique_for_overwrite<char[]>(bytes)).get();
    }
    if (bytes > left_) {
      next_ = chunks_.emplace_back(pool_->take());
      left_ = ChunkPool::kChunk;
    }
    left_ -= bytes;
    return std::exchange(next_, next_ + bytes);
  }

 private:
  // Larger ones have an allocation of their own, so at most an eighth of a chunk is left over.
  static constexpr std::size_t kLarge = ChunkPool::kChunk / 8;

  const std::shared_ptr<ChunkPool> pool_;
  std::vector<char*> chunks_;
  std::vector<std::unique_ptr<char[]>> large_;
  std::size_t large_bytes_ = 0;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

class SortedRuns : public rocksdb::MemTableRep {
 public:
  SortedRuns(const Order& order, rocksdb::Allocator* allocator, std::shared_ptr<ChunkPool> pool)
      : MemTableRep(allocator), order_(order), memory_(std::move(pool)) {}

  rocksdb::KeyHandle Allocate(std::size_t bytes, char** row) override {
    bytes_.store(bytes_.load(std::memory_order_relaxed) + bytes + sizeof(Row),
                 std::memory_order_relaxed);
    return *row = memory_.allocate(bytes);
  }

  void Insert(rocksdb::KeyHandle handle) override {
    const std::size_t filled = filled_.load(std::memory_order_relaxed);
    filling_[filled] = static_cast<Row>(handle);
    filled_.store(filled + 1, std::memory_order_release);
    if (filled + 1 == kRun) seal();
  }
  void MarkReadOnly() override { seal(); }

  bool Contains(Row row) const override;
  // May not change any more once it is read-only: RocksDB keeps the sum over its memtables.
  std::size_t ApproximateMemoryUsage() override {
    return sizeof(*this) + bytes_.load(std::memory_order_relaxed);
  }
  Iterator* GetIterator(rocksdb::Arena* arena) override;
  Iterator* GetDynamicPrefixIterator(rocksdb::Arena* arena) override;

 private:
  class Walk;
  class PlacedWalk;

  void seal() {
    const std::size_t filled = filled_.load(std::memory_order_relaxed);
    if (filled == 0) return;
    std::vector<Row> run = sorted({filling_.data(), filled}, order_);
    const std::lock_guard lock(mutex_);
    runs_.push_back(std::move(run));
    filled_.store(0, std::memory_order_relaxed);
  }

  const Order& order_;
  RowMemory memory_;
  // One thread fills; when it begins anew, it holds the mutex.
  std::array<Row, kRun> filling_;
  std::atomic<std::size_t> filled_{0};
  std::atomic<std::size_t> bytes_{0};  // of all rows and their places in runs

  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::vector<Row>> runs_;
  std::vector<std::unique_ptr<std::byte[]>> places_;  // for walks, in use or free
  std::vector<std::byte*> free_places_;
};

// Over what was there when it was made.
class SortedRuns::Walk : public rocksdb::MemTableRep::Iterator {
 public:
  explicit Walk(const SortedRuns& rows) : order_(rows.order_), merge_(take(rows), order_) {}

  bool Valid() const override { return merge_.valid(); }
  Row key() const override { return merge_.row(); }
  void Next() override { merge_.next(); }
  void Seek(const Slice& internal_key, Row row) override { merge_.seek(target(internal_key, row)); }
  void SeekToFirst() override { merge_.seek_to_first(); }

  // Backwards every step is a search.
  void Prev() override { go_to(merge_.last_before(rocksdb::GetLengthPrefixedSlice(key()))); }
  void SeekToLast() override { go_to(merge_.last()); }
  void SeekForPrev(const Slice& internal_key, Row row) override {
    const Slice key = target(internal_key, row);
    merge_.seek(key);
    if (!Valid() || order_(merge_.row(), key) > 0) go_to(merge_.last_before(key));
  }

 private:
  std::vector<Run> take(const SortedRuns& rows) {
    std::vector<Run> runs;
    {
      const std::lock_guard lock(rows.mutex_);
      runs.assign(rows.runs_.begin(), rows.runs_.end());
      const auto filled = rows.filled_.load(std::memory_order_acquire);
      newest_.assign(rows.filling_.begin(), rows.filling_.begin() + filled);
    }
    if (newest_.empty()) return runs;
    newest_ = sorted(newest_, order_);
    runs.emplace_back(newest_);
    return runs;
  }
  // RocksDB gives either of them.
  static Slice target(const Slice& internal_key, Row row) {
    return row == nullptr ? internal_key : rocksdb::GetLengthPrefixedSlice(row);
  }
  void go_to(Row row) {
    if (row == nullptr) {
      merge_.end();
    } else {
      merge_.seek(rocksdb::GetLengthPrefixedSlice(row));
    }
  }

  const Order& order_;
  std::vector<Row> newest_;  // sorted copy of what was still being filled
  Merge merge_;
};

// What RocksDB means to have in an arena of its own: it calls the destructor and frees nothing. The
// arena's header is not public, so the memory is the memtable's, which lives longer.
struct WalkPlace {
  ~WalkPlace() {
    const std::lock_guard lock(mutex);
    free_places.push_back(place);
  }
  std::mutex& mutex;
  std::vector<std::byte*>& free_places;
  std::byte* const place;
};

// The place is a base, and the first one, because it must be the last to be destroyed.
class SortedRuns::PlacedWalk : private WalkPlace, public Walk {
 public:
  PlacedWalk(SortedRuns& rows, std::byte* place)
      : WalkPlace{rows.mutex_, rows.free_places_, place}, Walk(rows) {}
};

bool SortedRuns::Contains(Row row) const {
  Walk walk(*this);
  walk.Seek({}, row);
  return walk.Valid() && order_(walk.key(), row) == 0;
}

rocksdb::MemTableRep::Iterator* SortedRuns::GetIterator(rocksdb::Arena* arena) {
  if (arena == nullptr) return new Walk(*this);
  std::byte* place = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (free_places_.empty()) {
      places_.push_back(std::make_unique<std::byte[]>(sizeof(PlacedWalk)));
      free_places_.push_back(places_.back().get());
    }
    place = free_places_.back();
    free_places_.pop_back();
  }
  return new (place) PlacedWalk(*this, place);
}

// For MemTableRep::Get(), which never gives back what it asks for without an arena, and for nobody
// else: there are no prefixes, merges or updates in place. So each thread keeps its last one, which
// refers to nothing of the memtable when it goes.
rocksdb::MemTableRep::Iterator* SortedRuns::GetDynamicPrefixIterator(rocksdb::Arena* arena) {
  if (arena != nullptr) return GetIterator(arena);
  thread_local std::unique_ptr<Walk> last;
  last = std::make_unique<Walk>(*this);
  return last.get();
}

}  // namespace

rocksdb::MemTableRep* SortedRunsFactory::CreateMemTableRep(
    const rocksdb::MemTableRep::KeyComparator& order, rocksdb::Allocator* allocator,
    const rocksdb::SliceTransform*, rocksdb::Logger*) {
  return new SortedRuns(order, allocator, pool_);
}

}  // namespace sojourn::server
