// sojourn_load: one run of one workload against one server. bench/load/run calls it.

#include <cstdio>
#include <cstring>
#include <exception>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/load.h"
#include "bench/load/options.h"

namespace sojourn::load {
namespace {

constexpr std::uint64_t kSeedsApart = 1'000'003;

// The number-th of `parts` nearly equal parts of a whole, and where it begins.
struct Part {
  Part(std::uint64_t whole, std::uint64_t parts, std::uint64_t number)
      : first(whole * number / parts), size(whole * (number + 1) / parts - first) {}
  std::uint64_t first;
  std::uint64_t size;
};

double seconds_of(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double us(Histogram::Duration duration) { return static_cast<double>(duration.count()) / 1e3; }

// A line whole, since threads do this.
void print_slice(Clock::time_point from, Clock::time_point until, const Histogram& latencies) {
  std::string counts;
  latencies.for_each([&](Histogram::Duration duration, std::uint64_t times) {
    counts += (counts.empty() ? "[" : ", [") + std::to_string(us(duration)) + ", " +
              std::to_string(times) + "]";
  });
  std::printf("{\"from\": %.6f, \"until\": %.6f, \"us_times\": [%s]}\n",
              seconds_of(from.time_since_epoch()), seconds_of(until.time_since_epoch()),
              counts.c_str());
  std::fflush(stdout);
}

std::vector<std::unique_ptr<Load>> connect(const Options& options) {
  std::vector<std::unique_ptr<Load>> loads;
  for (std::size_t i = 0; i < options.threads; ++i) {
    const Part connections(options.connections, options.threads, i);
    const Part requests(options.fill ? options.keys : options.requests, options.threads, i);
    loads.push_back(std::make_unique<Load>(
        options,
        Share{
            .connections = connections.size,
            .requests = options.duration.count() > 0 && !options.fill ? UINT64_MAX : requests.size,
            .first_filled = options.first_key + requests.first,
            .seed = options.seed * kSeedsApart + i},
        options.slice.count() > 0 ? Load::TellSlice(print_slice) : Load::TellSlice()));
  }
  return loads;
}

Result run_together(std::vector<std::unique_ptr<Load>>& loads) {
  std::vector<Result> results(loads.size());
  std::vector<std::exception_ptr> failures(loads.size());
  std::latch ready(static_cast<std::ptrdiff_t>(loads.size()));
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    threads.emplace_back([&, i] {
      ready.arrive_and_wait();
      try {
        results[i] = loads[i]->run();
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  }
  for (std::jthread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  Result whole;
  for (const Result& result : results) whole.merge(result);
  return whole;
}

void print(const Options& options, const Result& result) {
  const double seconds = seconds_of(result.ended - result.began);
  const auto count = result.latencies.count();
  const Histogram& latencies = result.latencies;
  std::printf(
      "{\"workload\": \"%s\", \"connections\": %zu, \"in_flight\": %zu, \"requests\": %llu, "
      "\"seconds\": %.6f, \"requests_per_second\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
      "\"p999_us\": %.1f, \"max_us\": %.1f, \"missing\": %llu, \"errors\": %llu, \"wrong\": "
      "%llu}\n",
      std::string(name_of(options)).c_str(), options.connections, options.in_flight,
      static_cast<unsigned long long>(count), seconds,
      seconds > 0 ? static_cast<double>(count) / seconds : 0, us(latencies.quantile(0.5)),
      us(latencies.quantile(0.99)), us(latencies.quantile(0.999)), us(latencies.max()),
      static_cast<unsigned long long>(result.missing),
      static_cast<unsigned long long>(result.errors),
      static_cast<unsigned long long>(result.wrong));
  if (!result.first_complaint.empty()) {
    std::fprintf(stderr, "sojourn_load: the first reply that was not as it should be: %s\n",
                 result.first_complaint.c_str());
  }
}

}  // namespace
}  // namespace sojourn::load

int main(int argc, char** argv) {
  using namespace sojourn::load;
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  try {
    const Options options = parse_options(argc, argv);
    auto loads = connect(options);
    const Result result = run_together(loads);
    print(options, result);
    return result.errors + result.wrong > 0 ? 1 : 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "sojourn_load: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sojourn_load: %s\n", error.what());
    return 1;
  }
}
