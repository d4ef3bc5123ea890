#include "server/store/rocks_recovery.h"

#include <rocksdb/write_batch.h>

#include <bit>
#include <cstring>

namespace sojourn::server {
namespace {

// A batch's bytes begin with its sequence number, 64 bits, little-endian: RocksDB's log format.
rocksdb::SequenceNumber sequence_of(const rocksdb::WriteBatch& batch) {
  static_assert(std::endian::native == std::endian::little);
  rocksdb::SequenceNumber sequence = 0;
  std::memcpy(&sequence, batch.Data().data(), sizeof(sequence));
  return sequence;
}

}  // namespace

rocksdb::WalFilter::WalProcessingOption StopAtHole::LogRecordFound(unsigned long long,
                                                                   const std::string& file,
                                                                   const rocksdb::WriteBatch& batch,
                                                                   rocksdb::WriteBatch*, bool*) {
  const auto first = sequence_of(batch);
  if (next_ != 0 && first > next_) {
    log_.warning("{} goes on with change {}, but {} is missing: what comes after is left out", file,
                 first, next_);
    return WalProcessingOption::kStopReplay;
  }
  next_ = first + static_cast<rocksdb::SequenceNumber>(batch.Count());
  return WalProcessingOption::kContinueProcessing;
}

}  // namespace sojourn::server
