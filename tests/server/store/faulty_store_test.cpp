#include "tests/support/faulty_store.h"

#include <thread>

#include "server/store/memory_store.h"
#include "tests/server/store/store_fixture.h"

namespace sojourn::server {
namespace {

class FaultyStoreTest : public ::testing::Test {
 protected:
  Result<StoreSequence> write(std::string_view key, Store::Stall stall = Store::Stall::wait) {
    const auto batch = store.make_batch();
    batch->put(Column::records, {key}, {"v"});
    return store.write(*batch, stall);
  }

  MemoryStore behind;
  FaultyStore store{behind};
};

TEST_F(FaultyStoreTest, FailsTheWriteItWasToldToAndNoOther) {
  store.fail_write(2, Errc::disk_full);
  EXPECT_TRUE(write("a"));
  const auto failed = write("b");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::disk_full);
  EXPECT_TRUE(write("c"));
  EXPECT_EQ(get(store, "b"), "(none)");
  EXPECT_EQ(get(store, "c"), "v");
  EXPECT_EQ(store.writes(), 3u);
}

TEST_F(FaultyStoreTest, MayFailAWriteThatReachedTheDisk) {
  store.fail_write(1, Errc::storage, 1, /*reaches_disk=*/true);
  EXPECT_FALSE(write("a"));
  EXPECT_EQ(get(behind, "a"), "v");
}

TEST_F(FaultyStoreTest, FailsSyncsAndReadsForAsLongAsItWasTold) {
  store.fail_sync(1, Errc::storage, 2);
  store.fail_read(1, Errc::damaged, 1'000);
  EXPECT_FALSE(store.sync());
  EXPECT_FALSE(store.sync());
  EXPECT_TRUE(store.sync());
  EXPECT_EQ(get(store, "a"), "(failed)");
  store.heal();
  EXPECT_EQ(get(store, "a"), "(none)");
  EXPECT_EQ(store.syncs(), 3u);
  EXPECT_EQ(store.reads(), 2u);
}

TEST_F(FaultyStoreTest, HoldsWritesBackUntilTheyAreLetGo) {
  store.hold_writes();
  std::thread writer([&] { EXPECT_TRUE(write("a")); });
  store.wait_for_held(1);
  EXPECT_EQ(get(behind, "a"), "(none)");
  EXPECT_EQ(write("b", Store::Stall::refuse).error().code, Errc::unavailable);
  store.let_go();
  writer.join();
  EXPECT_EQ(get(behind, "a"), "v");
}

}  // namespace
}  // namespace sojourn::server
