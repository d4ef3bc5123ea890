#include "server/store/rocks_status.h"

#include <fmt/format.h>

#include <string>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// RocksDB 7.8 gives a plain IOError for a held LOCK, whether by this process or by another one;
// only its words tell it from a disk that fails.
bool lock_is_held(const rocksdb::Status& status) {
  if (!status.IsIOError()) return false;
  const std::string text = status.ToString();
  return text.find("/LOCK:") != std::string::npos &&
         (text.find("lock hold by current process") != std::string::npos ||
          text.find("While lock file") != std::string::npos);
}

Errc code_of(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return Errc::disk_full;
  if (lock_is_held(status) || status.IsBusy()) return Errc::locked;
  if (status.IsCorruption()) return Errc::damaged;
  if (status.IsIncomplete() || status.IsTimedOut() || status.IsTryAgain()) return Errc::unavailable;
  return Errc::storage;
}

}  // namespace

Error to_error(const rocksdb::Status& status, std::string_view attempt) {
  CHECK(!status.ok());
  return {code_of(status), fmt::format("{}: {}", attempt, status.ToString())};
}

}  // namespace sojourn::server
