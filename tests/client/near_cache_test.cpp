// A near cache against this server and against Redis.

#include "sojourn/near_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "tests/client/real_server.h"

namespace sojourn {
namespace {

using namespace std::chrono_literals;

class NearCacheTest : public testing::TestWithParam<RealServer::Program> {
 protected:
  void SetUp() override {
    const auto path = RealServer::find(GetParam());
    if (!path) GTEST_SKIP() << "no program to test against";
    server_.emplace(GetParam(), *path);
  }
  RealServer& server() { return *server_; }
  static void eventually(const std::function<bool()>& come_true) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!come_true()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
  }
  static std::int64_t number(const NearCache::Value& value) {
    return value ? std::stoll(*value) : 0;
  }

 private:
  std::optional<RealServer> server_;
};

TEST_P(NearCacheTest, AsksOnceForEachChange) {
  Client writer(server().over_tcp());
  NearCache cache(server().over_unix_socket());
  ASSERT_TRUE(writer.exec(Request().push("SET", "s:1", "alice")));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(cache.get("s:1").value(), "alice");
  EXPECT_EQ(cache.figures().hits, 9u);
  ASSERT_TRUE(writer.exec(Request().push("SET", "s:1", "bob")));
  eventually([&] { return cache.get("s:1").value() == "bob"; });
  ASSERT_TRUE(writer.exec(Request().push("DEL", "s:1")));
  eventually([&] { return cache.get("s:1").value() == std::nullopt; });
  ASSERT_TRUE(writer.exec(Request().push("SET", "s:1", "carol")));
  eventually([&] { return cache.get("s:1").value() == "carol"; });
  ASSERT_TRUE(writer.exec(Request().push("FLUSHALL")));
  eventually([&] { return cache.get("s:1").value() == std::nullopt; });
}

TEST_P(NearCacheTest, AnswersAsynchronously) {
  Client writer(server().over_tcp());
  NearCache cache(server().over_tcp());
  ASSERT_TRUE(writer.exec(Request().push("SET", "s:1", "alice").push("SADD", "set", "x")));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cache.async_get("s:1", boost::asio::use_future).get().value(), "alice");
  }
  EXPECT_EQ(cache.figures().hits, 2u);
  EXPECT_EQ(cache.async_get("set", boost::asio::use_future).get().error().code, Errc::server_error);
  cache.close();
  EXPECT_EQ(cache.get("s:1").error().code, Errc::closed) << "nothing is kept any more";
}

TEST_P(NearCacheTest, LosesAllWithItsConnection) {
  Client writer(server().over_tcp());
  NearCache cache(server().over_tcp());
  ASSERT_TRUE(writer.exec(Request().push("SET", "s:1", "alice")));
  EXPECT_EQ(cache.get("s:1").value(), "alice");
  EXPECT_EQ(cache.figures().entries, 1u);
  ASSERT_TRUE(writer.exec(Request().push("CLIENT", "KILL", "TYPE", "normal")));
  eventually([&] { return cache.figures().entries == 0; });
  EXPECT_EQ(cache.get("s:1").value(), "alice") << "and reads it anew";
  ASSERT_TRUE(writer.exec(Request().push("SET", "s:1", "bob")));
  eventually([&] { return cache.get("s:1").value() == "bob"; });
}

TEST_P(NearCacheTest, ForgetsWhatItIsTold) {
  Client writer(server().over_tcp());
  NearCache cache(server().over_tcp());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(writer.exec(Request().push("SET", "s:1", i)));
    cache.forget("s:1");
    ASSERT_EQ(number(cache.get("s:1").value()), i) << "one's own change is seen at once";
  }
}

// Nobody reads what is older than what he has read, and in the end all read the last. What was kept
// wrongly would stay: nobody is told twice.
TEST_P(NearCacheTest, IsNeverStaleWhileOthersWrite) {
  constexpr int kReaders = 4, kWritesMin = 2000, kInvalidationsMin = 100;
  Client writer(server().over_tcp());
  NearCache cache(server().over_tcp());
  std::atomic<bool> writing{true};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      std::int64_t seen = 0;
      while (writing) {
        const Result<NearCache::Value> value = cache.get("counter");
        if (!value || number(*value) < seen) ++wrong;
        if (value) seen = number(*value);
      }
    });
  }
  // On a busy machine until enough of it has met a reader.
  int writes = 0;
  while (writes < kWritesMin || cache.figures().invalidations < kInvalidationsMin) {
    Request request;
    for (int n = 0; n < 10; ++n) request.push("INCR", "counter");
    ASSERT_TRUE(writer.exec(request));
    writes += 10;
    ASSERT_LT(writes, 1'000'000);
  }
  eventually([&] { return number(cache.get("counter").value()) == writes; });
  writing = false;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(number(cache.get("counter").value()), writes);
}

TEST_P(NearCacheTest, IsNotUsedWithAServerThatCannotTellOfChanges) {
  Options options = server().over_tcp();
  options.setup.push("CLIENT", "TRACKING", "ON", "BCAST");  // what it asks for itself contradicts
  NearCache cache(std::move(options));
  EXPECT_EQ(cache.get("s:1").error().code, Errc::refused);
}

INSTANTIATE_TEST_SUITE_P(Servers, NearCacheTest,
                         testing::Values(RealServer::Program::sojourn, RealServer::Program::redis),
                         [](const auto& program) {
                           return program.param == RealServer::Program::sojourn ? "Sojourn"
                                                                                : "Redis";
                         });

}  // namespace
}  // namespace sojourn
