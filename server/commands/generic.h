#pragma once

#include <string_view>

#include "server/cache/entry.h"

namespace sojourn::server {

class Call;
class Keyspace;
class Transaction;
struct Settings;

// The handlers behind the table of generic.cpp, by file.

// generic.cpp
std::string_view type_name(ValueType type);  // as TYPE answers it: "string", "hash", "zset"

// expire.cpp
void expire(Call& call);
void pexpire(Call& call);
void expireat(Call& call);
void pexpireat(Call& call);
void ttl(Call& call);
void pttl(Call& call);
void expiretime(Call& call);
void pexpiretime(Call& call);
void persist(Call& call);

// move.cpp
void rename(Call& call);
void renamenx(Call& call);
void copy(Call& call);
void move(Call& call);
void swapdb(Call& call);

// scan.cpp
void scan(Call& call);
void keys(Call& call);

// object.cpp
void object_encoding(Call& call);
void object_refcount(Call& call);
void object_idletime(Call& call);
void object_freq(Call& call);
// What Redis would say of such a value: "listpack", "intset", "raw".
std::string_view encoding_name(const Entry& entry);
// Takes over what the settings say of it (hash-max-listpack-entries and the like).
void apply_encoding_limits(const Settings& settings, Keyspace& keyspace);

}  // namespace sojourn::server
