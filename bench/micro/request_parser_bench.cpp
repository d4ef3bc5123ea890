#include "protocol/request_parser.h"

#include <benchmark/benchmark.h>

#include <random>

#include "protocol/request_writer.h"

namespace sojourn::protocol {
namespace {

constexpr std::size_t kPipeline = 1000;

// Session ids as connect-redis makes them: "sess:" and 32 letters.
std::string session_key(std::minstd_rand& random) {
  std::string key = "sess:";
  for (int i = 0; i < 32; ++i) key.push_back(static_cast<char>('a' + random() % 26));
  return key;
}

std::string pipelined_gets() {
  std::minstd_rand random(1);
  std::string stream;
  for (std::size_t i = 0; i < kPipeline; ++i) {
    const std::string key = session_key(random);
    write_request(stream, std::vector<std::string_view>{"GET", key});
  }
  return stream;
}

std::string pipelined_sets(std::size_t value_bytes) {
  std::minstd_rand random(1);
  const std::string value(value_bytes, 'v');
  std::string stream;
  for (std::size_t i = 0; i < kPipeline; ++i) {
    const std::string key = session_key(random);
    write_request(stream,
                  std::vector<std::string_view>{"SET", key, value, "PX", "1800000", "XX", "GET"});
  }
  return stream;
}

void parse_all(benchmark::State& state, std::string_view stream) {
  RequestParser parser;
  for (auto _ : state) {
    std::string_view rest = stream;
    while (parser.parse(rest) == RequestParser::Status::request) {
      benchmark::DoNotOptimize(parser.words().data());
      rest.remove_prefix(parser.consumed());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPipeline));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
}

void BM_ParsePipelinedGets(benchmark::State& state) { parse_all(state, pipelined_gets()); }
BENCHMARK(BM_ParsePipelinedGets);

void BM_ParsePipelinedSets512(benchmark::State& state) { parse_all(state, pipelined_sets(512)); }
BENCHMARK(BM_ParsePipelinedSets512);

// The same SETs as a socket may hand them over: each call shows so many bytes more.
void BM_ParseInPieces(benchmark::State& state) {
  const std::string stream = pipelined_sets(512);
  const auto piece = static_cast<std::size_t>(state.range(0));
  RequestParser parser;
  for (auto _ : state) {
    std::size_t begin = 0;
    std::size_t end = 0;
    while (begin < stream.size()) {
      end = std::min(end + piece, stream.size());
      while (parser.parse(std::string_view(stream).substr(begin, end - begin)) ==
             RequestParser::Status::request) {
        begin += parser.consumed();
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPipeline));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
}
BENCHMARK(BM_ParseInPieces)->Arg(1)->Arg(16)->Arg(100)->Arg(1460)->Arg(16384);

}  // namespace
}  // namespace sojourn::protocol
