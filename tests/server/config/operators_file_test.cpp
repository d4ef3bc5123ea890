#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/config/config_support.h"

namespace sojourn::server {
namespace {

// The directives an installed Redis's redis.conf sets, in the shapes operators write them.
constexpr std::string_view kOperatorsFile = R"(
# Network
bind 127.0.0.1 -::1
protected-mode yes
port 6379
tcp-backlog 511
timeout 0
tcp-keepalive 300

# General
daemonize yes
pidfile /run/redis/redis-server.pid
loglevel notice
logfile /var/log/redis/redis-server.log
databases 16
always-show-logo no
set-proc-title yes
proc-title-template "{title} {listen-addr} {server-mode}"
locale-collate ""

# Snapshots
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
rdb-del-sync-files no
dir /var/lib/redis

# Replication
replica-serve-stale-data yes
replica-read-only yes
repl-diskless-sync yes
repl-diskless-sync-delay 5
repl-diskless-sync-max-replicas 0
repl-diskless-load disabled
repl-disable-tcp-nodelay no
replica-priority 100
acllog-max-len 128

# Memory
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
replica-lazy-flush no
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
oom-score-adj no
oom-score-adj-values 0 200 800
disable-thp yes

# Append-only file
appendonly no
appendfilename "appendonly.aof"
appenddirname "appendonlydir"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
aof-use-rdb-preamble yes
aof-timestamp-enabled no

slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events ""

# Advanced
hash-max-listpack-entries 512
hash-max-listpack-value 64
list-max-listpack-size -2
list-compress-depth 0
set-max-intset-entries 512
set-max-listpack-entries 128
set-max-listpack-value 64
zset-max-listpack-entries 128
zset-max-listpack-value 64
hll-sparse-max-bytes 3000
stream-node-max-bytes 4096
stream-node-max-entries 100
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
dynamic-hz yes
aof-rewrite-incremental-fsync yes
rdb-save-incremental-fsync yes
jemalloc-bg-thread yes
)";

// What operators add: most of what redis.conf shows in comments.
constexpr std::string_view kOperatorsAdditions = R"(
unixsocket /run/redis/redis-server.sock
unixsocketperm 700
socket-mark-id 0
bind-source-addr 10.0.0.1
supervised systemd
crash-log-enabled no
crash-memcheck-enabled no
syslog-enabled no
syslog-ident redis
syslog-facility local0
save 3600 1 300 100 60 10000
sanitize-dump-payload no
masterauth secret
masteruser someone
repl-ping-replica-period 10
repl-timeout 60
repl-backlog-size 1mb
repl-backlog-ttl 3600
propagation-error-behavior ignore
replica-ignore-disk-write-errors no
replica-announced yes
min-replicas-max-lag 10
replica-announce-ip 5.5.5.5
replica-announce-port 1234
tracking-table-max-keys 1000000
acl-pubsub-default resetchannels
rename-command CONFIG b840fc02d524045429941cc15f59e41cb7be6c52
maxclients 10000
maxmemory 2gb
maxmemory-policy volatile-lru
maxmemory-samples 5
maxmemory-eviction-tenacity 10
maxmemory-clients 5%
replica-ignore-maxmemory yes
active-expire-effort 1
io-threads 4
io-threads-do-reads no
shutdown-timeout 10
shutdown-on-sigint nosave force
shutdown-on-sigterm default
lua-time-limit 5000
busy-reply-threshold 5000
cluster-config-file nodes-6379.conf
cluster-node-timeout 15000
cluster-announce-human-nodename ""
latency-tracking yes
latency-tracking-info-percentiles 50 99 99.9
lfu-log-factor 10
lfu-decay-time 1
client-query-buffer-limit 1gb
proto-max-bulk-len 512mb
activedefrag yes
active-defrag-ignore-bytes 100mb
server_cpulist 0-7:2
bio_cpulist 1,3
aof_rewrite_cpulist 8-11
bgsave_cpulist 1,10-11
ignore-warnings ARM64-COW-BUG
enable-protected-configs no
enable-debug-command local
enable-module-command no
tls-cert-file redis.crt
tls-key-file redis.key
tls-auth-clients optional
tls-protocols "TLSv1.2 TLSv1.3"
)";

TEST(OperatorsFile, StartsTheServer) {
  Config config;
  ASSERT_EQ(read(config, kOperatorsFile), "OK");
  const auto settings = config.current();
  EXPECT_TRUE(settings->daemonize);
  EXPECT_EQ(settings->dir, "/var/lib/redis");
  EXPECT_FALSE(settings->appendonly);
  EXPECT_EQ(value_of(config, "auto-aof-rewrite-min-size"), "67108864");
  ASSERT_EQ(read(config, kOperatorsAdditions), "OK");
  EXPECT_EQ(config.current()->unixsocketperm, 0700u);
  EXPECT_EQ(value_of(config, "lua-time-limit"), "5000");
  EXPECT_EQ(value_of(config, "tls-protocols"), "TLSv1.2 TLSv1.3");
}

TEST(OperatorsFile, IsNotedInFewLines) {
  Config config;
  ASSERT_EQ(read(config, kOperatorsFile), "OK");
  EXPECT_LT(config.notes().size(), 15u);
}

}  // namespace
}  // namespace sojourn::server
