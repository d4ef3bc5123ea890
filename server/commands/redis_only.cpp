// What Redis 7.2 has and Sojourn is not for.

#include <algorithm>
#include <array>
#include <string_view>

#include "server/base/numbers.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

constexpr auto kOnlyInRedis = std::to_array<std::string_view>({
    "acl",
    "bgrewriteaof",
    "bitcount",
    "bitfield",
    "bitfield_ro",
    "bitop",
    "bitpos",
    "blmove",
    "blmpop",
    "blpop",
    "brpop",
    "brpoplpush",
    "bzmpop",
    "bzpopmax",
    "bzpopmin",
    "dump",
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "failover",
    "fcall",
    "fcall_ro",
    "geoadd",
    "geodist",
    "geohash",
    "geopos",
    "georadius",
    "georadius_ro",
    "georadiusbymember",
    "georadiusbymember_ro",
    "geosearch",
    "geosearchstore",
    "getbit",
    "lcs",
    "lindex",
    "linsert",
    "llen",
    "lmove",
    "lmpop",
    "lpop",
    "lpos",
    "lpush",
    "lpushx",
    "lrange",
    "lrem",
    "lset",
    "ltrim",
    "migrate",
    "pfadd",
    "pfcount",
    "pfdebug",
    "pfmerge",
    "pfselftest",
    "psync",
    "replconf",
    "replicaof",
    "restore",
    "restore-asking",
    "rpop",
    "rpoplpush",
    "rpush",
    "rpushx",
    "setbit",
    "slaveof",
    "sort",
    "sort_ro",
    "sync",
    "xack",
    "xadd",
    "xautoclaim",
    "xclaim",
    "xdel",
    "xgroup",
    "xinfo",
    "xlen",
    "xpending",
    "xrange",
    "xread",
    "xreadgroup",
    "xrevrange",
    "xsetid",
    "xtrim",
    "zmpop",
});

}  // namespace

bool Registry::only_in_redis(std::string_view name) {
  return std::any_of(kOnlyInRedis.begin(), kOnlyInRedis.end(),
                     [&](std::string_view known) { return equal_any_case(known, name); });
}

}  // namespace sojourn::server
