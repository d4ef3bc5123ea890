// What RocksStore comes back with when the end of a log is gone and the next log is there: a power
// cut may leave that.
#include <algorithm>
#include <filesystem>
#include <future>
#include <mutex>
#include <vector>

#include "server/store/rocks_files.h"
#include "tests/server/store/store_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
namespace disk = std::filesystem;

// The machine's file system, in which no table is begun until a test lets it: so nothing is
// flushed, and every log stays.
class TablesHeldBack : public rocksdb::FileSystemWrapper {
 public:
  TablesHeldBack() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "TablesHeldBack"; }

  void hold() { allowed_ = std::promise<void>(), held_ = allowed_.get_future().share(); }
  void let_go() { allowed_.set_value(); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (path.ends_with(".sst") && held_.valid()) held_.wait();
    return target()->NewWritableFile(path, options, file, debug);
  }

 private:
  std::promise<void> allowed_;
  std::shared_future<void> held_;
};

class RocksRecovery : public RocksStoreTest {
 protected:
  RocksRecovery() : files(std::make_shared<TablesHeldBack>()) {
    options.file_system = files;
    options.memory_bytes = 768 * 1024;  // memtables of 256 KiB
  }

  // The oldest first.
  static std::vector<disk::path> logs_in(const std::string& directory) {
    std::vector<disk::path> logs;
    for (const auto& entry : disk::directory_iterator(directory)) {
      if (entry.path().extension() == ".log") logs.push_back(entry.path());
    }
    std::sort(logs.begin(), logs.end());
    return logs;
  }

  // RocksDB deletes what it needs no more at any time.
  void copy_data(const std::string& to) {
    disk::create_directories(disk::path(to) / "db");
    for (const auto& entry : disk::recursive_directory_iterator(options.directory)) {
      std::error_code gone;
      if (!entry.is_directory()) {
        disk::copy_file(entry, to / disk::relative(entry, options.directory), gone);
      }
    }
  }

  const std::shared_ptr<TablesHeldBack> files;
};

TEST_F(RocksRecovery, StopsWhereALogEndsTooEarly) {
  auto store = open();
  files->hold();
  const std::string value(20'000, 'v');
  std::vector<std::size_t> ends;  // of the first log, after each change
  int changes = 0;
  while (logs_in(data("db")).size() < 2) {
    put(*store, "s:" + std::to_string(++changes), value);
    ends.push_back(disk::file_size(logs_in(data("db")).front()));
  }
  for (int more = 0; more < 3; ++more) put(*store, "s:" + std::to_string(++changes), value);

  copy_data(home / "after-the-cut");
  files->let_go();
  store.reset();
  options.directory = home / "after-the-cut";
  ASSERT_GT(ends.size(), 6u);
  disk::resize_file(logs_in(data("db")).front(), ends[4]);

  store = open();
  EXPECT_EQ(store->sequence(), 5u);
  EXPECT_EQ(rows(*store).size(), 5u);
  EXPECT_EQ(get(*store, "s:5"), value);
  EXPECT_EQ(get(*store, "s:6"), "(none)");
  EXPECT_THAT(logged(), HasSubstr("but 6 is missing"));

  // It goes on from there, and no start finds what was left out.
  put(*store, "s:new", "x");
  store.reset();
  store = open();
  EXPECT_EQ(rows(*store).size(), 6u);
  EXPECT_EQ(get(*store, "s:new"), "x");
}

// A file that tells of its syncs.
class SyncsTold : public rocksdb::FileSystemWrapper {
 public:
  SyncsTold() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "SyncsTold"; }
  std::vector<std::string> synced;

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = target()->NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(synced, path, std::move(*file));
    return status;
  }

 private:
  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::vector<std::string>& synced, std::string path,
         std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)), synced_(synced), path_(std::move(path)) {}
    rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      synced_.push_back(path_);
      return rocksdb::IOStatus::OK();
    }

   private:
    std::vector<std::string>& synced_;
    const std::string path_;
  };
};

TEST(RocksFiles, SyncsTheOldestLogFirst) {
  const TemporaryDirectory home;
  const auto told = std::make_shared<SyncsTold>();
  RocksFiles files(told);
  std::vector<std::unique_ptr<rocksdb::FSWritableFile>> logs;
  std::vector<std::string> paths;
  // The second time their memory comes in another order.
  for (int time = 0; time < 2; ++time) {
    logs.clear();
    paths.clear();
    for (int number = 0; number < 6; ++number) {
      paths.push_back(home / (std::to_string(number) + ".log"));
      ASSERT_TRUE(files.NewWritableFile(paths.back(), {}, &logs.emplace_back(), nullptr).ok());
      ASSERT_TRUE(logs.back()->Append("a change", {}, nullptr).ok());
    }
  }
  ASSERT_TRUE(files.sync_logs().ok());
  EXPECT_THAT(told->synced, ElementsAreArray(paths));
}

}  // namespace
}  // namespace sojourn::server
