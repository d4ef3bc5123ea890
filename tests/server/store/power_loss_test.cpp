// RocksStore on a file system that forgets what was not synced.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "tests/server/store/store_fixture.h"
#include "tests/support/forgetful_file_system.h"

namespace sojourn::server {
namespace {

class PowerLoss : public RocksStoreTest {
 protected:
  PowerLoss() : files(std::make_shared<ForgetfulFileSystem>(home.path())) {
    options.file_system = files;
    options.memory_bytes = 768 * 1024;  // memtables of 256 KiB: flushes within a short test
    options.watermark_interval = std::chrono::milliseconds(1);
  }

  std::shared_ptr<ForgetfulFileSystem> files;
};

TEST_F(PowerLoss, KeepsWhatWasSyncedAndForgetsTheRest) {
  auto store = open();
  put(*store, "s:1", "alice");
  ASSERT_TRUE(store->sync());
  put(*store, "s:2", "bob");
  files->power_cut();
  store.reset();
  files->power_on();
  store = open();
  EXPECT_EQ(get(*store, "s:1"), "alice");
  EXPECT_EQ(get(*store, "s:2"), "(none)");
}

// Batch n writes n into every column under "n" and under "round", so what is left after a cut must
// be batches 1 to m, whole and in order, with m not below what was synced.
class Rounds {
 public:
  Rounds(Store& store, const ForgetfulFileSystem& files) : store_(store), files_(files) {}

  // Runs until the power is cut.
  void run(std::uint64_t seed, int first) {
    std::mt19937_64 random(seed);
    const auto batch = store_.make_batch();
    for (int round = first; files_.powered(); ++round) {
      batch->clear();
      const std::string number = std::to_string(round);
      const std::string padding(random() % 3'000, 'p');
      for (const Column column : kAll) {
        batch->put(column, {number}, {number, ":", padding});
        batch->put(column, {"round"}, {number});
      }
      batch->put(Column::records, {"doomed:", number}, {padding});
      if (round > 1) batch->erase(Column::records, {"doomed:", std::to_string(round - 1)});
      attempted = round;
      ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
      if (random() % 4 != 0) continue;
      ASSERT_TRUE(store_.sync());
      if (files_.powered()) synced = round;
    }
  }

  // Gives back the last round that is there.
  int check(int first) const {
    const std::string last = get(store_, "round", Column::meta);
    const int found = last == "(none)" ? 0 : std::stoi(last);
    EXPECT_GE(found, synced);
    EXPECT_LE(found, attempted);
    for (const Column column : kAll) {
      EXPECT_EQ(get(store_, "round", column), last);
      const auto there = rows(store_, column);
      for (int round = first; round <= found; ++round) {
        const auto row = there.find(std::to_string(round));
        if (row == there.end()) {
          ADD_FAILURE() << "round " << round << " of " << found << " is missing";
          return found;
        }
        EXPECT_EQ(row->second.substr(0, row->second.find(':')), row->first);
      }
      EXPECT_FALSE(there.contains(std::to_string(found + 1)));
    }
    const auto records = rows(store_, Column::records);
    for (const auto& [key, value] : records) {
      if (key.starts_with("doomed:")) {
        EXPECT_EQ(key, "doomed:" + last) << "came back from the dead";
      }
    }
    return found;
  }

  int attempted = 0;
  int synced = 0;

 private:
  static constexpr Column kAll[] = {Column::records, Column::fields, Column::touches, Column::meta};
  Store& store_;
  const ForgetfulFileSystem& files_;
};

// Each seed is a life of its own, with several cuts.
class PowerLossAtRandom : public PowerLoss, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Lives, PowerLossAtRandom, ::testing::Range(1, 9));

TEST_P(PowerLossAtRandom, LeavesWholeBatchesInOrder) {
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  int last = 0;
  for (int cut = 0; cut < 8; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    // Now and then in the middle of opening.
    files->cut_after(random() % (cut % 4 == 0 ? 60 : 1'200));
    auto store = open();
    ASSERT_NE(store, nullptr);
    Rounds before(*store, *files);
    before.run(random(), last + 1);
    ASSERT_FALSE(HasFailure());
    store.reset();
    const std::uint64_t seed = random();
    files->power_on(seed % 3 == 0 ? std::nullopt : std::optional<std::uint64_t>(seed));

    store = open();
    ASSERT_NE(store, nullptr);
    Rounds after(*store, *files);
    after.synced = std::max(last, before.synced);
    after.attempted = std::max(last, before.attempted);
    last = after.check(1);
    if (HasFailure()) return;
  }
  EXPECT_GT(last, 50);
}

TEST_F(PowerLoss, KeepsWhatOneThreadSyncsWhileAnotherWrites) {
  std::mt19937_64 random(7);
  for (int cut = 0; cut < 8; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    auto store = open();
    const StoreSequence before = store->sequence();
    files->cut_after(200 + random() % 1'500);
    std::atomic<bool> stop{false};
    std::atomic<StoreSequence> durable{before};
    std::thread syncer([&] {
      while (!stop) {
        const StoreSequence written = store->sequence();
        ASSERT_TRUE(store->sync());
        if (files->powered()) durable = written;
      }
    });
    const auto batch = store->make_batch();
    while (files->powered()) {
      batch->clear();
      const std::string number = std::to_string(store->sequence() + 1);
      batch->put(Column::records, {number}, {std::string(random() % 2'000, 'v')});
      if (!store->write(*batch, Store::Stall::wait)) break;
    }
    EXPECT_FALSE(files->powered());
    stop = true;
    syncer.join();
    store.reset();
    files->power_on(random());
    store = open();
    ASSERT_NE(store, nullptr);
    EXPECT_GE(store->sequence(), durable);
    const auto there = rows(*store);
    for (StoreSequence number = 1; number <= store->sequence(); ++number) {
      ASSERT_TRUE(there.contains(std::to_string(number))) << number;
    }
    EXPECT_EQ(there.size(), store->sequence());
  }
}

}  // namespace
}  // namespace sojourn::server
