#include "server/store/chunk_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace sojourn::server {
namespace {

constexpr std::size_t kChunk = ChunkPool::kChunk;

TEST(ChunkPool, KeepsNoMoreThanItMay) {
  ChunkPool pool(2 * kChunk);
  std::vector<char*> chunks;
  for (int i = 0; i < 5; ++i) chunks.push_back(pool.take());
  EXPECT_EQ(pool.used_bytes(), 5 * kChunk);
  for (char* chunk : chunks) pool.give_back(chunk);
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(pool.bytes(), 2 * kChunk);
}

TEST(ChunkPool, PreparesWhatIsTakenThen) {
  ChunkPool pool(8 * kChunk);
  EXPECT_FALSE(pool.has_kept(1));
  pool.prepare(2 * kChunk + 1);
  EXPECT_TRUE(pool.has_kept(3 * kChunk));
  EXPECT_FALSE(pool.has_kept(3 * kChunk + 1));
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(pool.bytes(), 3 * kChunk);
  char* const chunk = pool.take();
  EXPECT_EQ(pool.bytes(), 3 * kChunk);
  EXPECT_FALSE(pool.has_kept(3 * kChunk));
  pool.give_back(chunk);
}

TEST(ChunkPool, PreparesNoMoreThanItKeeps) {
  ChunkPool pool(2 * kChunk);
  pool.prepare(10 * kChunk);
  EXPECT_EQ(pool.bytes(), 2 * kChunk);
  EXPECT_TRUE(pool.has_kept(10 * kChunk));
  EXPECT_TRUE(ChunkPool(0).has_kept(1));
}

}  // namespace
}  // namespace sojourn::server
