// What clients of Redis Cluster ask; this is a server alone, and says so as Redis does.

#include "server/commands/call.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

void refuse(Call& call) { call.refuse("ERR This instance has cluster support disabled"); }

constexpr Command row(std::string_view name, Arity arity, Flags flags, std::string_view since,
                      std::string_view syntax, std::string_view summary,
                      Deprecation deprecated = {}) {
  return {.name = name,
          .arity = arity,
          .flags = flags,
          .group = Group::cluster,
          .run = refuse,
          .since = since,
          .deprecated = deprecated,
          .complexity = "O(1)",
          .syntax = syntax,
          .summary = summary};
}

constexpr Flags kOperator = kAdmin | kStale;
constexpr Flags kChange = kOperator | kNoAsyncLoading;
constexpr Flags kRandom = kStale | kTouchesRandomKeys;

constexpr Command kClusterCommands[] = {
    row("addslots", at_least(3), kChange, "3.0.0", "slot [slot ...]", "Gives this node slots."),
    row("addslotsrange", at_least(4), kChange, "7.0.0",
        "start-slot end-slot [start-slot end-slot ...]", "Gives this node ranges of slots."),
    row("bumpepoch", exactly(2), kChange | kTouchesRandomKeys, "3.0.0", "",
        "Raises the epoch of the configuration."),
    row("count-failure-reports", exactly(3), kOperator | kTouchesRandomKeys, "3.0.0", "node-id",
        "Returns how many nodes say that a node has failed."),
    row("countkeysinslot", exactly(3), kStale, "3.0.0", "slot",
        "Returns how many keys of a slot are here."),
    row("delslots", at_least(3), kChange, "3.0.0", "slot [slot ...]",
        "Takes slots from this node."),
    row("delslotsrange", at_least(4), kChange, "7.0.0",
        "start-slot end-slot [start-slot end-slot ...]", "Takes ranges of slots from this node."),
    row("failover", at_least(2), kChange, "3.0.0", "[FORCE | TAKEOVER]",
        "Makes a replica take its master's place."),
    row("flushslots", exactly(2), kChange, "3.0.0", "", "Takes all slots from this node."),
    row("forget", exactly(3), kChange, "3.0.0", "node-id", "Forgets a node."),
    row("getkeysinslot", exactly(4), kRandom, "3.0.0", "slot count", "Returns keys of a slot."),
    row("help", exactly(2), kLoading | kStale, "5.0.0", "", "Lists the subcommands of CLUSTER."),
    row("info", exactly(2), kRandom, "3.0.0", "", "Returns the state of the cluster."),
    row("keyslot", exactly(3), kStale, "3.0.0", "key", "Returns the slot of a key."),
    row("links", exactly(2), kRandom, "7.0.0", "", "Returns the connections to other nodes."),
    row("meet", at_least(4), kChange, "3.0.0", "ip port [cluster_bus_port]@4.0.0",
        "Makes this node and another one cluster."),
    row("myid", exactly(2), kStale, "3.0.0", "", "Returns this node's id."),
    row("myshardid", exactly(2), kStale, "7.2.0", "", "Returns the id of this node's shard."),
    row("nodes", exactly(2), kRandom, "3.0.0", "", "Returns the nodes, a line each."),
    row("replicas", exactly(3), kOperator | kTouchesRandomKeys, "5.0.0", "node-id",
        "Returns the replicas of a node."),
    row("replicate", exactly(3), kChange, "3.0.0", "node-id",
        "Makes this node the replica of another."),
    row("reset", at_least(2), kOperator | kNoScript, "3.0.0", "[HARD | SOFT]",
        "Makes this node forget the cluster."),
    row("saveconfig", exactly(2), kChange, "3.0.0", "", "Writes the cluster's state to disk."),
    row("set-config-epoch", exactly(3), kChange, "3.0.0", "config-epoch",
        "Sets a new node's epoch."),
    row("setslot", at_least(4), kChange, "3.0.0",
        "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>",
        "Says which node has a slot."),
    row("shards", exactly(2), kRandom, "7.0.0", "", "Returns which nodes have which slots."),
    row("slaves", exactly(3), kOperator | kTouchesRandomKeys, "3.0.0", "node-id",
        "Returns the replicas of a node.", {"5.0.0", "`CLUSTER REPLICAS`"}),
    row("slots", exactly(2), kRandom, "3.0.0", "", "Returns which nodes have which slots.",
        {"7.0.0", "`CLUSTER SHARDS`"}),
};

constexpr Command kClusterFamily[] = {
    row("asking", exactly(1), kFast | kConnection, "3.0.0", "",
        "Lets the next request use a slot that is being imported."),
    {.name = "cluster",
     .arity = at_least(2),
     .group = Group::cluster,
     .since = "3.0.0",
     .summary = "Contains the commands of a cluster, which Sojourn is not.",
     .subcommands = kClusterCommands},
    row("readonly", exactly(1), kFast | kLoading | kStale | kConnection, "3.0.0", "",
        "Lets this connection read from a replica."),
    row("readwrite", exactly(1), kFast | kLoading | kStale | kConnection, "3.0.0", "",
        "Lets this connection read from masters only."),
};
static_assert(well_formed(kClusterFamily));

}  // namespace

std::span<const Command> cluster_commands() { return kClusterFamily; }

}  // namespace sojourn::server
