#include "server/store/rocks_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "server/store/watermark.h"
#include "tests/server/store/store_fixture.h"
#include "tests/support/faulty_file_system.h"

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;
namespace disk = std::filesystem;

unsigned mode(const std::string& path) {
  struct stat about {};
  EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
  return about.st_mode & 07777;
}

TEST_F(RocksStoreTest, KeepsItsRowsAcrossARestart) {
  auto store = open();
  put(*store, "s:1", "alice");
  put(*store, "s:1", "later", Column::touches);
  const StoreSequence before = store->sequence();
  store.reset();
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_EQ(get(*store, "s:1", Column::touches), "later");
  EXPECT_EQ(store->sequence(), before);
}

TEST_F(RocksStoreTest, MakesAMissingDirectoryForItsOwnerOnly) {
  options.directory = home / "a/b/data/";
  const auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  EXPECT_EQ(mode(home / "a/b/data"), 0700u);
  EXPECT_EQ(contents(home / "a/b/data/FORMAT"), "sojourn\nformat 1\n");
  std::size_t files = 0;
  for (const auto& entry : disk::recursive_directory_iterator(home / "a/b/data")) {
    EXPECT_EQ(mode(entry.path()), entry.is_directory() ? 0700u : 0600u) << entry.path();
    files += entry.is_regular_file();
  }
  EXPECT_GT(files, 4u);
}

TEST_F(RocksStoreTest, HasNoInfoLogOfRocksDbs) {
  const auto store = open();
  EXPECT_FALSE(disk::exists(data("db/LOG")));
}

TEST_F(RocksStoreTest, MovesIntoADirectoryWhereARedisHasBeen) {
  disk::create_directories(data("appendonlydir"));
  disk::create_directories(data("lost+found"));
  for (const char* name :
       {"dump.rdb", "appendonly.aof", "redis.log", "redis.pid", "redis.conf", ".bash_history"}) {
    replace_contents(data(name), "x");
  }
  EXPECT_NE(open(), nullptr);
  EXPECT_EQ(contents(data("dump.rdb")), "x");
}

TEST_F(RocksStoreTest, SharesItsDirectoryWithTheServersOtherFiles) {
  disk::create_directories(data("logs"));
  replace_contents(data("logs/sojourn.txt"), "x");
  replace_contents(data("process"), "x");
  replace_contents(data("socket"), "x");
  disk::create_directory_symlink(options.directory, home / "link");
  options.own_files = {data("logs/sojourn.txt"), data("../data/process"), home / "link/socket"};
  EXPECT_NE(open(), nullptr);
}

TEST_F(RocksStoreTest, IsNotMadeItsOwnByFilesThatLieElsewhere) {
  disk::create_directories(data("logs"));
  options.own_files = {"", "logs", home / "logs", home.path()};
  EXPECT_EQ(open_error().code, Errc::foreign);
}

TEST_F(RocksStoreTest, MakesItsDirectoryForWhatHasToBeThereBefore) {
  ASSERT_TRUE(RocksStore::make_directory(options));
  EXPECT_EQ(mode(options.directory), 0700u);
  EXPECT_TRUE(disk::is_empty(options.directory));
  EXPECT_NE(open(), nullptr);
  ASSERT_TRUE(RocksStore::make_directory(options));
}

TEST_F(RocksStoreTest, LeavesAForeignDirectoryAlone) {
  disk::create_directories(options.directory);
  replace_contents(data("thesis.tex"), "x");
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::foreign);
  EXPECT_THAT(error.detail, HasSubstr("thesis.tex"));
  EXPECT_THAT(error.detail, HasSubstr(options.directory));
  EXPECT_FALSE(disk::exists(data("FORMAT")));
  EXPECT_FALSE(disk::exists(data("db")));
}

TEST_F(RocksStoreTest, RefusesADatabaseWithoutAFormat) {
  open();
  disk::remove(data("FORMAT"));
  EXPECT_EQ(open_error().code, Errc::foreign);
}

TEST_F(RocksStoreTest, RefusesANewerFormatNamingBoth) {
  open();
  replace_contents(data("FORMAT"), "sojourn\nformat 2\n");
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::foreign);
  EXPECT_THAT(error.detail, HasSubstr("format 2"));
  EXPECT_THAT(error.detail, HasSubstr("up to 1"));
}

TEST_F(RocksStoreTest, RefusesAFormatFileOfSomebodyElse) {
  open();
  for (const char* text : {"", "sojourn\n", "sojourn\nformat 1", "sojourn\nformat x\n",
                           "sojourn\nformat 0\n", "sojourn\nformat 99999999999\n", "redis\n"}) {
    replace_contents(data("FORMAT"), text);
    EXPECT_EQ(open_error().code, Errc::foreign) << text;
  }
}

TEST_F(RocksStoreTest, IsLockedAgainstASecondStoreInTheSameProcess) {
  const auto store = open();
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::locked);
  EXPECT_THAT(error.detail, HasSubstr(options.directory));
}

TEST_F(RocksStoreTest, IsLockedAgainstAnotherProcess) {
  open();
  int ready[2];
  int done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Holds the lock as RocksDB does, until the parent has seen it.
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    const int fd = ::open(data("db/LOCK").c_str(), O_RDWR);
    const bool held = fd >= 0 && ::fcntl(fd, F_SETLK, &whole) == 0;
    char byte = held ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(done[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::locked);
  EXPECT_THAT(error.detail, HasSubstr(options.directory));
  ASSERT_EQ(::write(done[1], &byte, 1), 1);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) ::close(fd);
  EXPECT_NE(open(), nullptr);
}

TEST_F(RocksStoreTest, SaysWhichDirectoryCannotBeMade) {
  replace_contents(home / "file", "x");
  options.directory = home / "file/data";
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::storage);
  EXPECT_THAT(error.detail, HasSubstr(home / "file"));
}

// --- the watermark ---

TEST_F(RocksStoreTest, RemembersTheHighestTimeAcrossRestarts) {
  auto store = open();
  EXPECT_EQ(store->highest_time_seen(), Time{});
  store->note_time(from_unix_ms(5'000));
  store->note_time(from_unix_ms(4'000));
  EXPECT_EQ(unix_ms(store->highest_time_seen()), 5'000);
  store.reset();
  EXPECT_EQ(unix_ms(open()->highest_time_seen()), 5'000);
}

TEST_F(RocksStoreTest, WritesItsWatermarkWhileItRuns) {
  options.watermark_interval = 5ms;
  const auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  StoreSequence seen = 0;
  while (seen != 1 && std::chrono::steady_clock::now() < deadline) {
    const auto watermark = decode_watermark(contents(data("watermark")));
    if (watermark) seen = watermark->sequence;
    std::this_thread::yield();
  }
  EXPECT_EQ(seen, 1u);
}

TEST_F(RocksStoreTest, ClaimsNothingThatWasNotSynced) {
  auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  put(*store, "s:2", "bob");
  store.reset();
  EXPECT_EQ(decode_watermark(contents(data("watermark")))->sequence, 1u);
}

// Cuts the end off RocksDB's log, as damage to it would.
void lose_the_logs_end(const std::string& database, std::size_t bytes) {
  std::string last;
  for (const auto& entry : disk::directory_iterator(database)) {
    const std::string path = entry.path();
    if (path.ends_with(".log") && path > last) last = path;
  }
  ASSERT_FALSE(last.empty());
  ASSERT_GT(disk::file_size(last), bytes);
  disk::resize_file(last, disk::file_size(last) - bytes);
}

TEST_F(RocksStoreTest, RefusesToStartWhenDurableChangesAreMissing) {
  auto store = open();
  put(*store, "s:1", "alice");
  put(*store, "s:2", "bob");
  ASSERT_TRUE(store->sync());
  store.reset();
  lose_the_logs_end(data("db"), 3);

  for (int attempt = 0; attempt < 2; ++attempt) {
    const Error error = open_error();
    EXPECT_EQ(error.code, Errc::damaged);
    EXPECT_THAT(error.detail, HasSubstr("1 changes that were acknowledged as durable are missing"));
    EXPECT_THAT(error.detail, HasSubstr("start with accept-data-loss yes"));
  }

  options.accept_data_loss = true;
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_EQ(get(*store, "s:2"), "(none)");
  EXPECT_THAT(logged(), HasSubstr("serving what is left"));
  store.reset();
  // The loss is accepted once, not for ever.
  options.accept_data_loss = false;
  EXPECT_NE(open(), nullptr);
}

TEST_F(RocksStoreTest, StartsWithoutAWordWhenOnlyWhatWasNotDurableIsMissing) {
  auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  put(*store, "s:2", "bob");
  store.reset();
  lose_the_logs_end(data("db"), 3);
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_EQ(get(*store, "s:2"), "(none)");
}

TEST_F(RocksStoreTest, RefusesToStartWhenTheWholeDatabaseIsGone) {
  auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  store.reset();
  disk::remove_all(data("db"));
  EXPECT_EQ(open_error().code, Errc::damaged);
}

TEST_F(RocksStoreTest, SaysThatAWatermarkIsMissingOrDamaged) {
  auto store = open();
  put(*store, "s:1", "alice");
  store.reset();
  EXPECT_THAT(logged(), Not(HasSubstr("watermark")));
  disk::remove(data("watermark"));
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_THAT(logged(), HasSubstr("has no watermark"));
  store.reset();
  replace_contents(data("watermark"), "watermark 1\nsequence 9\ntime 0\nchecksum 0\n");
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_THAT(logged(), HasSubstr("is damaged"));
}

TEST(Watermark, ComesBackAsItWasWrittenAndNotWhenDamaged) {
  const std::string text = encode_watermark({123, from_unix_ms(456)});
  const auto decoded = decode_watermark(text);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->sequence, 123u);
  EXPECT_EQ(unix_ms(decoded->time), 456);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] ^= 1;
    EXPECT_FALSE(decode_watermark(other)) << i;
    EXPECT_FALSE(decode_watermark(text.substr(0, i))) << i;
  }
}

// --- in service ---

TEST_F(RocksStoreTest, ClosesAndOpensQuicklyWithMuchInItsLog) {
  auto store = open();
  const std::string value(1'000, 'v');
  const auto batch = store->make_batch();
  for (int i = 0; i < 20'000; ++i) {
    batch->put(Column::records, {std::to_string(i)}, {value});
    if (i % 100 == 99) {
      ASSERT_TRUE(store->write(*batch, Store::Stall::wait));
      batch->clear();
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  store.reset();
  // Half a second is the aim on a quiet machine; tests run on busy and on instrumented ones.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  store = open();
  EXPECT_EQ(rows(*store).size(), 20'000u);
}

TEST_F(RocksStoreTest, CountsTheMemoryOfLargeRows) {
  const auto store = open();
  put(*store, "s:1", "alice");
  const std::uint64_t before = store->memory_bytes();
  put(*store, "s:2", std::string(1'000'000, 'v'));
  EXPECT_GE(store->memory_bytes(), before + 1'000'000);
  EXPECT_LE(store->memory_bytes(), before + 1'100'000);
}

TEST_F(RocksStoreTest, HasNobodyWhoMayNotWaitGetMemoryForMemtables) {
  const auto store = open();
  const auto batch = store->make_batch();
  batch->put(Column::records, {"s:1"}, {"alice"});
  const auto refused = store->write(*batch, Store::Stall::refuse);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  EXPECT_EQ(get(*store, "s:1"), "(none)");
  store->prepare();
  const std::uint64_t prepared = store->memory_bytes();
  EXPECT_TRUE(store->write(*batch, Store::Stall::refuse));
  EXPECT_EQ(store->memory_bytes(), prepared);
  EXPECT_EQ(get(*store, "s:1"), "alice");
}

TEST_F(RocksStoreTest, DescribesItself) {
  const auto store = open();
  put(*store, "s:1", "alice");
  std::map<std::string, std::string> figures;
  store->describe(
      [&](std::string_view name, std::string_view value) { figures.emplace(name, value); });
  EXPECT_EQ(figures["store_sequence"], "1");
  EXPECT_EQ(figures["store_durable_sequence"], "0");
  EXPECT_EQ(figures["store_write_stopped"], "0");
  EXPECT_EQ(figures["store_failed"], "0");
  EXPECT_NE(figures["store_memtable_bytes"], "0");
  // Two memtables have the rest.
  EXPECT_EQ(figures["store_cache_capacity_bytes"], std::to_string(options.memory_bytes / 3));
  EXPECT_EQ(figures["store_memory_bytes"], std::to_string(store->memory_bytes()));
  EXPECT_EQ(figures["store_table_files"], "0");
  EXPECT_TRUE(figures.contains("store_pending_compaction_bytes"));
}

TEST_F(RocksStoreTest, StaysWithinItsLogAndItsTablesUnderManyOverwrites) {
  const auto store = open();
  const auto batch = store->make_batch();
  std::string value(500, 'v');
  const std::size_t keys = 4'000;  // 2 MB of live data
  for (std::size_t i = 0; i < 120'000; ++i) {
    value[0] = static_cast<char>('a' + i % 26);
    batch->put(Column::records, {std::to_string(i % keys)}, {value});
    if (i % 50 == 0) batch->put(Column::meta, {"reserved"}, {std::to_string(i)});
    if (i % 64 == 63) {
      ASSERT_TRUE(store->write(*batch, Store::Stall::wait));
      batch->clear();
    }
  }
  std::uintmax_t log_bytes = 0;
  for (const auto& entry : disk::directory_iterator(data("db"))) {
    if (entry.path().extension() == ".log") log_bytes += entry.file_size();
  }
  // A memtable is 4 MiB here, and six may be waiting for the flush; all that was written is 61 MiB.
  EXPECT_LT(log_bytes, 40u * 1024 * 1024);
  EXPECT_EQ(rows(*store).size(), keys);
}

}  // namespace
}  // namespace sojourn::server
