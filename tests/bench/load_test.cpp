#include "bench/load/load.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace sojourn::load {
namespace {

using namespace std::chrono_literals;

// A server that stores everything at once, but for the first connection's first request, which it
// answers when the others have sent `held_for` of theirs. For requests of one in flight.
class Server {
 public:
  Server(std::size_t connections, std::size_t held_for)
      : held_for_(held_for), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, generic, size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this, connections] { serve(connections); });
  }
  ~Server() {
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }

 private:
  void serve(std::size_t connections) {
    std::vector<pollfd> clients;
    while (clients.size() < connections) {
      clients.push_back({::accept(listener_, nullptr, nullptr), POLLIN, 0});
    }
    std::size_t of_others = 0;
    bool held = false;
    for (std::size_t open = connections; open > 0;) {
      ::poll(clients.data(), clients.size(), -1);
      for (pollfd& client : clients) {
        if (client.revents == 0) continue;
        std::array<char, 4096> request;
        if (::recv(client.fd, request.data(), request.size(), 0) <= 0) {
          ::close(client.fd);
          client.fd = -1;
          --open;
        } else if (&client == clients.data() && of_others < held_for_) {
          held = true;
        } else {
          store(client);
          if (&client != clients.data() && ++of_others >= held_for_ && held) {
            held = false;
            store(clients.front());
          }
        }
      }
    }
  }
  static void store(const pollfd& client) { EXPECT_EQ(::send(client.fd, "+OK\r\n", 5, 0), 5); }

  const std::size_t held_for_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

constexpr std::size_t kConnections = 2;

// A thousand a second.
Options of_sets(const Server& server, std::size_t requests) {
  Options options;
  options.rate = 1000;
  options.requests = requests;
  options.port = server.port();
  options.workload = Workload::set;
  options.keys = 10;
  options.value_bytes = 8;
  options.connections = kConnections;
  return options;
}

Share all_of(const Options& options) {
  return {.connections = kConnections, .requests = options.requests, .first_filled = 0, .seed = 1};
}

TEST(OpenLoop, SendsAtTheRateItWasGiven) {
  Server server(kConnections, 0);
  const Options options = of_sets(server, 101);
  const Result result = Load(options, all_of(options)).run();
  EXPECT_EQ(result.latencies.count(), 101u);
  EXPECT_GE(result.ended - result.began, 100ms);
}

TEST(OpenLoop, SharesTheRateAmongThreadsByTheirConnections) {
  Server server(kConnections, 0);
  Options options = of_sets(server, 51);
  options.connections = 2 * kConnections;  // the other ones are another thread's
  const Result result = Load(options, all_of(options)).run();
  EXPECT_GE(result.ended - result.began, 100ms);
}

// The first connection is due every 2 ms, and held until the other one has sent fifty, 99 ms later:
// by then 45 of the hundred were due 10 ms ago or earlier.
TEST(OpenLoop, CountsWhatWasDueWhileTheServerPaused) {
  Server server(kConnections, 50);
  const Options options = of_sets(server, 100);
  const Result result = Load(options, all_of(options)).run();
  EXPECT_EQ(result.latencies.count(), 100u);
  EXPECT_GE(result.latencies.quantile(0.61), 10ms);
}

TEST(Slices, AddUpToTheWhole) {
  Server server(kConnections, 0);
  Options options = of_sets(server, 60);
  options.slice = 10ms;
  std::size_t slices = 0;
  Clock::time_point reached{};
  Histogram whole;
  const Result result =
      Load(options, all_of(options),
           [&](Clock::time_point from, Clock::time_point until, const Histogram& latencies) {
             EXPECT_TRUE(slices++ == 0 || from == reached);
             reached = until;
             latencies.for_each([&](auto duration, auto times) { whole.add(duration, times); });
           })
          .run();
  EXPECT_GE(slices, 2u);
  EXPECT_EQ(reached, result.ended);
  EXPECT_EQ(whole.count(), 60u);
  EXPECT_EQ(whole.quantile(0.5), result.latencies.quantile(0.5));
}

}  // namespace
}  // namespace sojourn::load
