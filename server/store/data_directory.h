#pragma once

#include <rocksdb/file_system.h>

#include <span>
#include <string>
#include <string_view>

#include "server/base/result.h"

namespace sojourn::server {

// The data directory:
//   FORMAT      whose it is, and in which format; text
//   db/         RocksDB's own
//   watermark   what must be there when it is opened again (server/store/watermark.h)
inline constexpr int kDataFormat = 1;

// Makes the directory, durably and for its owner only, if it is missing.
Result<void> make_data_directory(rocksdb::FileSystem& files, const std::string& directory);

// Makes the directory if it is missing, marks it as ours if it is empty (but for `own_files` and
// what a Redis may have left there), and refuses it if it is somebody else's or of a newer format
// (Errc::foreign). When it returns, FORMAT and db/ are durable.
Result<void> prepare_data_directory(rocksdb::FileSystem& files, const std::string& directory,
                                    std::span<const std::string> own_files);

std::string database_directory(const std::string& directory);

// Puts a whole file in place so that after a power cut there is the old one or the new one.
Result<void> write_durably(rocksdb::FileSystem& files, const std::string& directory,
                           const std::string& name, std::string_view contents);

// The first `bytes_max` bytes at most; fails when there is no such file.
Result<std::string> read_small_file(rocksdb::FileSystem& files, const std::string& path,
                                    std::size_t bytes_max = 4096);

}  // namespace sojourn::server
