#include "server/store/rocks_store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "server/store/data_directory.h"
#include "server/store/rocks_crc32c.h"
#include "server/store/rocks_events.h"
#include "server/store/rocks_files.h"
#include "server/store/rocks_options.h"
#include "server/store/rocks_recovery.h"
#include "server/store/rocks_rows.h"
#include "server/store/rocks_status.h"
#include "server/store/watermark.h"

namespace sojourn::server {
namespace {

constexpr std::array<std::string_view, kColumns> kColumnNames = {"records", "fields", "touches",
                                                                 "meta"};

// New chunks of memtables are got by prepare(): a batch that may not wait begins one in each column
// at most, and what is prepared at once lasts for a while.
constexpr std::size_t kMemtableBytesAtHand = 2 * ChunkPool::kChunk;
constexpr std::size_t kMemtableBytesPrepared = 6 * ChunkPool::kChunk;

std::string_view name_of(Column column) { return kColumnNames[static_cast<std::size_t>(column)]; }

rocksdb::WriteOptions write_options() {
  rocksdb::WriteOptions options;
  options.sync = false;
  options.disableWAL = false;
  // RocksDB can wait for ever when it has stopped writes; waiting is done here, where it ends.
  options.no_slowdown = true;
  return options;
}

rocksdb::ReadOptions walk_options() {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = 256 * 1024;
  options.background_purge_on_iterator_cleanup = true;
  return options;
}

// The process may change its working directory later.
std::string absolute_path(const std::string& directory) {
  std::string path = std::filesystem::absolute(directory).lexically_normal().string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// How the watermark fits what RocksDB came back with.
Result<void> check_nothing_is_missing(const RocksStore::Options& options, bool existed,
                                      const FoundWatermark& found, StoreSequence there, Log& log) {
  if (found.file == WatermarkFile::missing) {
    if (existed) {
      log.warning(
          "The data directory {} has no watermark: whether changes are missing cannot be "
          "known this time",
          options.directory);
    }
    return {};
  }
  if (found.file == WatermarkFile::damaged) {
    log.warning(
        "The watermark in the data directory {} is damaged: whether changes are missing "
        "cannot be known this time",
        options.directory);
    return {};
  }
  if (there >= found.watermark.sequence) return {};
  const std::string missing = fmt::format(
      "{} changes that were acknowledged as durable are missing in {} (it ends at {}, "
      "durable was {})",
      found.watermark.sequence - there, options.directory, there, found.watermark.sequence);
  if (!options.accept_data_loss) {
    return Error{Errc::damaged,
                 missing + "; start with accept-data-loss yes to serve what is left"};
  }
  log.warning("{}; serving what is left, as accept-data-loss says", missing);
  return {};
}

}  // namespace

struct RocksStore::Impl {
  Impl(const Options& given, Log& log)
      : options(given),
        setup(rocks_setup(given.memory_bytes, given.background_jobs)),
        pacing(setup.memtables),
        files(std::make_shared<RocksFiles>(
            given.file_system ? given.file_system : rocksdb::FileSystem::Default(), &pacing)),
        environment(rocksdb::NewCompositeEnv(files)),
        events(std::make_shared<RocksEvents>(log)),
        stop_at_hole(log),
        log(log) {}
  ~Impl();

  Result<void> open();
  Result<void> open_database();
  Error open_error(const rocksdb::Status& status) const;
  Result<void> check_usable() const;
  rocksdb::Status write_to_log(rocksdb::WriteBatch& rows);
  Error write_error(const rocksdb::Status& status, std::size_t changes);

  const Options options;
  // In this order: RocksDB, which goes first, uses all of them to its end.
  RocksSetup setup;
  Pacing pacing;
  const std::shared_ptr<RocksFiles> files;
  const std::unique_ptr<rocksdb::Env> environment;
  const std::shared_ptr<RocksEvents> events;
  StopAtHole stop_at_hole;
  Log& log;
  std::unique_ptr<rocksdb::DB> database;
  RocksColumns columns{};
  std::unique_ptr<WatermarkKeeper> keeper;
  std::atomic<StoreSequence> written{0};  // all up to here is in the log
};

RocksStore::Impl::~Impl() {
  keeper.reset();
  if (!database) return;
  pacing.turn_on(false);
  rocksdb::CancelAllBackgroundWork(database.get(), /*wait=*/false);
  for (rocksdb::ColumnFamilyHandle* column : columns) {
    database->DestroyColumnFamilyHandle(column).PermitUncheckedError();
  }
  const rocksdb::Status closed = database->Close();
  if (!closed.ok()) log.warning("Closing the store: {}", closed.ToString());
}

Result<void> RocksStore::Impl::open() {
  if (auto prepared = prepare_data_directory(*files, options.directory, options.own_files);
      !prepared) {
    return prepared;
  }
  const bool existed =
      files->FileExists(database_directory(options.directory) + "/CURRENT", {}, nullptr).ok();
  if (auto opened = open_database(); !opened) return opened;
  // Only now: until RocksDB holds its lock another process may still be writing it.
  const auto found = read_watermark(*files, options.directory);
  if (!found) return found.error();
  const StoreSequence there = database->GetLatestSequenceNumber();
  if (auto all = check_nothing_is_missing(options, existed, *found, there, log); !all) return all;
  written = there;
  // Opening flushed what it recovered, so what is there is durable.
  auto kept = WatermarkKeeper::start(*files, options.directory, {there, found->watermark.time},
                                     options.watermark_interval, log);
  if (!kept) return kept.error();
  keeper = std::move(*kept);
  pacing.turn_on(true);
  return {};
}

Result<void> RocksStore::Impl::open_database() {
  // Before a log is written or read with it; and no other code refers to it, so that the linker
  // would leave it out.
  CHECK(rocksdb::crc32c::Extend(0, "123456789", 9) == 0xe3069283);
  setup.database.env = environment.get();
  setup.database.info_log = make_rocks_logger(log);
  setup.database.listeners = {events, std::make_shared<SortedRunsWatch>(pacing)};
  setup.database.wal_filter = &stop_at_hole;
  rocksdb::DB* opened = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status status = rocksdb::DB::Open(
      setup.database, database_directory(options.directory), setup.columns, &handles, &opened);
  if (!status.ok()) return open_error(status);
  database.reset(opened);
  std::copy(handles.begin(), handles.end(), columns.begin());
  // Compaction can wait; the workers' commands cannot.
  environment->LowerThreadPoolCPUPriority(rocksdb::Env::Priority::LOW, rocksdb::CpuPriority::kLow)
      .PermitUncheckedError();
  return {};
}

Error RocksStore::Impl::open_error(const rocksdb::Status& status) const {
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return {Errc::foreign, fmt::format("the database in {} is not one this server knows: {}",
                                       options.directory, status.ToString())};
  }
  Error error = to_error(status, "opening the store in " + options.directory);
  if (error.code == Errc::locked) {
    error.detail =
        fmt::format("the data directory {} is in use by another process", options.directory);
  }
  return error;
}

Result<void> RocksStore::Impl::check_usable() const {
  if (auto failed = events->failure()) return std::move(*failed);
  return {};
}

// A batch that a full disk kept out of the log is there twice when it has been tried again: that is
// the same as once.
rocksdb::Status RocksStore::Impl::write_to_log(rocksdb::WriteBatch& rows) {
  if (rocksdb::IOStatus status = files->finish_logs(); !status.ok()) return status;
  const rocksdb::Status status = database->Write(write_options(), &rows);
  // Not tried again at once: that could wait for a sync, and this may be a worker.
  return status.ok() && files->unfinished() ? rocksdb::Status::NoSpace("in the log") : status;
}

Error RocksStore::Impl::write_error(const rocksdb::Status& status, std::size_t changes) {
  Error error =
      to_error(status, fmt::format("writing {} changes to {}", changes, options.directory));
  if (error.code == Errc::disk_full || error.code == Errc::unavailable) return error;
  error.code = Errc::storage;
  return events->fail(std::move(error));
}

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

Result<void> RocksStore::make_directory(const Options& options) {
  const auto files = options.file_system ? options.file_system : rocksdb::FileSystem::Default();
  return make_data_directory(*files, absolute_path(options.directory));
}

Result<std::unique_ptr<RocksStore>> RocksStore::open(const Options& options, Log& log) {
  Options absolute = options;
  absolute.directory = absolute_path(options.directory);
  auto impl = std::make_unique<Impl>(absolute, log);
  if (auto opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

std::unique_ptr<Batch> RocksStore::make_batch() {
  return std::make_unique<RocksBatch>(impl_->columns);
}

Result<StoreSequence> RocksStore::write(Batch& batch, Stall stall) {
  rocksdb::WriteBatch& rows = static_cast<RocksBatch&>(batch).rows();
  const auto give_up = std::chrono::steady_clock::now() + impl_->options.stall_patience;
  while (true) {
    if (auto usable = impl_->check_usable(); !usable) return usable.error();
    if (stall == Stall::refuse &&
        !impl_->setup.memtables->has_kept(batch.bytes() + kMemtableBytesAtHand)) {
      return Error{Errc::unavailable, "a memtable may need memory that has to be got first"};
    }
    const rocksdb::Status status = impl_->write_to_log(rows);
    if (status.ok()) return impl_->written = impl_->database->GetLatestSequenceNumber();
    Error error = impl_->write_error(status, batch.changes());
    const bool again = error.code == Errc::unavailable && stall == Stall::wait &&
                       std::chrono::steady_clock::now() < give_up;
    if (!again) return error;
    impl_->events->wait_for_change(std::chrono::milliseconds(5));
  }
}

void RocksStore::prepare() { impl_->setup.memtables->prepare(kMemtableBytesPrepared); }

Result<void> RocksStore::sync() {
  if (auto usable = impl_->check_usable(); !usable) return usable;
  const StoreSequence written = impl_->written;
  const rocksdb::Status status = impl_->files->sync_logs();
  if (!status.ok()) {
    // Whatever it was, the kernel may have dropped the pages: never again.
    Error error = to_error(status, "syncing " + impl_->options.directory);
    error.code = Errc::storage;
    return impl_->events->fail(std::move(error));
  }
  impl_->keeper->note_durable(written);
  return {};
}

Result<std::optional<std::string>> RocksStore::read(Column column, std::string_view key) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = impl_->database->Get(
      {}, impl_->columns[static_cast<std::size_t>(column)], slice(key), &value);
  if (status.ok()) return std::optional<std::string>(value.ToString());
  if (status.IsNotFound()) return std::optional<std::string>();
  return to_error(status,
                  fmt::format("reading {} in {}", name_of(column), impl_->options.directory));
}

Result<std::unique_ptr<Cursor>> RocksStore::walk(Column column) {
  std::unique_ptr<rocksdb::Iterator> rows(impl_->database->NewIterator(
      walk_options(), impl_->columns[static_cast<std::size_t>(column)]));
  return std::unique_ptr<Cursor>(std::make_unique<RocksCursor>(
      std::move(rows), fmt::format("walking {} in {}", name_of(column), impl_->options.directory)));
}

StoreSequence RocksStore::sequence() const { return impl_->written; }

Time RocksStore::highest_time_seen() const { return impl_->keeper->highest_time(); }

void RocksStore::note_time(Time now) { impl_->keeper->note_time(now); }

std::uint64_t RocksStore::memory_bytes() const {
  return impl_->setup.memtables->bytes() + impl_->setup.cache->GetUsage();
}

void RocksStore::describe(
    const std::function<void(std::string_view, std::string_view)>& figure) const {
  const auto number = [&](std::string_view name, std::uint64_t value) {
    figure(name, std::to_string(value));
  };
  // Summed over the columns.
  const auto sum = [&](std::string_view name, const std::string& property) {
    std::uint64_t value = 0;
    impl_->database->GetAggregatedIntProperty(property, &value);
    number(name, value);
  };
  const auto of_database = [&](std::string_view name, const std::string& property) {
    std::uint64_t value = 0;
    impl_->database->GetIntProperty(property, &value);
    number(name, value);
  };
  using Properties = rocksdb::DB::Properties;
  number("store_sequence", sequence());
  number("store_durable_sequence", impl_->keeper->durable());
  number("store_failed", impl_->events->failure().has_value());
  sum("store_memtable_bytes", Properties::kSizeAllMemTables);
  number("store_memory_bytes", memory_bytes());
  number("store_cache_bytes", impl_->setup.cache->GetUsage());
  number("store_cache_capacity_bytes", impl_->setup.cache->GetCapacity());
  sum("store_records_and_fields_estimate", Properties::kEstimateNumKeys);
  sum("store_live_data_bytes", Properties::kEstimateLiveDataSize);
  sum("store_table_bytes", Properties::kTotalSstFilesSize);
  std::size_t tables = 0;
  for (rocksdb::ColumnFamilyHandle* column : impl_->columns) {
    rocksdb::ColumnFamilyMetaData about;
    impl_->database->GetColumnFamilyMetaData(column, &about);
    tables += about.file_count;
  }
  number("store_table_files", tables);
  sum("store_pending_compaction_bytes", Properties::kEstimatePendingCompactionBytes);
  of_database("store_running_flushes", Properties::kNumRunningFlushes);
  of_database("store_running_compactions", Properties::kNumRunningCompactions);
  of_database("store_write_stopped", Properties::kIsWriteStopped);
  of_database("store_background_errors", Properties::kBackgroundErrors);
}

}  // namespace sojourn::server
