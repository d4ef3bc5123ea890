#pragma once

#include <rocksdb/status.h>

#include <string_view>

#include "server/base/result.h"

namespace sojourn::server {

// The one place where RocksDB's failures become ours. `attempt` says what was tried, on what:
// "writing 12 changes to /var/lib/sojourn". CHECKs that `status` is a failure.
Error to_error(const rocksdb::Status& status, std::string_view attempt);

}  // namespace sojourn::server
