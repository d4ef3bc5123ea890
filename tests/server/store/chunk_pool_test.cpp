#include "server/store/chunk_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace sojourn::server {
namespace {

constexpr std::size_t kChunk = ChunkPool::kChunk;

void give_back(ChunkPool& pool, char* run, std::size_t chunks) {
  for (std::size_t i = 0; i < chunks; ++i) pool.give_back(run + i * kChunk);
}

TEST(ChunkPool, GivesChunksThatLieTogether) {
  ChunkPool pool(4 * kChunk);
  char* const run = pool.take(3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(run) % kChunk, 0u);
  std::memset(run, 'x', 3 * kChunk);
  EXPECT_EQ(pool.used_bytes(), 3 * kChunk);
  give_back(pool, run, 3);
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(pool.bytes(), 3 * kChunk);
}

TEST(ChunkPool, GivesThoseItHasKeptAgain) {
  ChunkPool pool(8 * kChunk);
  char* const run = pool.take(4);
  pool.give_back(run + 2 * kChunk);
  pool.give_back(run);
  pool.give_back(run + kChunk);
  EXPECT_EQ(pool.take(3), run);
  EXPECT_EQ(pool.bytes(), 4 * kChunk);
  give_back(pool, run, 4);
}

TEST(ChunkPool, TakesNoneThatLieApart) {
  ChunkPool pool(8 * kChunk);
  char* const run = pool.take(4);
  pool.give_back(run);
  pool.give_back(run + 2 * kChunk);
  char* const two = pool.take(2);
  for (const std::size_t in_use : {std::size_t{1}, std::size_t{3}}) {
    EXPECT_NE(two, run + in_use * kChunk);
    EXPECT_NE(two + kChunk, run + in_use * kChunk);
  }
  EXPECT_EQ(pool.bytes(), 6 * kChunk);
  give_back(pool, two, 2);
  pool.give_back(run + kChunk);
  pool.give_back(run + 3 * kChunk);
}

TEST(ChunkPool, KeepsNoMoreThanItMay) {
  ChunkPool pool(2 * kChunk);
  char* const run = pool.take(5);
  give_back(pool, run, 5);
  EXPECT_EQ(pool.bytes(), 2 * kChunk);
}

}  // namespace
}  // namespace sojourn::server
