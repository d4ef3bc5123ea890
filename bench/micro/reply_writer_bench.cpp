#include "protocol/reply_writer.h"

#include <benchmark/benchmark.h>

namespace sojourn::protocol {
namespace {

constexpr int kReplies = 16;  // a turn's worth, after which the buffer is sent and used again

template <typename Write>
void write_turns(benchmark::State& state, Write write) {
  std::string out;
  ReplyWriter writer(out, Version::resp3);
  for (auto _ : state) {
    out.clear();
    for (int i = 0; i < kReplies; ++i) write(writer);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * kReplies);
}

void BM_WriteOk(benchmark::State& state) {
  write_turns(state, [](ReplyWriter& writer) { writer.ok(); });
}
BENCHMARK(BM_WriteOk);

void BM_WriteInteger(benchmark::State& state) {
  write_turns(state, [](ReplyWriter& writer) { writer.integer(1800000); });
}
BENCHMARK(BM_WriteInteger);

void BM_WriteBulk(benchmark::State& state) {
  const std::string value(static_cast<std::size_t>(state.range(0)), 'v');
  write_turns(state, [&](ReplyWriter& writer) { writer.bulk(value); });
}
BENCHMARK(BM_WriteBulk)->Arg(16)->Arg(512)->Arg(2048);

}  // namespace
}  // namespace sojourn::protocol
