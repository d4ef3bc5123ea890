#include "server/cache/journal.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "server/cache/journal_progress.h"

namespace sojourn::server {
namespace {

using Steady = std::chrono::steady_clock;

// A batch is closed at this size: its memory grows by copying, under the journal's lock.
constexpr std::size_t kBatchBytesMax = 512 * 1024;
// Batches kept for reuse; one that one large unit made much larger is not kept.
constexpr std::size_t kSpareBatches = 2;
constexpr std::size_t kSpareBytesMax = 2 * kBatchBytesMax;
// How often the worker who writes looks again before he leaves the rest to the committer.
constexpr int kInlineRounds = 2;

constexpr std::string_view kNextVersionRow = "next_version";
constexpr std::string_view kNextCollectionRow = "next_collection";

template <class Array>
std::string_view view(const Array& bytes) {
  return {bytes.data(), bytes.size()};
}

void put_big_endian(std::uint64_t number, char* to) {
  for (int i = 7; i >= 0; --i, number >>= 8) to[i] = static_cast<char>(number);
}

std::uint64_t get_big_endian(const char* from) {
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(from[i]);
  return number;
}

// The row of a reserved number: the number, then all its bits turned over, so that damage is seen.
std::array<char, 16> encode_reserved(std::uint64_t number) {
  std::array<char, 16> row;
  put_big_endian(number, row.data());
  put_big_endian(~number, row.data() + 8);
  return row;
}

// The first number that nobody has reserved yet: `otherwise` if the store holds no such row.
Result<std::uint64_t> read_reserved(Store& store, std::string_view name, std::uint64_t otherwise) {
  const auto found = store.read(Column::meta, name);
  if (!found) return found.error();
  if (!*found) return otherwise;
  const std::string& row = **found;
  if (row.size() != 16 || get_big_endian(row.data()) != ~get_big_endian(row.data() + 8)) {
    return Error{Errc::damaged, fmt::format("the reserved number {} is damaged", name)};
  }
  return std::max(get_big_endian(row.data()), otherwise);
}

// A thread that can be waited for with a deadline.
class EndingThread {
 public:
  template <class Body>
  void start(const char* name, Body body) {
    std::promise<void> ended;
    ended_ = ended.get_future();
    thread_ = std::thread([body = std::move(body), ended = std::move(ended)]() mutable {
      body();
      ended.set_value();
    });
    pthread_setname_np(thread_.native_handle(), name);
  }
  // False if it has not ended by then; it is let go.
  bool join_by(Steady::time_point deadline) {
    if (!thread_.joinable()) return true;
    if (ended_.wait_until(deadline) == std::future_status::ready) {
      thread_.join();
      return true;
    }
    thread_.detach();
    return false;
  }

 private:
  std::thread thread_;
  std::future<void> ended_;
};

}  // namespace

// Collects changes into batches and writes them, one thread at a time: who holds the writer's
// place. The place is taken and left under mutex_, and left only when nothing is pending, so no
// change is forgotten. A worker who should not go on passes it to the committer.
class Journal::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Store* store, Options options, Log* log)
      : store_(store),
        options_(options),
        log_(log),
        versions_(kNextVersionRow, options.next_version),
        collections_(kNextCollectionRow, options.next_collection),
        progress_(store, options, log) {
    if (store_ != nullptr) current_ = begin_batch();
  }

  Result<void> restore();
  void start();
  void reserve_numbers();
  Stopped stop();

  // For a Unit. The lock is empty when nothing is kept on disk; batch_for_unit() and unit_ended()
  // are called with it held.
  std::unique_lock<std::mutex> lock() {
    return store_ == nullptr ? std::unique_lock<std::mutex>() : std::unique_lock(mutex_);
  }
  Batch* batch_for_unit();
  void unit_ended();
  std::uint64_t next_version(Batch* batch) { return versions_.next(batch, options_.reserve_step); }
  std::uint64_t next_collection(Batch* batch) {
    return collections_.next(batch, options_.reserve_step);
  }

  void end_turn();
  void commit_soon();
  std::future<bool> flush();

  bool keeps() const { return store_ != nullptr; }
  JournalPosition appended() const { return appended_.load(std::memory_order_acquire); }
  std::size_t pending_bytes() const {
    return closed_bytes_.load(std::memory_order_acquire) +
           current_bytes_.load(std::memory_order_relaxed);
  }
  bool over_budget() const {
    return pending_bytes() > options_.bytes_budget && progress_.state() != StorageState::failed;
  }
  JournalProgress& progress() { return progress_; }

 private:
  // Numbers that are never used twice: reserved on disk before the first of them is given out.
  class Numbers {
   public:
    Numbers(std::string_view row, std::uint64_t next) : row_(row), next_(next), reserved_(next) {}
    Result<void> restore(Store& store) {
      auto reserved = read_reserved(store, row_, reserved_);
      if (!reserved) return reserved.error();
      next_ = reserved_ = *reserved;
      return {};
    }
    std::uint64_t next(Batch* batch, std::uint64_t step) {
      const std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
      if (batch != nullptr && number + step / 2 >= reserved_) reserve(*batch, step);
      return number;
    }
    void reserve(Batch& batch, std::uint64_t step) {
      const std::uint64_t end = next_.load(std::memory_order_relaxed) + step;
      batch.put(Column::meta, {row_}, {view(encode_reserved(end))});
      reserved_ = end;
    }

   private:
    const std::string_view row_;
    std::atomic<std::uint64_t> next_;  // atomic for the journal that keeps nothing, and no lock
    std::uint64_t reserved_;
  };

  enum class Writer : std::uint8_t { nobody, worker, committer };
  enum class Wrote : std::uint8_t { yes, not_yet, never };
  struct Closed {
    std::unique_ptr<Batch> batch;
    JournalPosition position = 0;  // of its last unit
    std::size_t bytes = 0;
  };

  std::unique_ptr<Batch> begin_batch();
  void close_current();
  bool pending() const { return writing_.batch || appended() != taken_.load(); }
  bool is_small() const {
    return !writing_.batch && closed_.empty() && current_->bytes() <= options_.inline_bytes_max;
  }
  bool take();
  Wrote write_taken(std::unique_lock<std::mutex>& lock, Store::Stall stall);
  void pass_to_committer(std::unique_lock<std::mutex>& lock);
  void commit_loop();
  bool write_all(std::unique_lock<std::mutex>& lock);
  Stopped end_threads();

  Store* const store_;
  const Options options_;
  Log* const log_;

  std::mutex mutex_;
  // Changed under mutex_; the atomics are read without it.
  std::condition_variable commit_cv_;
  std::unique_ptr<Batch> current_;
  std::deque<Closed> closed_;  // full, in order, not yet taken
  std::vector<std::unique_ptr<Batch>> spare_;
  std::atomic<JournalPosition> appended_{0};
  std::atomic<JournalPosition> taken_{0};
  std::atomic<std::size_t> current_bytes_{0};
  std::atomic<std::size_t> closed_bytes_{0};  // of closed_ and writing_; the writer takes away
  Numbers versions_;
  Numbers collections_;
  Writer writer_ = Writer::nobody;
  bool retry_now_ = false;
  bool ending_ = false;

  // Of whoever holds the writer's place.
  Closed writing_;

  JournalProgress progress_;
  EndingThread committer_;
  EndingThread syncer_;
  std::optional<Stopped> stopped_;  // of the thread that stops
};

Result<void> Journal::Core::restore() {
  if (auto restored = versions_.restore(*store_); !restored) return restored;
  return collections_.restore(*store_);
}

void Journal::Core::start() {
  committer_.start("committer", [core = shared_from_this()] { core->commit_loop(); });
  syncer_.start("syncer", [core = shared_from_this()] { core->progress_.sync_loop(); });
}

// A unit of its own, so that there is something to flush before the first number is given out.
void Journal::Core::reserve_numbers() {
  std::lock_guard lock(mutex_);
  versions_.reserve(*current_, options_.reserve_step);
  collections_.reserve(*current_, options_.reserve_step);
  unit_ended();
}

Batch* Journal::Core::batch_for_unit() {
  if (progress_.state() == StorageState::failed) return nullptr;
  if (current_->bytes() > kBatchBytesMax) close_current();
  return current_.get();
}

void Journal::Core::unit_ended() {
  appended_.store(appended() + 1, std::memory_order_release);
  current_bytes_.store(current_->bytes(), std::memory_order_relaxed);
}

// The one place where a batch begins.
std::unique_ptr<Batch> Journal::Core::begin_batch() {
  if (spare_.empty()) return store_->make_batch();
  auto batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

void Journal::Core::close_current() {
  const std::size_t bytes = current_->bytes();
  closed_.push_back({std::exchange(current_, begin_batch()), appended(), bytes});
  closed_bytes_ += bytes;
  current_bytes_.store(0, std::memory_order_relaxed);
}

// Makes writing_ the next batch in order; false when there is none.
bool Journal::Core::take() {
  if (writing_.batch) return true;
  if (!pending()) return false;
  if (closed_.empty()) close_current();
  writing_ = std::move(closed_.front());
  closed_.pop_front();
  taken_.store(writing_.position);
  return true;
}

Journal::Core::Wrote Journal::Core::write_taken(std::unique_lock<std::mutex>& lock,
                                                Store::Stall stall) {
  // A sync may have failed since the batch was begun.
  if (progress_.state() == StorageState::failed) return Wrote::never;
  progress_.tries_to_write();
  lock.unlock();
  if (auto result = store_->write(*writing_.batch, stall); !result) {
    const Error& error = result.error();
    const bool passes = error.code == Errc::disk_full || error.code == Errc::unavailable;
    if (!passes) progress_.fail(error.detail);
    if (error.code == Errc::disk_full) progress_.met_full_disk(error.detail);
    lock.lock();
    return passes ? Wrote::not_yet : Wrote::never;
  }
  Closed done = std::exchange(writing_, {});
  // Before anybody is woken: who waits for the budget looks at it then.
  closed_bytes_ -= done.bytes;
  progress_.wrote(done.position);
  if (done.batch->bytes() > kSpareBytesMax) {
    done.batch.reset();
  } else {
    done.batch->clear();
  }
  lock.lock();
  if (done.batch && spare_.size() < kSpareBatches) spare_.push_back(std::move(done.batch));
  return Wrote::yes;
}

void Journal::Core::end_turn() {
  if (appended() == taken_.load() || progress_.state() == StorageState::failed) return;
  std::unique_lock lock(mutex_);
  if (writer_ != Writer::nobody || !pending()) return;
  writer_ = Writer::worker;
  for (int round = 0; round < kInlineRounds && is_small(); ++round) {
    take();
    const Wrote wrote = write_taken(lock, Store::Stall::refuse);
    if (wrote == Wrote::never) return;  // the writer's place stays taken: nobody writes again
    if (wrote == Wrote::not_yet) break;
    if (!pending()) {
      writer_ = Writer::nobody;
      return;
    }
  }
  pass_to_committer(lock);
}

void Journal::Core::pass_to_committer(std::unique_lock<std::mutex>& lock) {
  writer_ = Writer::committer;
  lock.unlock();
  commit_cv_.notify_one();
}

// Has everything appended written without waiting for a turn to end, and a full disk tried at once.
void Journal::Core::commit_soon() {
  std::unique_lock lock(mutex_);
  retry_now_ = true;
  if (writer_ == Writer::nobody && pending()) writer_ = Writer::committer;
  lock.unlock();
  commit_cv_.notify_one();
}

void Journal::Core::commit_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    commit_cv_.wait(lock, [&] { return ending_ || writer_ == Writer::committer; });
    if (ending_ || !write_all(lock)) return;
    writer_ = Writer::nobody;
  }
}

// False when nothing more will be written.
bool Journal::Core::write_all(std::unique_lock<std::mutex>& lock) {
  Millis delay = options_.retry_first;
  while (!ending_ && take()) {
    retry_now_ = false;
    const Wrote wrote = write_taken(lock, Store::Stall::wait);
    if (wrote == Wrote::never) return false;
    if (wrote == Wrote::yes) {
      delay = options_.retry_first;
      continue;
    }
    commit_cv_.wait_for(lock, delay, [&] { return ending_ || retry_now_; });
    delay = std::min(2 * delay, options_.retry_most);
  }
  return !ending_;
}

std::future<bool> Journal::Core::flush() {
  auto synced = std::make_shared<std::promise<bool>>();  // the caller may go before set_value ends
  auto result = synced->get_future();
  progress_.when_synced(appended(), [synced](bool ok) { synced->set_value(ok); });
  commit_soon();
  return result;
}

Journal::Stopped Journal::Core::stop() {
  if (!stopped_) stopped_ = keeps() ? end_threads() : Stopped::clean;
  return *stopped_;
}

Journal::Stopped Journal::Core::end_threads() {
  const auto deadline = Steady::now() + options_.stop_wait;
  auto flushed = flush();
  const bool drained = flushed.wait_until(deadline) == std::future_status::ready && flushed.get();
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  commit_cv_.notify_all();
  progress_.end_sync_loop();
  // What ends at all ends at once now.
  const auto last = std::max(deadline, Steady::now() + Millis{100});
  const bool committer_ended = committer_.join_by(last);
  const bool syncer_ended = syncer_.join_by(last);
  const bool ended = committer_ended && syncer_ended;
  if (!ended) progress_.abandon();
  if (!drained) {
    log_->warning(
        "Stopped with changes not written or not synced: {} of {} units are synced, {} bytes "
        "are not written{}{}{}",
        progress_.synced(), appended(), pending_bytes(),
        committer_ended ? "" : "; a write hangs in the store",
        syncer_ended ? "" : "; a sync hangs in the store",
        progress_.failure().empty() ? "" : "; " + progress_.failure());
  }
  if (!ended) return Stopped::hanging;
  return drained ? Stopped::clean : Stopped::unwritten;
}

Journal::Journal(Store* store, Options options, Log* log)
    : enabled_(store != nullptr), core_(std::make_shared<Core>(store, options, log)) {}

Result<std::unique_ptr<Journal>> Journal::open(Store& store, Options options, Log& log) {
  std::unique_ptr<Journal> journal(new Journal(&store, options, &log));
  if (auto restored = journal->core_->restore(); !restored) return restored.error();
  journal->core_->start();
  journal->core_->reserve_numbers();
  if (!journal->flush() && journal->state() == StorageState::failed) {
    return Error{Errc::storage, journal->failure()};
  }
  return journal;
}

std::unique_ptr<Journal> Journal::none() {
  return std::unique_ptr<Journal>(new Journal(nullptr, Options{}, nullptr));
}

Journal::~Journal() { stop(); }

Journal::Stopped Journal::stop() { return core_->stop(); }

Journal::Unit::Unit(Journal& journal) : core_(*journal.core_), lock_(core_.lock()) {
  if (lock_.owns_lock()) batch_ = core_.batch_for_unit();
}

Journal::Unit::~Unit() {
  if (changed_ && lock_.owns_lock()) core_.unit_ended();
}

Batch* Journal::Unit::changing() {
  changed_ = true;
  return batch_;
}

std::uint64_t Journal::Unit::next_version() { return core_.next_version(batch_); }
std::uint64_t Journal::Unit::next_collection() { return core_.next_collection(batch_); }

void Journal::Unit::put(DatabaseId database, std::string_view key, const Record& record) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = database_prefix(database);
  const RecordEnvelope envelope(view(prefix), key, record);
  batch->put(Column::records, {view(prefix), key},
             {envelope.head(), record.value, envelope.tail()});
}

void Journal::Unit::erase(DatabaseId database, std::string_view key, bool touched) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = database_prefix(database);
  batch->erase(Column::records, {view(prefix), key});
  if (touched) batch->erase(Column::touches, {view(prefix), key});
}

void Journal::Unit::touch(DatabaseId database, std::string_view key, const Touch& touch) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = database_prefix(database);
  batch->put(Column::touches, {view(prefix), key}, {view(encode_touch(view(prefix), key, touch))});
}

void Journal::Unit::put_field(std::uint64_t collection, std::string_view field,
                              std::string_view value) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = collection_prefix(collection);
  batch->put(Column::fields, {view(prefix), field},
             {value, view(field_tail(view(prefix), field, value))});
}

void Journal::Unit::erase_field(std::uint64_t collection, std::string_view field) {
  Batch* const batch = changing();
  if (batch != nullptr) batch->erase(Column::fields, {view(collection_prefix(collection)), field});
}

void Journal::Unit::erase_collection(std::uint64_t collection) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  batch->erase_range(Column::fields, view(collection_prefix(collection)),
                     view(collection_prefix(collection + 1)));
}

void Journal::Unit::erase_database(DatabaseId database) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  CHECK(database + 1 != 0);  // the last number has no end; numbers are given out from 0
  const auto begin = database_prefix(database);
  const auto end = database_prefix(database + 1);
  batch->erase_range(Column::records, view(begin), view(end));
  batch->erase_range(Column::touches, view(begin), view(end));
}

void Journal::Unit::put_meta(std::string_view name, std::string_view value) {
  Batch* const batch = changing();
  if (batch != nullptr) batch->put(Column::meta, {name}, {value});
}

JournalPosition Journal::Unit::position() const {
  if (!lock_.owns_lock()) return 0;
  return core_.appended() + (changed_ ? 1 : 0);
}

void Journal::end_turn() {
  if (enabled_) core_->end_turn();
}

JournalPosition Journal::appended() const { return core_->appended(); }
JournalPosition Journal::written() const { return core_->progress().written(); }
JournalPosition Journal::synced() const { return core_->progress().synced(); }
JournalPosition Journal::released() const { return core_->progress().released(); }

bool Journal::flush() { return !enabled_ || core_->flush().get(); }

void Journal::when_synced(JournalPosition position, std::function<void(bool)> done) {
  core_->progress().when_synced(position, std::move(done));
  if (enabled_) core_->commit_soon();
}

bool Journal::over_budget() const { return core_->over_budget(); }
std::size_t Journal::pending_bytes() const { return core_->pending_bytes(); }
StorageState Journal::state() const { return core_->progress().state(); }
std::string Journal::failure() const { return core_->progress().failure(); }
void Journal::set_fsync(AppendFsync fsync) { core_->progress().set_fsync(fsync); }
AppendFsync Journal::fsync() const { return core_->progress().fsync(); }
Time Journal::last_sync() const { return core_->progress().last_sync(); }
void Journal::on_progress(std::function<void()> wake) {
  core_->progress().on_progress(std::move(wake));
}

}  // namespace sojourn::server
