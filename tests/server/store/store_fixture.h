#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "server/base/log.h"
#include "server/store/rocks_store.h"
#include "server/store/store.h"
#include "tests/support/temporary_directory.h"

namespace sojourn::server {

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void replace_contents(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
}

inline StoreSequence put(Store& store, std::string_view key, std::string_view value,
                         Column column = Column::records) {
  const auto batch = store.make_batch();
  batch->put(column, {key}, {value});
  const auto written = store.write(*batch, Store::Stall::wait);
  EXPECT_TRUE(written) << written.error().detail;
  return written ? *written : 0;
}

// "(none)" when there is no such row, "(failed)" when it cannot be read.
inline std::string get(Store& store, std::string_view key, Column column = Column::records) {
  const auto row = store.read(column, key);
  if (!row) return "(failed)";
  return row->value_or("(none)");
}

inline std::map<std::string, std::string> rows(Store& store, Column column = Column::records) {
  std::map<std::string, std::string> all;
  const auto cursor = store.walk(column);
  EXPECT_TRUE(cursor);
  for (; (*cursor)->valid(); (*cursor)->next()) {
    all.emplace((*cursor)->key(), (*cursor)->value());
  }
  EXPECT_FALSE((*cursor)->failure());
  return all;
}

// A RocksStore in a data directory of the test's own.
class RocksStoreTest : public ::testing::Test {
 protected:
  RocksStoreTest() {
    log = std::move(*Log::open(home / "log", LogLevel::notice));
    options.directory = home / "data";
    // Small, so that a test reaches flushes and compactions.
    options.memory_bytes = 12u * 1024 * 1024;
    options.watermark_interval = std::chrono::hours(1);
  }

  std::unique_ptr<RocksStore> open() {
    auto opened = RocksStore::open(options, *log);
    EXPECT_TRUE(opened) << opened.error().detail;
    return opened ? std::move(*opened) : nullptr;
  }
  Error open_error() {
    const auto opened = RocksStore::open(options, *log);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  std::string data(const std::string& name) const { return options.directory + "/" + name; }
  std::string logged() const { return contents(home / "log"); }

  TemporaryDirectory home;
  std::unique_ptr<Log> log;
  RocksStore::Options options;
};

}  // namespace sojourn::server
