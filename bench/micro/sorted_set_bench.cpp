// A sorted set of a million members, as commands use it: one transaction a request, nothing on
// disk.

#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "server/cache/keyspace.h"
#include "server/cache/sorted_set_view.h"
#include "tests/support/manual_clock.h"

namespace sojourn::server {
namespace {

constexpr std::array<std::size_t, 2> kSizes{1'000, 1'000'000};

// Each member's score is its number.
struct Fixture {
  Fixture() {
    for (const std::size_t size : kSizes) {
      const Key key = key_of(size);
      for (std::size_t i = 0; i < size; ++i) {
        Transaction tx(*keyspace, {&key, 1}, clock.now());
        tx.put_score(key, {static_cast<double>(i), member(i)});
      }
    }
  }
  static std::string member(std::size_t number) {
    return "session:0123456789abcdef:" + std::to_string(100'000'000 + number);
  }
  Key key_of(std::size_t size) const {
    return keyspace->key(0, size == kSizes[0] ? "small" : "large");
  }

  Log log{2, LogLevel::warning};
  ManualClock clock;
  std::unique_ptr<Journal> journal = Journal::none();
  std::unique_ptr<Keyspace> keyspace = *Keyspace::open({}, clock, *journal, nullptr, log);
};

// Calls request(transaction, key, number of a member) again and again.
template <class Request>
void repeat(benchmark::State& state, Request&& request) {
  static Fixture f;
  const auto size = static_cast<std::size_t>(state.range(0));
  const Key key = f.key_of(size);
  std::mt19937 random(1);
  for (auto _ : state) {
    Transaction tx(*f.keyspace, {&key, 1}, f.clock.now());
    request(tx, key, random() % size);
  }
}

void BM_ScoreOfMember(benchmark::State& state) {
  repeat(state, [](Transaction& tx, const Key& key, std::size_t number) {
    benchmark::DoNotOptimize(SortedSetView(*tx.find(key)).score(Fixture::member(number)));
  });
}
BENCHMARK(BM_ScoreOfMember)->Arg(kSizes[0])->Arg(kSizes[1]);

void BM_RankOfMember(benchmark::State& state) {
  repeat(state, [](Transaction& tx, const Key& key, std::size_t number) {
    benchmark::DoNotOptimize(SortedSetView(*tx.find(key)).rank(Fixture::member(number)));
  });
}
BENCHMARK(BM_RankOfMember)->Arg(kSizes[0])->Arg(kSizes[1]);

void BM_RangeOfTenByRank(benchmark::State& state) {
  repeat(state, [](Transaction& tx, const Key& key, std::size_t number) {
    SortedSetView(*tx.find(key)).visit(number, number + 10, false, [](const ScoredMember& member) {
      benchmark::DoNotOptimize(member.score);
    });
  });
}
BENCHMARK(BM_RangeOfTenByRank)->Arg(kSizes[0])->Arg(kSizes[1]);

void BM_CountBelowScore(benchmark::State& state) {
  repeat(state, [](Transaction& tx, const Key& key, std::size_t number) {
    const auto bound = static_cast<double>(number);
    benchmark::DoNotOptimize(
        SortedSetView(*tx.find(key)).count_before([&](const ScoredMember& member) {
          return member.score < bound;
        }));
  });
}
BENCHMARK(BM_CountBelowScore)->Arg(kSizes[0])->Arg(kSizes[1]);

void BM_ChangeScore(benchmark::State& state) {
  std::mt19937 scores(2);
  repeat(state, [&](Transaction& tx, const Key& key, std::size_t number) {
    const std::string member = Fixture::member(number);
    tx.put_score(key, {static_cast<double>(scores() % 1'000'000), member});
    tx.finish();
  });
}
BENCHMARK(BM_ChangeScore)->Arg(kSizes[0])->Arg(kSizes[1]);

}  // namespace
}  // namespace sojourn::server
