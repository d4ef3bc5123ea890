#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <vector>

#include "server/store/chunk_pool.h"

namespace sojourn::server {

// How RocksDB is set up, with the reasons. One column family a Column, in its order; records are
// RocksDB's default one.
struct RocksSetup {
  rocksdb::DBOptions database;
  std::vector<rocksdb::ColumnFamilyDescriptor> columns;
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<ChunkPool> memtables;
};

// `memory_bytes` bounds memtables and block cache together.
RocksSetup rocks_setup(std::size_t memory_bytes, int background_jobs);

}  // namespace sojourn::server
