#include "server/commands/info.h"

#include <gmock/gmock.h>

#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "server/store/memory_store.h"
#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;

class Info : public CommandTest {
 protected:
  std::string text(std::vector<std::string> words) { return client().ask(words).value().text; }

  // Section titles in order, and all fields; anything else in the text is a failure.
  void parse(const std::string& info) {
    titles.clear();
    fields.clear();
    std::istringstream lines(info);
    std::string line;
    const std::regex field("([A-Za-z0-9_.|-]+):(.*)");
    while (std::getline(lines, line)) {
      ASSERT_FALSE(line.empty());
      ASSERT_EQ(line.back(), '\r') << line;
      line.pop_back();
      std::smatch match;
      if (line.empty()) continue;
      if (line.starts_with("# ")) {
        titles.push_back(line.substr(2));
      } else if (std::regex_match(line, match, field)) {
        EXPECT_TRUE(fields.emplace(match[1], match[2]).second) << "twice: " << line;
      } else {
        ADD_FAILURE() << "neither a section nor a field: " << line;
      }
    }
  }
  void ask(std::vector<std::string> sections) {
    sections.insert(sections.begin(), "INFO");
    parse(text(sections));
  }

  std::vector<std::string> titles;
  std::map<std::string, std::string> fields;
};

TEST_F(Info, HasTheDefaultSectionsInOrder) {
  ask({});
  EXPECT_THAT(titles,
              ElementsAre("Server", "Clients", "Memory", "Persistence", "Stats", "Replication",
                          "CPU", "Modules", "Errorstats", "Cluster", "Keyspace", "Sojourn"));
  const auto by_default = titles;
  ask({"default"});
  EXPECT_EQ(titles, by_default);
  ask({"everything"});
  EXPECT_EQ(titles.size(), by_default.size() + 2) << "Commandstats and Latencystats";
  ask({"ALL"});
  EXPECT_EQ(titles.size(), by_default.size() + 2) << "Commandstats and Latencystats";
}

TEST_F(Info, GivesTheSectionsAskedFor) {
  ask({"replication", "SERVER", "server", "nonsense"});
  EXPECT_THAT(titles, ElementsAre("Server", "Replication"));
  EXPECT_EQ(text({"INFO", "nonsense"}), "");
}

TEST_F(Info, HasTheFieldsThatClientsAndMonitorsRead) {
  ask({});
  EXPECT_EQ(fields["redis_version"], "7.2.4");
  EXPECT_EQ(fields["redis_mode"], "standalone");
  EXPECT_EQ(fields["loading"], "0");
  EXPECT_EQ(fields["role"], "master");
  EXPECT_EQ(fields["connected_slaves"], "0");
  EXPECT_EQ(fields["cluster_enabled"], "0");
  EXPECT_THAT(fields["run_id"], MatchesRegex("[0-9a-f]{40}"));
  EXPECT_THAT(fields["process_id"], MatchesRegex("[1-9][0-9]*"));
  EXPECT_THAT(fields["used_memory_human"], MatchesRegex("[0-9.]+[BKMG]"));
  EXPECT_THAT(fields["used_cpu_user"], MatchesRegex("[0-9]+\\.[0-9]{6}"));
  for (const char* name : {"tcp_port",
                           "uptime_in_seconds",
                           "uptime_in_days",
                           "config_file",
                           "executable",
                           "os",
                           "connected_clients",
                           "maxclients",
                           "blocked_clients",
                           "used_memory",
                           "used_memory_rss",
                           "used_memory_peak",
                           "maxmemory",
                           "maxmemory_policy",
                           "mem_fragmentation_ratio",
                           "rdb_changes_since_last_save",
                           "rdb_bgsave_in_progress",
                           "rdb_last_save_time",
                           "rdb_last_bgsave_status",
                           "aof_enabled",
                           "aof_last_write_status",
                           "total_connections_received",
                           "total_commands_processed",
                           "instantaneous_ops_per_sec",
                           "total_net_input_bytes",
                           "total_net_output_bytes",
                           "rejected_connections",
                           "expired_keys",
                           "expired_subkeys",
                           "evicted_keys",
                           "keyspace_hits",
                           "keyspace_misses",
                           "total_error_replies",
                           "master_replid",
                           "master_repl_offset",
                           "repl_backlog_size",
                           "used_cpu_sys",
                           "used_cpu_sys_main_thread",
                           "io_threaded_reads_processed",
                           "reply_buffer_shrinks",
                           "total_active_defrag_time"}) {
    EXPECT_TRUE(fields.contains(name)) << name;
  }
}

TEST_F(Info, CountsHitsMissesAndKeys) {
  run("SET a 1");
  run("SET b 1 EX 100");
  run("GET a");
  run("GET absent");
  run("SELECT 3");
  run("SET c 1");
  ask({"keyspace", "stats"});
  EXPECT_EQ(fields["keyspace_hits"], "1");
  EXPECT_EQ(fields["keyspace_misses"], "1");
  EXPECT_EQ(fields["db0"], "keys=2,expires=1,avg_ttl=0");
  EXPECT_EQ(fields["db3"], "keys=1,expires=0,avg_ttl=0");
  EXPECT_FALSE(fields.contains("db1"));
  EXPECT_EQ(fields["total_commands_processed"], "6");
}

TEST_F(Info, CountsKeysForEachSectionThatTellsOfThem) {
  run("SET a 1 EX 100");
  run("GET a");
  ask({"keyspace"});
  EXPECT_EQ(fields["db0"], "keys=1,expires=1,avg_ttl=0");
  ask({"stats"});
  EXPECT_EQ(fields["keyspace_hits"], "1");
  ask({"memory"});
  EXPECT_GT(std::stoull(fields["used_memory_dataset"]), 0u);
  ask({"server", "keyspace"});
  EXPECT_EQ(fields["db0"], "keys=1,expires=1,avg_ttl=0");
}

TEST_F(Info, TellsWhatEachCommandCost) {
  run("GET a");
  run("GET");
  run("SELECT abc");
  ask({"commandstats", "errorstats"});
  EXPECT_THAT(fields["cmdstat_get"],
              MatchesRegex("calls=1,usec=[0-9]+,usec_per_call=[0-9]+\\.[0-9]{2},"
                           "rejected_calls=1,failed_calls=0"));
  EXPECT_THAT(fields["cmdstat_select"], MatchesRegex("calls=1,.*,failed_calls=1"));
  EXPECT_FALSE(fields.contains("cmdstat_set"));
  EXPECT_EQ(fields["errorstat_ERR"], "count=2");
}

TEST_F(Info, TellsHowLongEachCommandTook) {
  run("GET a");
  run("CLIENT ID");
  run("GET");
  ask({"latencystats"});
  EXPECT_THAT(fields["latency_percentiles_usec_get"],
              MatchesRegex("p50=[0-9]+\\.000,p99=[0-9]+\\.000,p99\\.9=[0-9]+\\.000"));
  EXPECT_TRUE(fields.contains("latency_percentiles_usec_client|id"));
  EXPECT_FALSE(fields.contains("latency_percentiles_usec_set"));

  run("CONFIG SET latency-tracking-info-percentiles 100");
  ask({"latencystats"});
  EXPECT_THAT(fields["latency_percentiles_usec_get"], MatchesRegex("p100=[0-9]+\\.000"));
  run("CONFIG RESETSTAT");
  ask({"latencystats"});
  EXPECT_FALSE(fields.contains("latency_percentiles_usec_get"));
}

TEST_F(Info, TellsNoLatenciesThatWereNotCounted) {
  run("CONFIG SET latency-tracking no");
  run("GET a");
  ask({"latencystats"});
  EXPECT_FALSE(fields.contains("latency_percentiles_usec_get"));
  run("CONFIG SET latency-tracking yes");
  ask({"latencystats"});
  EXPECT_FALSE(fields.contains("latency_percentiles_usec_get"));
}

TEST_F(Info, KnowsHowLongTheServerHasBeenUp) {
  advance(std::chrono::hours(25));
  ask({"server"});
  EXPECT_EQ(fields["uptime_in_seconds"], "90000");
  EXPECT_EQ(fields["uptime_in_days"], "1");
}

TEST_F(Info, CountsCommandsASecond) {
  advance(1s);
  ask({"stats"});
  for (int i = 0; i < 99; ++i) run("PING");
  advance(1s);
  ask({"stats"});
  EXPECT_EQ(fields["instantaneous_ops_per_sec"], "100");
}

TEST_F(Info, RemembersTheMemoryPeakUntilStatisticsAreReset) {
  run_words({"SET", "a", std::string(1'000'000, 'x')});
  ask({"memory"});
  const auto full = std::stoull(fields["used_memory"]);
  EXPECT_GT(full, 1'000'000u);
  run("DEL a");
  ask({"memory"});
  EXPECT_LT(std::stoull(fields["used_memory"]), full);
  EXPECT_GE(std::stoull(fields["used_memory_peak"]), full);
  run("CONFIG RESETSTAT");
  ask({"memory"});
  EXPECT_LT(std::stoull(fields["used_memory_peak"]), full);
}

// A store that says that it holds so much in RAM.
class HeavyStore : public MemoryStore {
 public:
  std::uint64_t memory_bytes() const override { return 50'000'000; }
};

TEST_F(Info, CountsTheStoresMemoryThoughMaxmemoryDoesNot) {
  run("SAVE");  // nothing is on its way to the store
  ask({"memory"});
  const auto without = std::stoull(fields["used_memory"]);
  const std::string at_start = fields["used_memory_startup"];
  EXPECT_GT(std::stoull(at_start), 0u);
  const HeavyStore heavy;
  services->store = &heavy;
  ask({"memory"});
  EXPECT_EQ(std::stoull(fields["used_memory"]), without + heavy.memory_bytes());
  EXPECT_EQ(fields["used_memory_startup"], at_start);
  ASSERT_EQ(run("CONFIG SET maxmemory 40mb"), "OK");
  EXPECT_EQ(run("SET a 1"), "OK");
}

TEST_F(Info, HasEveryFieldThatRedisHasInItsMemorySection) {
  ask({"memory"});
  for (const char* name :
       {"allocator_frag_ratio", "allocator_frag_bytes", "allocator_rss_ratio",
        "allocator_rss_bytes", "rss_overhead_ratio", "rss_overhead_bytes", "used_memory_vm_eval",
        "used_memory_vm_functions", "used_memory_vm_total", "used_memory_vm_total_human",
        "used_memory_scripts_eval", "used_memory_functions"}) {
    EXPECT_TRUE(fields.contains(name)) << name;
  }
  const auto heap = std::stoull(fields["allocator_resident"]);
  EXPECT_GT(heap, 0u);
  EXPECT_LT(heap, std::stoull(fields["used_memory_rss"])) << "the program's code is no heap";
}

TEST_F(Info, TellsOfTheStore) {
  services->store = &store;
  ask({"sojourn"});
  EXPECT_EQ(fields["sojourn_version"], kVersion);
  EXPECT_EQ(fields["storage_state"], "ok");
  EXPECT_TRUE(fields.contains("warming"));
  EXPECT_TRUE(fields.contains("journal_pending_bytes"));
  EXPECT_TRUE(fields.contains("longest_turn_usec"));
}

TEST_F(Info, IsVerbatimInResp3) {
  resp3();
  EXPECT_THAT(*client().try_raw({"INFO", "cluster"}),
              "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n");
}

}  // namespace
}  // namespace sojourn::server
