#pragma once

#include <rocksdb/types.h>
#include <rocksdb/wal_filter.h>

#include <string>

#include "server/base/log.h"

namespace sojourn::server {

// Ends the recovery of RocksDB's logs at the first change that is missing. RocksDB does so itself
// where a log is damaged, but not where one ends cleanly too early: after a power cut the end of a
// log may be gone while the beginning of the next one is there. What came after a hole was never
// acknowledged as durable, or the watermark tells.
//
// Threading: one database, while it opens. The log must outlive it.
class StopAtHole : public rocksdb::WalFilter {
 public:
  explicit StopAtHole(Log& log) : log_(log) {}
  const char* Name() const override { return "SojournStopAtHole"; }
  WalProcessingOption LogRecordFound(unsigned long long log_number, const std::string& file,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* new_batch, bool* batch_changed) override;

 private:
  Log& log_;
  rocksdb::SequenceNumber next_ = 0;  // of the first change that is to come; 0: any may
};

}  // namespace sojourn::server
