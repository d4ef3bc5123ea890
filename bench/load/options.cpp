#include "bench/load/options.h"

#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace sojourn::load {

const char* const kUsage =
    "Usage: sojourn_load [--option value ...]\n"
    "Loads a server that speaks the Redis protocol and prints one line of JSON.\n"
    "  --workload get|set|mix|touch|hash|evalsha\n"
    "                                 mix: ten GETs for each SET; touch: GET, EXPIRE in turn; "
    "hash:\n"
    "                                 HGETALL, HSET of one field in turn (get)\n"
    "  --fill                         instead: make every key of the workload once\n"
    "  --first-key N                  of those to fill, which are --keys (0)\n"
    "  --host ADDRESS --port N        (127.0.0.1, 6379)\n"
    "  --tls                          the port speaks TLS\n"
    "  --keys N                       sessions there are (1000000)\n"
    "  --value-bytes N                at least 8 (512)\n"
    "  --ttl SECONDS                  what SET and EXPIRE give (1800)\n"
    "  --connections N                over all threads (50)\n"
    "  --threads N                    (1)\n"
    "  --in-flight N                  requests sent at once on a connection, which then waits for\n"
    "                                 all their replies (1)\n"
    "  --requests N                   (1000000)\n"
    "  --seconds N                    instead of a number of requests\n"
    "  --rate N                       requests a second over all connections, evenly spread; a\n"
    "                                 connection that still waits for replies sends late, and\n"
    "                                 latencies run from when a request was due (without: as fast\n"
    "                                 as replies come, latencies from sending)\n"
    "  --slice-ms N                   first prints, every N milliseconds, a line of JSON with the\n"
    "                                 latencies of the replies that came meanwhile, and from when\n"
    "                                 until when that was, in seconds of the monotonic clock\n"
    "  --zipf EXPONENT                0: all keys alike (0)\n"
    "  --seed N                       (1)\n";

namespace {

constexpr std::array<std::pair<std::string_view, Workload>, 6> kWorkloads = {{
    {"get", Workload::get},
    {"set", Workload::set},
    {"mix", Workload::mix},
    {"touch", Workload::touch},
    {"hash", Workload::hash},
    {"evalsha", Workload::evalsha},
}};

[[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view wanted) {
  throw std::invalid_argument(std::string(option) + " " + std::string(value) + ": expected " +
                              std::string(wanted));
}

template <typename Number>
Number number(std::string_view option, std::string_view value, Number least, Number most) {
  Number result{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  // Written so that "nan" is none.
  const bool fits = result >= least && result <= most;
  if (error != std::errc{} || end != value.data() + value.size() || !fits) {
    refuse(option, value, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return result;
}

Workload workload(std::string_view option, std::string_view value) {
  for (const auto& [name, workload] : kWorkloads) {
    if (name == value) return workload;
  }
  refuse(option, value, "get, set, mix, touch, hash or evalsha");
}

void apply(std::string_view option, std::string_view value, Options& options) {
  const auto count = [&](std::uint64_t least, std::uint64_t most) {
    return number<std::uint64_t>(option, value, least, most);
  };
  constexpr std::uint64_t kSecondsMax = 1'000'000'000;
  if (option == "--host") {
    options.host = value;
  } else if (option == "--port") {
    options.port = static_cast<std::uint16_t>(count(1, 65535));
  } else if (option == "--workload") {
    options.workload = workload(option, value);
  } else if (option == "--keys") {
    options.keys = count(1, 1'000'000'000'000);
  } else if (option == "--first-key") {
    options.first_key = count(0, 1'000'000'000'000);
  } else if (option == "--value-bytes") {
    options.value_bytes = count(8, 512u << 20);
  } else if (option == "--ttl") {
    options.ttl = std::chrono::seconds(count(1, kSecondsMax));
  } else if (option == "--connections") {
    options.connections = count(1, 60'000);
  } else if (option == "--threads") {
    options.threads = count(1, 1024);
  } else if (option == "--in-flight") {
    options.in_flight = count(1, 100'000);
  } else if (option == "--requests") {
    options.requests = count(1, 1'000'000'000'000);
  } else if (option == "--seconds") {
    options.duration = std::chrono::seconds(count(1, kSecondsMax));
  } else if (option == "--rate") {
    options.rate = number<double>(option, value, 1, 1e9);
  } else if (option == "--slice-ms") {
    options.slice = std::chrono::milliseconds(count(1, 1'000'000));
  } else if (option == "--zipf") {
    options.zipf = number<double>(option, value, 0, 10);
  } else if (option == "--seed") {
    options.seed = count(0, UINT64_MAX);
  } else {
    throw std::invalid_argument(std::string(option) + ": no such option; --help tells them");
  }
}

}  // namespace

std::string_view name_of(const Options& options) {
  if (options.fill) return "fill";
  for (const auto& [name, value] : kWorkloads) {
    if (value == options.workload) return name;
  }
  return "";
}

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--fill") {
      options.fill = true;
      continue;
    }
    if (option == "--tls") {
      options.tls = true;
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument(std::string(option) + ": its value is missing");
    apply(option, argv[++i], options);
  }
  if (options.connections < options.threads) {
    throw std::invalid_argument("--connections must be at least --threads");
  }
  return options;
}

}  // namespace sojourn::load
