#pragma once

#include <cstddef>
#include <cstdint>

// RocksDB sums up its log with CRC32C, in software in Debian's build, which was a tenth of what a
// durable SET cost. This is that very function (util/crc32c.h of RocksDB 7.8), defined in this
// program: the library calls what it exports through the dynamic linker, which takes a program's
// definition before a library's. A RocksDB that does not export it goes on with its own.
namespace rocksdb::crc32c {

// The CRC32C (RFC 3720, B.4) of what has the CRC32C `crc` and is followed by these bytes. With the
// processor's instructions where it has them. Any thread.
std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size);

}  // namespace rocksdb::crc32c
