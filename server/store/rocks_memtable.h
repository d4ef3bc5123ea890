#pragma once

#include <rocksdb/memtablerep.h>

#include <memory>

#include "server/store/chunk_pool.h"

namespace sojourn::server {

// A memtable for what is written much and hardly ever read before it is flushed. Rows are kept in
// the order they come in, in runs of a thousand; a run that is full is sorted at once, while it is
// still in the processor's cache, and runs are merged as they are walked. So a put costs little, a
// flush begins without a pause and reads ahead in every run, and a look-up, which searches every
// run, costs 0.1 ms rather than a sort of everything, as in RocksDB's own vector.
//
// Only for columns in RocksDB's default order, that of the keys' bytes. Rows are never added
// concurrently (allow_concurrent_memtable_write is off); reading goes on beside adding.
class SortedRunsFactory : public rocksdb::MemTableRepFactory {
 public:
  // The rows' memory comes from the pool.
  explicit SortedRunsFactory(std::shared_ptr<ChunkPool> pool) : pool_(std::move(pool)) {}
  const char* Name() const override { return "SojournSortedRuns"; }
  using MemTableRepFactory::CreateMemTableRep;
  rocksdb::MemTableRep* CreateMemTableRep(const rocksdb::MemTableRep::KeyComparator& order,
                                          rocksdb::Allocator* allocator,
                                          const rocksdb::SliceTransform*,
                                          rocksdb::Logger*) override;

 private:
  const std::shared_ptr<ChunkPool> pool_;  // the memtables', too
};

}  // namespace sojourn::server
