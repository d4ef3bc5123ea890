// What a change costs from the shard's lock to the store, on all threads together: CPU is that of
// the process. Each iteration is a worker's turn of range(0) changes that waits for its replies.
#include "server/cache/journal.h"

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>

#include "server/store/memory_store.h"
#include "server/store/rocks_store.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kKeys = 1'000'000;
constexpr std::size_t kValueBytes = 512;

// Takes every batch and forgets it: what is left is the journal's own cost.
class DiscardingStore : public MemoryStore {
 public:
  std::unique_ptr<Batch> make_batch() override { return std::make_unique<FlatBatch>(); }
  Result<StoreSequence> write(Batch&, Stall) override { return 0; }

 private:
  struct FlatBatch : Batch {
    void put(Column, Pieces key, Pieces value) override {
      append(key);
      append(value);
    }
    void erase(Column, Pieces key) override { append(key); }
    void erase_range(Column, std::string_view begin, std::string_view end) override {
      append({begin, end});
    }
    void append(Pieces pieces) {
      for (const std::string_view piece : pieces) flat.append(piece);
    }
    void clear() override { flat.clear(); }
    std::size_t bytes() const override { return flat.size(); }
    std::size_t changes() const override { return flat.empty() ? 0 : 1; }
    std::string flat;
  };
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "journal_bench.XXXXXX").string();
    CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A worker: its turns, and its sleep until its replies may leave.
class Worker {
 public:
  explicit Worker(Journal& journal) : journal_(journal) {
    journal_.on_progress([this] {
      { std::lock_guard lock(mutex_); }
      progress_.notify_one();
    });
  }
  ~Worker() { journal_.on_progress({}); }

  void turn(std::int64_t changes) {
    JournalPosition last = 0;
    for (std::int64_t i = 0; i < changes; ++i) last = change();
    journal_.end_turn();
    if (journal_.released() >= last) return;
    std::unique_lock lock(mutex_);
    progress_.wait(lock, [&] { return journal_.released() >= last; });
  }

 private:
  JournalPosition change() {
    const std::string key = "sess:" + std::to_string(random_() % kKeys);
    Record record;
    record.value = value_;
    Journal::Unit unit(journal_);
    record.version = unit.next_version();
    unit.put(0, key, record);
    return unit.position();
  }

  Journal& journal_;
  std::mutex mutex_;
  std::condition_variable progress_;
  std::minstd_rand random_{1};
  const std::string value_ = std::string(kValueBytes, 'v');
};

void run_turns(benchmark::State& state, Journal& journal) {
  {
    Worker worker(journal);
    for (auto _ : state) worker.turn(state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["change"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// range(1): whether the worker writes himself or the committer does.
void run_turns(benchmark::State& state, Store& store) {
  Log log(-1);
  Journal::Options options;
  options.inline_bytes_max = state.range(1) != 0 ? 1u << 30 : 0;
  auto journal = Journal::open(store, options, log);
  CHECK(journal);
  run_turns(state, **journal);
}

void BM_NoJournal(benchmark::State& state) { run_turns(state, *Journal::none()); }

void BM_JournalAlone(benchmark::State& state) {
  DiscardingStore store;
  run_turns(state, store);
}

void BM_JournalOverMemory(benchmark::State& state) {
  MemoryStore store;
  run_turns(state, store);
}

void BM_JournalOverRocks(benchmark::State& state) {
  TemporaryDirectory directory;
  Log log(-1);
  RocksStore::Options options;
  options.directory = directory.path();
  auto store = RocksStore::open(options, log);
  CHECK(store);
  run_turns(state, **store);
}

void turns(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"changes", "inline"})->ArgsProduct({{1, 16, 64}, {1, 0}});
  bench->MeasureProcessCPUTime();
}

BENCHMARK(BM_NoJournal)->ArgName("changes")->Arg(1)->Arg(64)->MeasureProcessCPUTime();
BENCHMARK(BM_JournalAlone)->Apply(turns);
BENCHMARK(BM_JournalOverMemory)->Apply(turns);
BENCHMARK(BM_JournalOverRocks)->Apply(turns);

}  // namespace
}  // namespace sojourn::server
