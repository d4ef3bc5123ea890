// What RocksStore does when the disk is full, broken, or gives back other bytes.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/server/store/store_fixture.h"
#include "tests/support/faulty_file_system.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
namespace disk = std::filesystem;

class RocksFaults : public RocksStoreTest {
 protected:
  RocksFaults() : files(std::make_shared<FaultyFileSystem>()) { options.file_system = files; }

  Result<StoreSequence> try_put(Store& store, std::string_view key, std::string_view value,
                                Store::Stall stall = Store::Stall::refuse) {
    const auto batch = store.make_batch();
    batch->put(Column::records, {key}, {value});
    store.prepare();
    return store.write(*batch, stall);
  }

  // Tries until it works, as the journal does.
  bool put_within(Store& store, std::string_view key, std::string_view value,
                  std::chrono::seconds at_most) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (std::chrono::steady_clock::now() < deadline) {
      if (try_put(store, key, value)) return true;
      std::this_thread::yield();
    }
    return false;
  }

  // One table file with many rows: the rows are flushed when the store is opened again.
  std::string make_table() {
    auto store = open();
    for (int i = 0; i < 2'000; ++i) put(*store, "s:" + std::to_string(i), std::string(200, 'v'));
    store.reset();
    open();
    for (const auto& entry : disk::directory_iterator(data("db"))) {
      if (entry.path().extension() == ".sst" && entry.file_size() > 100'000) return entry.path();
    }
    ADD_FAILURE() << "no table file";
    return {};
  }

  std::shared_ptr<FaultyFileSystem> files;
};

TEST_F(RocksFaults, ReadsAndRefusesWritesWhileTheDiskIsFullThenGoesOnByItself) {
  auto store = open();
  put(*store, "s:1", "alice");
  files->set_full(true);
  for (int i = 0; i < 3; ++i) {
    const auto written = try_put(*store, "s:2", "bob");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::disk_full) << written.error().detail;
  }
  EXPECT_EQ(get(*store, "s:1"), "alice");
  files->set_full(false);
  EXPECT_TRUE(try_put(*store, "s:2", "bob"));
  EXPECT_TRUE(try_put(*store, "s:3", "carol"));
  ASSERT_TRUE(store->sync());
  store.reset();
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_EQ(get(*store, "s:2"), "bob");
  EXPECT_EQ(get(*store, "s:3"), "carol");
}

TEST_F(RocksFaults, SyncsWhatWasWrittenWhileTheDiskIsFull) {
  auto store = open();
  put(*store, "s:1", "alice");
  files->set_full(true);
  ASSERT_FALSE(try_put(*store, "s:2", "bob"));
  // Debian's RocksDB would abort here in its own sync: this log was never synced before.
  const std::size_t syncs = files->syncs();
  EXPECT_TRUE(store->sync());
  EXPECT_EQ(files->syncs(), syncs + 1);
  ASSERT_FALSE(try_put(*store, "s:2", "bob"));
  EXPECT_TRUE(store->sync());
  files->set_full(false);
  EXPECT_TRUE(put_within(*store, "s:3", "carol", 30s));
  EXPECT_TRUE(store->sync());
}

TEST_F(RocksFaults, SyncsNothingWhenNothingWasWritten) {
  auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  const std::size_t syncs = files->syncs();
  ASSERT_TRUE(store->sync());
  EXPECT_EQ(files->syncs(), syncs);
}

TEST_F(RocksFaults, LosesNothingWhenItIsKilledWhileTheDiskIsFull) {
  auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  files->set_full(true);
  EXPECT_FALSE(try_put(*store, "s:2", "bob"));
  EXPECT_TRUE(store->sync());
  files->set_full(false);  // for the watermark, which must not count what is not in the log
  store.reset();
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_EQ(get(*store, "s:2"), "(none)");
}

TEST_F(RocksFaults, ComesThroughADiskWithoutSpaceForATable) {
  auto store = open();
  files->set_full_for_tables(true);
  const std::string value(1'000, 'v');
  int next = 0;
  // A memtable is 4 MiB here, and six may wait.
  for (; next < 50'000; ++next) {
    const auto written = try_put(*store, "s:" + std::to_string(next), value, Store::Stall::wait);
    if (written) continue;
    EXPECT_EQ(written.error().code, Errc::disk_full) << written.error().detail;
    break;
  }
  EXPECT_GT(next, 3'000);
  EXPECT_EQ(get(*store, "s:0"), value);
  EXPECT_TRUE(store->sync());
  files->set_full_for_tables(false);
  EXPECT_TRUE(put_within(*store, "s:" + std::to_string(next), value, 30s));
  EXPECT_EQ(rows(*store).size(), static_cast<std::size_t>(next) + 1);
  store.reset();
  EXPECT_EQ(rows(*open()).size(), static_cast<std::size_t>(next) + 1);
}

// RocksDB, if it were told, would never write again, and abort when it is closed.
TEST_F(RocksFaults, ComesThroughADiskThatIsFullWhenALogIsBegun) {
  auto store = open();
  const auto batch = store->make_batch();
  const std::string value(2'200'000, 'v');
  // Two memtables are full at once, so the next write begins a log.
  for (const Column column : {Column::fields, Column::touches}) batch->put(column, {"k"}, {value});
  ASSERT_TRUE(store->write(*batch, Store::Stall::wait));
  ASSERT_TRUE(store->sync());
  files->set_full(true);
  const auto refused = try_put(*store, "s:1", "alice");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::disk_full) << refused.error().detail;
  EXPECT_TRUE(store->sync());
  files->set_full(false);
  EXPECT_TRUE(put_within(*store, "s:1", "alice", 30s));
  ASSERT_TRUE(store->sync());
  store.reset();
  store = open();
  EXPECT_EQ(get(*store, "k", Column::fields), value);
  EXPECT_EQ(get(*store, "k", Column::touches), value);
  EXPECT_EQ(get(*store, "s:1"), "alice");
}

// RocksDB, if it were told, would abort in the next write.
TEST_F(RocksFaults, ComesThroughADiskThatIsFullAtTheFirstWrite) {
  auto store = open();
  files->set_full(true);
  ASSERT_FALSE(try_put(*store, "s:1", "alice"));
  files->set_full(false);
  ASSERT_TRUE(try_put(*store, "s:1", "alice"));
  store.reset();
  EXPECT_EQ(get(*open(), "s:1"), "alice");
}

// What the full disk took of a record is not left in the log, before what was written after it.
TEST_F(RocksFaults, GoesOnInTheSameLogAfterAFullDisk) {
  auto store = open();
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 300; ++i) {
    const std::string key = "s:" + std::to_string(i);
    const std::string value(static_cast<std::size_t>(i) * 37, 'v');
    files->set_full(i % 3 == 1);
    if (i % 3 == 1) {
      EXPECT_FALSE(try_put(*store, key, value));
    }
    files->set_full(false);
    ASSERT_TRUE(try_put(*store, key, value)) << i;
    expected[key] = value;
    if (i % 7 == 0) {
      ASSERT_TRUE(store->sync());
    }
  }
  ASSERT_TRUE(store->sync());
  store.reset();
  store = open();
  EXPECT_EQ(rows(*store), expected);
}

TEST_F(RocksFaults, NeverWritesAgainAfterAnIoError) {
  auto store = open();
  put(*store, "s:1", "alice");
  files->set_writes_broken(true);
  const auto written = try_put(*store, "s:2", "bob");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::storage);
  files->set_writes_broken(false);
  for (const auto stall : {Store::Stall::refuse, Store::Stall::wait}) {
    const auto again = try_put(*store, "s:2", "bob", stall);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::storage);
    EXPECT_EQ(again.error().detail, written.error().detail);
  }
  ASSERT_FALSE(store->sync());
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_THAT(logged(), HasSubstr("The store has failed"));
  store.reset();
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_TRUE(try_put(*store, "s:2", "bob"));
}

TEST_F(RocksFaults, NeverTriesASyncAgainThatFailed) {
  auto store = open();
  put(*store, "s:1", "alice");
  files->set_syncs_broken(true);
  const auto synced = store->sync();
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, Errc::storage);
  files->set_syncs_broken(false);
  const std::size_t asked = files->syncs();
  ASSERT_FALSE(store->sync());
  EXPECT_EQ(files->syncs(), asked);
  EXPECT_FALSE(try_put(*store, "s:2", "bob"));
  EXPECT_EQ(get(*store, "s:1"), "alice");
}

TEST_F(RocksFaults, FailsForEverWhenAFlushFails) {
  auto store = open();
  const std::string value(1'000, 'v');
  files->set_syncs_broken(true);  // the log is not synced here, tables are
  bool failed = false;
  for (int i = 0; i < 50'000 && !failed; ++i) {
    const auto written = try_put(*store, "s:" + std::to_string(i), value, Store::Stall::wait);
    failed = !written;
    if (!failed) continue;
    EXPECT_EQ(written.error().code, Errc::storage) << written.error().detail;
  }
  EXPECT_TRUE(failed);
  EXPECT_EQ(get(*store, "s:0"), value);
}

TEST_F(RocksFaults, FailsToReadADamagedTableRatherThanMissRows) {
  const std::string table = make_table();
  std::string bytes = contents(table);
  // Into the rows, well before the table's own index.
  for (std::size_t at = 0; at < 300'000 && at < bytes.size() / 2; at += 64) bytes[at] ^= 0x55;
  replace_contents(table, bytes);

  const auto store = open();
  std::size_t failed = 0;
  for (int i = 0; i < 2'000; ++i) {
    const auto row = store->read(Column::records, "s:" + std::to_string(i));
    if (row) {
      ASSERT_TRUE(row->has_value()) << i;
      EXPECT_EQ(**row, std::string(200, 'v'));
    } else {
      EXPECT_EQ(row.error().code, Errc::damaged);
      ++failed;
    }
  }
  EXPECT_GT(failed, 100u);
  const auto cursor = std::move(*store->walk(Column::records));
  while (cursor->valid()) cursor->next();
  ASSERT_TRUE(cursor->failure());
  EXPECT_EQ(cursor->failure()->code, Errc::damaged);
}

TEST_F(RocksFaults, RefusesToStartWithoutATable) {
  disk::remove(make_table());
  EXPECT_EQ(open_error().code, Errc::damaged);
}

TEST_F(RocksFaults, RefusesToStartWithADamagedManifest) {
  make_table();
  for (const auto& entry : disk::directory_iterator(data("db"))) {
    if (!entry.path().filename().string().starts_with("MANIFEST")) continue;
    std::string bytes = contents(entry.path());
    bytes[bytes.size() / 2] ^= 0x55;
    replace_contents(entry.path(), bytes);
  }
  EXPECT_EQ(open_error().code, Errc::damaged);
}

TEST_F(RocksFaults, SaysWhereTheLogIsDamaged) {
  auto store = open();
  for (int i = 0; i < 100; ++i) put(*store, "s:" + std::to_string(i), std::string(100, 'v'));
  ASSERT_TRUE(store->sync());
  store.reset();
  for (const auto& entry : disk::directory_iterator(data("db"))) {
    if (entry.path().extension() != ".log") continue;
    std::string bytes = contents(entry.path());
    if (bytes.size() < 1'000) continue;
    bytes[bytes.size() / 2] ^= 0x55;
    replace_contents(entry.path(), bytes);
  }
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::damaged);
  EXPECT_THAT(error.detail, HasSubstr("are missing"));
  EXPECT_THAT(logged(), HasSubstr(".log: dropping"));
  EXPECT_THAT(logged(), HasSubstr("Corruption"));
}

}  // namespace
}  // namespace sojourn::server
