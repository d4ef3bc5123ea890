// The table as commands use it: one transaction a request, a million sessions, nothing on disk.

#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "server/cache/keyspace.h"
#include "tests/support/manual_clock.h"

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSessions = 1'000'000;
const std::string kValue(512, 'v');

struct Fixture {
  Fixture() {
    for (std::size_t i = 0; i < kSessions; ++i) {
      names.push_back("session:0123456789abcdef:" + std::to_string(100'000'000 + i));
      put(names.back(), 30min + Millis(i % 1'800'000));
    }
  }
  void put(const std::string& name, Millis ttl) {
    const Key key = keyspace->key(0, name);
    Transaction tx(*keyspace, {&key, 1}, clock.now());
    tx.put_string(key, kValue, clock.now() + ttl);
  }

  Log log{2, LogLevel::warning};
  ManualClock clock;
  std::unique_ptr<Journal> journal = Journal::none();
  std::unique_ptr<Keyspace> keyspace = *Keyspace::open({}, clock, *journal, nullptr, log);
  std::vector<std::string> names;
};

Fixture& fixture() {
  static Fixture shared;
  return shared;
}

void BM_FindOfAMillion(benchmark::State& state) {
  Fixture& f = fixture();
  std::mt19937 random(1);
  for (auto _ : state) {
    const Key key = f.keyspace->key(0, f.names[random() % kSessions]);
    Transaction tx(*f.keyspace, {&key, 1}, f.clock.now());
    benchmark::DoNotOptimize(tx.find(key));
  }
}
BENCHMARK(BM_FindOfAMillion);

void BM_PutOverOneOfAMillion(benchmark::State& state) {
  Fixture& f = fixture();
  std::mt19937 random(2);
  for (auto _ : state) f.put(f.names[random() % kSessions], 30min);
}
BENCHMARK(BM_PutOverOneOfAMillion);

void BM_TouchOneOfAMillion(benchmark::State& state) {
  Fixture& f = fixture();
  std::mt19937 random(3);
  for (auto _ : state) {
    const Key key = f.keyspace->key(0, f.names[random() % kSessions]);
    Transaction tx(*f.keyspace, {&key, 1}, f.clock.now());
    tx.set_deadline(key, f.clock.now() + 31min + Millis(random() % 1000));
  }
}
BENCHMARK(BM_TouchOneOfAMillion);

void BM_PutNewAndErase(benchmark::State& state) {
  Fixture& f = fixture();
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string name = "session:new:" + std::to_string(i++);
    f.put(name, 30min);
    const Key key = f.keyspace->key(0, name);
    Transaction tx(*f.keyspace, {&key, 1}, f.clock.now());
    tx.erase(key);
  }
}
BENCHMARK(BM_PutNewAndErase);

// What a second of upkeep costs while a million sessions are touched at random: looking into the
// buckets whose moment came, and finding that their sessions live on.
void BM_ASecondOfUpkeepOfATouchedMillion(benchmark::State& state) {
  Fixture& f = fixture();
  std::mt19937 random(4);
  for (auto _ : state) {
    state.PauseTiming();
    for (int touch = 0; touch < 2000; ++touch) {
      const Key key = f.keyspace->key(0, f.names[random() % kSessions]);
      Transaction tx(*f.keyspace, {&key, 1}, f.clock.now());
      if (tx.peek(key) != nullptr) tx.set_deadline(key, f.clock.now() + 30min);
    }
    f.clock.advance(1s);
    state.ResumeTiming();
    while (f.keyspace->upkeep(0, 1, 1s)) {
    }
  }
  state.counters["keys"] = static_cast<double>(f.keyspace->size(0).value());
}
BENCHMARK(BM_ASecondOfUpkeepOfATouchedMillion)->Iterations(1800);

void BM_RemoveAThousandExpired(benchmark::State& state) {
  Fixture& f = fixture();
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 1000; ++i) f.put("short:" + std::to_string(i), 100ms);
    f.clock.advance(150ms);
    state.ResumeTiming();
    while (f.keyspace->upkeep(0, 1, 1s)) {
    }
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_RemoveAThousandExpired);

// Bytes beyond key and value: head of the entry, its share of a bucket, the shards.
void BM_BytesPerKey(benchmark::State& state) {
  Fixture& f = fixture();
  for (auto _ : state) benchmark::DoNotOptimize(f.keyspace->totals().entry_bytes);
  state.counters["bytes_beyond_key_and_value"] =
      static_cast<double>(f.keyspace->totals().entry_bytes) /
          static_cast<double>(f.keyspace->size(0).value()) -
      static_cast<double>(f.names[0].size() + kValue.size());
}
BENCHMARK(BM_BytesPerKey)->Iterations(1);

}  // namespace
}  // namespace sojourn::server
