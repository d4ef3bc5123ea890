#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/server/config/config_support.h"

namespace sojourn::server {
namespace {

using ::testing::StartsWith;

std::string refusal(std::string_view name, std::string_view why) {
  return "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
         std::string(why);
}

TEST(ConfigSet, PutsANewSnapshotInPlaceAndLeavesTheOldOne) {
  Config config;
  const auto before = config.current();
  const std::uint64_t generation = config.generation();
  EXPECT_EQ(set(config, {{"maxmemory", "1gb"}, {"appendfsync", "Always"}}), "OK");
  EXPECT_EQ(before->maxmemory, 0u);
  EXPECT_EQ(config.current()->maxmemory, 1u << 30);
  EXPECT_EQ(config.current()->appendfsync, Fsync::always);
  EXPECT_NE(config.generation(), generation);
  EXPECT_EQ(value_of(config, "maxmemory"), "1073741824");
}

TEST(ConfigSet, SetsAllOrNone) {
  Config config;
  EXPECT_EQ(set(config, {{"timeout", "5"}, {"maxmemory", "lots"}}),
            refusal("maxmemory", "argument must be a memory value"));
  EXPECT_EQ(config.current()->timeout, std::chrono::seconds(0));
}

TEST(ConfigSet, RefusesInRedissWords) {
  Config config;
  EXPECT_EQ(set(config, {{"foo", "bar"}}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'foo'");
  EXPECT_EQ(set(config, {{"rename-command", "a b"}}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'rename-command'");
  EXPECT_EQ(set(config, {{"timeout", "1"}, {"foo", "2"}}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'foo'");
  EXPECT_EQ(set(config, {{"daemonize", "yes"}}),
            refusal("daemonize", "can't set immutable config"));
  EXPECT_EQ(set(config, {{"dir", "/tmp"}}), refusal("dir", "can't set protected config"));
  EXPECT_EQ(set(config, {{"maxmemory", "1"}, {"MAXMEMORY", "2"}}),
            refusal("MAXMEMORY", "duplicate parameter"));
  EXPECT_EQ(set(config, {{"loglevel", "loud"}}),
            refusal("loglevel",
                    "argument(s) must be one of the following: debug, verbose, notice, warning"));
  EXPECT_EQ(
      set(config, {{"appendfsync", "x"}}),
      refusal("appendfsync", "argument(s) must be one of the following: everysec, always, no"));
  EXPECT_EQ(set(config, {{"client-output-buffer-limit", "normal x 2 3"}}),
            refusal("client-output-buffer-limit",
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration."));
  EXPECT_EQ(set(config, {{"client-output-buffer-limit", "foo 1 2 3"}}),
            refusal("client-output-buffer-limit",
                    "Invalid client class specified in buffer limit configuration."));
  EXPECT_EQ(set(config, {{"client-output-buffer-limit", "normal 1 2"}}),
            refusal("client-output-buffer-limit",
                    "Wrong number of arguments in buffer limit configuration."));
  EXPECT_EQ(
      set(config, {{"notify-keyspace-events", "K!"}}),
      refusal("notify-keyspace-events", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."));
  EXPECT_EQ(set(config, {{"oom-score-adj-values", "1 2"}}),
            refusal("oom-score-adj-values", "wrong number of arguments"));
}

TEST(ConfigSet, KeepsWhatHasNoMeaning) {
  Config config;
  EXPECT_EQ(set(config, {{"hash-max-ziplist-entries", "7"}, {"save", "60 1 10 2"}}), "OK");
  EXPECT_EQ(value_of(config, "hash-max-listpack-entries"), "7");
  EXPECT_EQ(value_of(config, "save"), "60 1 10 2");
  EXPECT_EQ(set(config, {{"save", ""}}), "OK");
  EXPECT_EQ(value_of(config, "save"), "");
  EXPECT_EQ(set(config, {{"notify-keyspace-events", "Kx"}}), "OK");
  EXPECT_EQ(value_of(config, "notify-keyspace-events"), "xK");
  EXPECT_EQ(set(config, {{"notify-keyspace-events", "KEA"}}), "OK");
  EXPECT_EQ(value_of(config, "notify-keyspace-events"), "AKE");
  EXPECT_EQ(set(config, {{"latency-tracking-info-percentiles", "50.0 99 99.90"}}), "OK");
  EXPECT_EQ(value_of(config, "latency-tracking-info-percentiles"), "50 99 99.9");
}

TEST(ConfigSet, WhatIsFixedAtStartMayBeSetToWhatItIs) {
  Config config;
  EXPECT_EQ(set(config, {{"port", "6379"}, {"appendonly", "yes"}}), "OK");
  EXPECT_EQ(set(config, {{"port", "7000"}}), refusal("port", "can't set immutable config"));
  EXPECT_EQ(set(config, {{"appendonly", "no"}}),
            refusal("appendonly", "can't set immutable config"));
}

TEST(ConfigSet, RefusesWhatIsNotThereYet) {
  Config config;
  EXPECT_THAT(set(config, {{"min-replicas-to-write", "1"}}),
              StartsWith(refusal("min-replicas-to-write", "replication is not supported yet")));
}

TEST(ConfigSet, ProtectedPathsNeedTheOperatorsLeave) {
  Config closed, open, local;
  ASSERT_EQ(read(open, "enable-protected-configs yes"), "OK");
  ASSERT_EQ(read(local, "enable-protected-configs local"), "OK");
  EXPECT_EQ(set(closed, {{"dbfilename", "x"}}, true),
            refusal("dbfilename", "can't set protected config"));
  EXPECT_EQ(set(open, {{"dbfilename", "x"}}, false), "OK");
  EXPECT_EQ(set(local, {{"dbfilename", "x"}}, true), "OK");
  EXPECT_EQ(set(local, {{"dbfilename", "x"}}, false),
            refusal("dbfilename", "can't set protected config"));
}

TEST(ConfigSet, AsksAboutAllOfTlsTogether) {
  Config config;
  std::vector<std::string> tried;
  bool good = false;
  config.before_tls_change([&](const Settings& draft) -> Result<void> {
    tried.push_back(draft.tls_cert_file + " " + draft.tls_key_file);
    if (good) return {};
    return Error{Errc::invalid_argument, "no"};
  });
  EXPECT_EQ(set(config, {{"timeout", "7"}, {"TLS-Key-File", "k"}, {"tls-cert-file", "c"}}),
            refusal("tls-key-file", "no"));
  EXPECT_EQ(config.current()->timeout, std::chrono::seconds(0));
  EXPECT_EQ(value_of(config, "tls-key-file"), "");
  good = true;
  EXPECT_EQ(set(config, {{"timeout", "7"}, {"tls-key-file", "k"}, {"tls-cert-file", "c"}}), "OK");
  EXPECT_EQ(set(config, {{"tls-cert-file", "c"}}), "OK");
  EXPECT_EQ(set(config, {{"timeout", "8"}, {"tls-auth-clients", "optional"}}), "OK");
  EXPECT_EQ(set(config, {{"timeout", "9"}}), "OK");
  EXPECT_THAT(tried, ::testing::ElementsAre("c k", "c k", "c k", "c k"));
}

TEST(ConfigSet, KnowsWhichChangesReadFiles) {
  EXPECT_TRUE(Config::reads_files(std::vector<std::pair<std::string_view, std::string_view>>{
      {"timeout", "1"}, {"TLS-cert-file", "x"}}));
  EXPECT_FALSE(Config::reads_files(std::vector<std::pair<std::string_view, std::string_view>>{
      {"timeout", "1"}, {"absent", "x"}}));
}

TEST(ConfigSet, TellsThoseWhoApplyIt) {
  Config config;
  std::vector<LogLevel> levels;
  config.on_change([&](const Settings& settings) { levels.push_back(settings.loglevel); });
  set(config, {{"loglevel", "debug"}});
  set(config, {{"loglevel", "nonsense"}});
  EXPECT_THAT(levels, ::testing::ElementsAre(LogLevel::debug));
}

TEST(ConfigSet, ReadersSeeWholeSnapshotsWhileOthersSet) {
  Config config;
  std::atomic<bool> torn{false};
  std::thread setting([&] {
    for (int i = 0; i < 500; ++i) {
      const std::string value = std::to_string(i);
      set(config, {{"timeout", value}, {"tcp-keepalive", value}});
    }
  });
  set(config, {{"timeout", "0"}, {"tcp-keepalive", "0"}});
  for (int i = 0; i < 5000; ++i) {
    const auto settings = config.current();
    if (settings->timeout != settings->tcp_keepalive) torn = true;
  }
  setting.join();
  EXPECT_FALSE(torn);
}

}  // namespace
}  // namespace sojourn::server
