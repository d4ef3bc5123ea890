// Values that RocksDB keeps in files of their own.
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/store/store_fixture.h"

namespace sojourn::server {
namespace {

namespace disk = std::filesystem;
using namespace std::chrono_literals;

class RocksLargeValues : public RocksStoreTest {
 protected:
  std::vector<disk::path> value_files() const {
    std::vector<disk::path> found;
    for (const auto& entry : disk::directory_iterator(data("db"))) {
      if (entry.path().extension() == ".blob") found.push_back(entry.path());
    }
    return found;
  }
  // Opening flushes what was written before.
  void flush(std::unique_ptr<RocksStore>& store) {
    store.reset();
    store = open();
  }
  std::uint64_t bytes_on_disk() const {
    std::uint64_t bytes = 0;
    std::error_code gone;  // by a compaction
    for (const auto& entry : disk::directory_iterator(data("db"))) {
      const std::uint64_t size = entry.file_size(gone);
      if (!gone) bytes += size;
    }
    return bytes;
  }
};

std::string key(int number) { return "s:" + std::to_string(number); }
std::string value_of(int number, std::size_t bytes) {
  return std::to_string(number) + std::string(bytes, static_cast<char>('a' + number % 26));
}

TEST_F(RocksLargeValues, ComeBackFromTheirFilesWhichAreForTheirOwnerOnly) {
  auto store = open();
  const std::size_t sizes[] = {100, 2'047, 2'048, 5'000, 300'000, 5'000'000};
  for (int i = 0; i < 6; ++i) put(*store, key(i), value_of(i, sizes[i]));
  EXPECT_TRUE(value_files().empty());
  flush(store);
  ASSERT_FALSE(value_files().empty());
  for (const auto& file : value_files()) {
    EXPECT_EQ(disk::status(file).permissions(), disk::perms::owner_read | disk::perms::owner_write);
  }
  const auto all = rows(*store);
  EXPECT_EQ(all.size(), 6u);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(get(*store, key(i)), value_of(i, sizes[i]));
    EXPECT_EQ(all.at(key(i)), value_of(i, sizes[i]));
  }
}

TEST_F(RocksLargeValues, AreForgottenWhenTheyAreErasedOrOverwritten) {
  auto store = open();
  for (int i = 0; i < 10; ++i) put(*store, key(i), value_of(i, 10'000));
  flush(store);
  const auto batch = store->make_batch();
  for (int i = 0; i < 5; ++i) batch->erase(Column::records, {key(i)});
  batch->put(Column::records, {key(5)}, {"small"});
  ASSERT_TRUE(store->write(*batch, Store::Stall::wait));
  flush(store);
  EXPECT_EQ(get(*store, key(0)), "(none)");
  EXPECT_EQ(get(*store, key(5)), "small");
  EXPECT_EQ(get(*store, key(9)), value_of(9, 10'000));
  EXPECT_EQ(rows(*store).size(), 5u);
}

TEST_F(RocksLargeValues, LeaveLittleGarbageBehind) {
  constexpr int kKeys = 1'000;
  constexpr std::size_t kBytes = 10'000;
  auto store = open();
  for (int i = 0; i < 15 * kKeys; ++i) put(*store, key(i % kKeys), value_of(i, kBytes));
  // Twice the live data, and eight memtables of 4 MiB that wait to be compacted.
  constexpr std::uint64_t kMax = 2 * kKeys * kBytes + 9 * 4 * 1024 * 1024;
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (bytes_on_disk() > kMax && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_LE(bytes_on_disk(), kMax);
  for (int i = 14 * kKeys; i < 15 * kKeys; ++i) {
    ASSERT_EQ(get(*store, key(i % kKeys)), value_of(i, kBytes)) << i;
  }
}

TEST_F(RocksLargeValues, ThatAreDamagedAreAnErrorAndNeverAnswered) {
  auto store = open();
  for (int i = 0; i < 100; ++i) put(*store, key(i), value_of(i, 10'000));
  flush(store);
  store.reset();
  ASSERT_EQ(value_files().size(), 1u);
  std::string bytes = contents(value_files()[0]);
  for (std::size_t at = 50'000; at < 500'000; at += 64) bytes[at] ^= 0x55;
  replace_contents(value_files()[0], bytes);
  store = open();
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    const auto row = store->read(Column::records, key(i));
    if (!row) {
      EXPECT_EQ(row.error().code, Errc::damaged) << row.error().detail;
      ++failed;
    } else {
      EXPECT_EQ(*row, value_of(i, 10'000));
    }
  }
  EXPECT_GT(failed, 40);
  EXPECT_LT(failed, 60);
}

TEST_F(RocksLargeValues, ThatAreNotWhollyThereKeepTheStoreFromStarting) {
  auto store = open();
  put(*store, key(1), value_of(1, 10'000));
  flush(store);
  store.reset();
  ASSERT_EQ(value_files().size(), 1u);
  const disk::path file = value_files()[0];
  const std::string bytes = contents(file);
  for (const bool gone : {true, false}) {
    disk::remove(file);
    if (!gone) replace_contents(file, bytes.substr(0, bytes.size() - 1));
    const Error error = open_error();
    EXPECT_EQ(error.code, Errc::damaged);
    EXPECT_THAT(error.detail, ::testing::HasSubstr(file.filename().string()));
  }
  replace_contents(file, bytes);
  EXPECT_EQ(get(*open(), key(1)), value_of(1, 10'000));
}

}  // namespace
}  // namespace sojourn::server
