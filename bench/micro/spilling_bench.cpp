// Values that are away, read again from RocksDB, beside a bare Get of the same records; and what it
// costs to have them leave.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "server/cache/keyspace.h"
#include "server/store/rocks_store.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace sojourn::server {
namespace {

// Many times what RocksDB's cache holds; the system's has them all.
constexpr std::size_t kSessions = 1'000'000;
const std::string kValue(512, 'v');

struct Fixture {
  Fixture() {
    for (std::size_t i = 0; i < kSessions; ++i) {
      names.push_back("session:0123456789abcdef:" + std::to_string(100'000'000 + i));
      const Key key = keyspace->key(0, names.back());
      {
        Transaction tx(*keyspace, {&key, 1}, clock.now());
        tx.put_string(key, kValue, kNever);
      }
      if (i % 1000 == 0) journal->flush();
    }
    journal->flush();
    std::shuffle(names.begin(), names.end(), std::mt19937(1));
  }
  std::unique_ptr<RocksStore> open() {
    RocksStore::Options options;
    options.directory = directory.path();
    return std::move(*RocksStore::open(options, log));
  }
  void spill_all() const {
    for (std::size_t shard = 0; shard != Keyspace::kNoShard;) shard = keyspace->spill_all(shard);
  }
  // The next ones nobody has asked for since all left.
  std::string_view next() {
    if (at == 0) spill_all();
    const std::string& name = names[at];
    at = (at + 1) % kSessions;
    return name;
  }

  TemporaryDirectory directory;
  Log log{2, LogLevel::warning};
  ManualClock clock;
  std::unique_ptr<RocksStore> store = open();
  std::unique_ptr<Journal> journal = std::move(*Journal::open(*store, {}, log));
  std::unique_ptr<Keyspace> keyspace =
      std::move(*Keyspace::open({}, clock, *journal, store.get(), log));
  std::vector<std::string> names;
  std::size_t at = 0;
};

Fixture& fixture() {
  static Fixture shared;
  return shared;
}

void BM_BareGet(benchmark::State& state) {
  Fixture& f = fixture();
  const auto prefix = database_prefix(1);
  for (auto _ : state) {
    std::string row_key(prefix.data(), prefix.size());
    row_key += f.names[f.at];
    f.at = (f.at + 1) % kSessions;
    auto row = f.store->read(Column::records, row_key);
    if (!row || !*row) state.SkipWithError("no record");
    benchmark::DoNotOptimize(row);
  }
  f.at = 0;
}
BENCHMARK(BM_BareGet)->Iterations(200'000)->UseRealTime()->MeasureProcessCPUTime();

// From a request that finds its value away to the one that finds it there; so many at a time.
void BM_ReadOfWhatIsAway(benchmark::State& state) {
  Fixture& f = fixture();
  const auto at_once = static_cast<std::size_t>(state.range(0));
  f.at = 0;
  f.spill_all();
  f.next();
  for (auto _ : state) {
    const auto ready = std::make_shared<std::atomic<std::size_t>>(0);
    std::vector<Key> keys;
    for (std::size_t i = 0; i < at_once; ++i) keys.push_back(f.keyspace->key(0, f.next()));
    for (const Key& key : keys) {
      f.keyspace->bring_back({&key, 1}, std::chrono::seconds(0),
                             [ready](std::optional<Error> error) {
                               if (error) std::abort();
                               ++*ready;
                               ready->notify_one();
                             });
    }
    for (std::size_t seen = *ready; seen < at_once; seen = *ready) ready->wait(seen);
    for (const Key& key : keys) {
      Transaction tx(*f.keyspace, {&key, 1}, f.clock.now());
      if (tx.lacks({&key, 1}, Need::value)) state.SkipWithError("still away");
      benchmark::DoNotOptimize(tx.find(key)->string());
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * at_once));
  f.at = 0;
}
BENCHMARK(BM_ReadOfWhatIsAway)->Arg(1)->Iterations(100'000)->UseRealTime()->MeasureProcessCPUTime();
BENCHMARK(BM_ReadOfWhatIsAway)->Arg(16)->Iterations(20'000)->UseRealTime()->MeasureProcessCPUTime();

void BM_WhatLeaves(benchmark::State& state) {
  Fixture& f = fixture();
  f.spill_all();
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Key> keys;
    for (std::size_t i = 0; i < 100'000; ++i) keys.push_back(f.keyspace->key(0, f.names[i]));
    const auto ready = std::make_shared<std::atomic<bool>>(false);
    f.keyspace->bring_back(keys, std::chrono::seconds(0), [ready](std::optional<Error>) {
      *ready = true;
      ready->notify_one();
    });
    ready->wait(false);
    const std::uint64_t before = f.keyspace->spilled();
    state.ResumeTiming();
    f.spill_all();
    if (f.keyspace->spilled() - before != keys.size()) state.SkipWithError("not all left");
  }
  state.SetItemsProcessed(state.iterations() * 100'000);
}
BENCHMARK(BM_WhatLeaves)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sojourn::server
