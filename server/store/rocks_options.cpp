#include "server/store/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/universal_compaction.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>

#include "server/store/rocks_memtable.h"
#include "server/store/store.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;
// Smaller memtables cost more CPU a put; larger ones make opening after a crash longer.
constexpr std::size_t kMemtableBytesMax = 64 * kMiB;
constexpr std::size_t kMemtableBytesMin = 64 * 1024;
// Reads come from RAM, so many sorted runs do no harm; this many would be a compaction that does
// not keep up at all.
constexpr int kSortedRunsMax = 48;

std::size_t memtable_bytes(std::size_t memory_bytes) {
  return std::clamp(memory_bytes / 3, kMemtableBytesMin, kMemtableBytesMax);
}

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 8 * 1024;
  table.checksum = rocksdb::kXXH3;  // what costs the least
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // Within the budget rather than beside it.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // A filter in parts is made while the table is written; one of 64 MiB of rows in one go took the
  // core for milliseconds at the end.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  return table;
}

rocksdb::ColumnFamilyOptions column_options(const std::shared_ptr<rocksdb::Cache>& cache,
                                            std::size_t memtable) {
  rocksdb::ColumnFamilyOptions column;
  column.write_buffer_size = memtable;
  // One being filled, the others on their way to disk: while a core is shared with workers that
  // write as fast as they can, flushing falls behind for seconds, and at this number writes stop.
  column.max_write_buffer_number = 6;
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  column.compression = rocksdb::kNoCompression;
  column.compaction_style = rocksdb::kCompactionStyleUniversal;
  // Twice the live data is the budget for space.
  column.compaction_options_universal.max_size_amplification_percent = 100;
  column.level0_file_num_compaction_trigger = 8;
  // Slowed-down writes would wait within RocksDB; the journal is where waiting is done.
  column.level0_slowdown_writes_trigger = kSortedRunsMax;
  column.level0_stop_writes_trigger = kSortedRunsMax;
  column.soft_pending_compaction_bytes_limit = 0;
  column.hard_pending_compaction_bytes_limit = 0;
  column.ttl = 0;
  column.periodic_compaction_seconds = 0;
  return column;
}

// For what is hardly ever read before it is flushed. A look-up searches every run, so a bloom of
// whole keys keeps those for what is not in it away.
rocksdb::ColumnFamilyOptions write_mostly(rocksdb::ColumnFamilyOptions column,
                                          const std::shared_ptr<ChunkPool>& memtables) {
  column.memtable_factory = std::make_shared<SortedRunsFactory>(memtables);
  column.memtable_whole_key_filtering = true;
  column.memtable_prefix_bloom_size_ratio = 0.02;
  return column;
}

std::vector<rocksdb::ColumnFamilyDescriptor> columns(const std::shared_ptr<rocksdb::Cache>& cache,
                                                     const std::shared_ptr<ChunkPool>& memtables,
                                                     std::size_t memtable) {
  static_assert(static_cast<int>(Column::records) == 0 && static_cast<int>(Column::fields) == 1 &&
                static_cast<int>(Column::touches) == 2 && static_cast<int>(Column::meta) == 3 &&
                kColumns == 4);
  return {
      {rocksdb::kDefaultColumnFamilyName, write_mostly(column_options(cache, memtable), memtables)},
      // Walked at any time: that is how a large collection is read.
      {"fields", column_options(cache, memtable / 2)},
      {"touches", write_mostly(column_options(cache, memtable / 2), memtables)},
      {"meta", column_options(cache, std::max(memtable / 16, kMemtableBytesMin))},
  };
}

rocksdb::DBOptions database_options(std::size_t memtable, int background_jobs) {
  rocksdb::DBOptions database;
  database.create_if_missing = true;
  database.create_missing_column_families = true;
  database.paranoid_checks = true;

  // The log. What is opened after a crash is this long at most, and the memtables being flushed.
  database.max_total_wal_size = memtable + memtable / 4;
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // A memtable full of what was recovered would be searched by every look-up.
  database.avoid_flush_during_recovery = false;
  database.avoid_flush_during_shutdown = true;  // it is all in the log
  // Each of these has lost data, or refused good data, in 7.8.
  database.recycle_log_file_num = 0;
  database.track_and_verify_wals_in_manifest = false;
  database.manual_wal_flush = false;
  database.WAL_ttl_seconds = 0;
  database.WAL_size_limit_MB = 0;

  // One thread writes, and the memtables take no more than one.
  database.allow_concurrent_memtable_write = false;
  database.enable_write_thread_adaptive_yield = false;
  database.avoid_unnecessary_blocking_io = true;

  // Hand pages to the disk as they come, so that a sync does not find a heap of them.
  database.bytes_per_sync = kMiB;
  database.wal_bytes_per_sync = kMiB;

  database.max_background_jobs = background_jobs;
  database.compaction_readahead_size = 2 * kMiB;
  database.max_open_files = 512;
  // Opening must not read every file.
  database.skip_stats_update_on_db_open = true;
  database.max_manifest_file_size = 16 * kMiB;
  database.manifest_preallocation_size = 64 * 1024;
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.db_host_id.clear();
  database.write_dbid_to_manifest = true;
  // Only a full disk is recovered from, and that by another way.
  database.max_bgerror_resume_count = 0;
  return database;
}

}  // namespace

RocksSetup rocks_setup(std::size_t memory_bytes, int background_jobs) {
  const std::size_t memtable = memtable_bytes(memory_bytes);
  RocksSetup setup;
  // One memtable is filled and one flushed, as a rule; the rest is for blocks.
  setup.memtables = std::make_shared<ChunkPool>(2 * memtable);
  setup.cache = rocksdb::NewLRUCache(memory_bytes - 2 * memtable);
  setup.database = database_options(memtable, background_jobs);
  // The skip lists are charged to the cache: what they take, blocks give up.
  setup.database.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(2 * memtable, setup.cache);
  setup.columns = columns(setup.cache, setup.memtables, memtable);
  return setup;
}

}  // namespace sojourn::server
