#include "server/commands/syntax.h"

#include <gtest/gtest.h>

#include <string>

#include "server/commands/command_traits.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

std::string shown(const std::vector<Argument>& arguments);

// "EX seconds:integer@6.2.0", "[NX:pure-token]?", "(a:string b:string)*"
std::string shown(const Argument& argument) {
  using Type = Argument::Type;
  std::string text;
  if (!argument.token.empty() && argument.type != Type::pure_token) {
    text.append(argument.token).append(" ");
  }
  if (argument.parts.empty()) {
    text.append(argument.type == Type::pure_token ? argument.token : argument.name);
    text.append(":").append(type_name(argument.type));
    if (argument.key_spec >= 0) text.append(std::to_string(argument.key_spec));
  } else {
    text.append(type_name(argument.type)).append("(").append(shown(argument.parts)).append(")");
  }
  if (argument.optional) text += '?';
  if (argument.multiple) text += '*';
  if (argument.multiple_token) text += '^';
  if (!argument.since.empty()) text.append("@").append(argument.since);
  if (!argument.deprecated_since.empty()) text.append("!").append(argument.deprecated_since);
  return text;
}

std::string shown(const std::vector<Argument>& arguments) {
  std::string text;
  for (const Argument& argument : arguments) {
    text.append(text.empty() ? "" : " ").append(shown(argument));
  }
  return text;
}

// Names, types, tokens and flags are those of redis-server's COMMAND DOCS.
TEST(Syntax, GivesTheArgumentsRedisDocuments) {
  struct Row {
    const char* command;
    const char* arguments;
  };
  constexpr Row kAsRedis[] = {
      {"get", "key:key0"},
      {"set",
       "key:key0 value:string oneof(NX:pure-token XX:pure-token IFEQ ifeq-value:string@8.4.0 IFNE "
       "ifne-value:string@8.4.0 IFDEQ ifdeq-digest:string@8.4.0 IFDNE ifdne-digest:string@8.4.0)?"
       "@2.6.12 GET:pure-token?@6.2.0 oneof(EX seconds:integer@2.6.12 PX milliseconds:integer"
       "@2.6.12 EXAT unix-time-seconds:unix-time@6.2.0 PXAT unix-time-milliseconds:unix-time@6.2.0 "
       "KEEPTTL:pure-token@6.0.0)?"},
      {"hset", "key:key0 block(field:string value:string)*"},
      {"expire",
       "key:key0 seconds:integer oneof(NX:pure-token XX:pure-token GT:pure-token "
       "LT:pure-token)?@7.0.0"},
      {"hexpire",
       "key:key0 seconds:integer oneof(NX:pure-token XX:pure-token GT:pure-token "
       "LT:pure-token)? FIELDS block(numfields:integer field:string*)"},
      {"httl", "key:key0 FIELDS block(numfields:integer field:string*)"},
      {"hgetex",
       "key:key0 oneof(EX seconds:integer PX milliseconds:integer EXAT "
       "unix-time-seconds:unix-time PXAT unix-time-milliseconds:unix-time PERSIST:pure-token)? "
       "FIELDS block(numfields:integer field:string*)"},
      {"hsetex",
       "key:key0 oneof(FNX:pure-token FXX:pure-token)? oneof(EX seconds:integer PX "
       "milliseconds:integer EXAT unix-time-seconds:unix-time PXAT "
       "unix-time-milliseconds:unix-time KEEPTTL:pure-token)? FIELDS block(numfields:integer "
       "block(field:string value:string)*)"},
      {"scan",
       "cursor:integer MATCH pattern:pattern? COUNT count:integer? TYPE type:string?@6.0.0"},
      {"mset", "block(key:key0 value:string)*"},
      {"mget", "key:key0*"},
      {"hmget", "key:key0 field:string*"},
      {"copy", "source:key0 destination:key1 DB destination-db:integer? REPLACE:pure-token?"},
      {"rename", "key:key0 newkey:key1"},
      {"move", "key:key0 db:integer"},
      {"object|encoding", "key:key0"},
      {"memory|usage", "key:key0 SAMPLES count:integer?"},
      {"hrandfield", "key:key0 block(count:integer WITHVALUES:pure-token?)?"},
      {"auth", "username:string?@6.0.0 password:string"},
      {"hello",
       "block(protover:integer AUTH block(username:string password:string)? SETNAME "
       "clientname:string?)?"},
      {"info", "section:string?*"},
      {"ping", "message:string?"},
      {"time", ""},
      {"client|reply", "oneof(ON:pure-token OFF:pure-token SKIP:pure-token)"},
      {"command|list",
       "FILTERBY oneof(MODULE module-name:string ACLCAT category:string PATTERN "
       "pattern:pattern)?"},
      {"config|set", "block(parameter:string value:string)*"},
      {"shutdown",
       "oneof(NOSAVE:pure-token SAVE:pure-token)? NOW:pure-token?@7.0.0 FORCE:pure-token?@7.0.0 "
       "ABORT:pure-token?@7.0.0"},
      {"client|tracking",
       "oneof(ON:pure-token OFF:pure-token) REDIRECT client-id:integer? PREFIX prefix:string?*^ "
       "BCAST:pure-token? OPTIN:pure-token? OPTOUT:pure-token? NOLOOP:pure-token?"},
      // As Redis 7.2 has it.
      {"client|list",
       "TYPE oneof(NORMAL:pure-token MASTER:pure-token REPLICA:pure-token "
       "PUBSUB:pure-token)?@5.0.0 "
       "ID client-id:integer?*@6.2.0"},
      {"client|setinfo", "oneof(LIB-NAME libname:string LIB-VER libver:string)"},
  };
  const Registry registry;
  for (const Row& row : kAsRedis) {
    const Command* command = registry.find_full_name(row.command);
    ASSERT_NE(command, nullptr) << row.command;
    EXPECT_EQ(shown(arguments_of(*command)), row.arguments) << row.command;
  }
}

TEST(Syntax, SaysWhatAGroupMayDo) {
  const Registry registry;
  EXPECT_EQ(shown(arguments_of(*registry.find_full_name("client|kill"))),
            "oneof(ip:port:string!2.8.12 oneof(ID client-id:integer?@2.8.12 TYPE "
            "oneof(NORMAL:pure-token MASTER:pure-token@3.2.0 SLAVE:pure-token "
            "REPLICA:pure-token@5.0.0 PUBSUB:pure-token)?@2.8.12 USER username:string? ADDR "
            "ip:port:string? LADDR ip:port:string?@6.2.0 SKIPME oneof(YES:pure-token "
            "NO:pure-token)? MAXAGE maxage:integer?@7.4.0)*)");
}

TEST(Syntax, IsShortForPeople) {
  const Registry registry;
  EXPECT_EQ(usage_of(*registry.find("zadd")),
            "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]");
  EXPECT_EQ(usage_of(*registry.find("zrange")),
            "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]");
  EXPECT_EQ(usage_of(*registry.find_full_name("client|kill")),
            "ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | "
            "[USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | "
            "[MAXAGE maxage]> ...");
  EXPECT_EQ(usage_of(*registry.find("ping")), "[message]");
  EXPECT_EQ(usage_of(*registry.find("time")), "");
}

TEST(Syntax, NamesAGroupAfterItsParts) {
  const Registry registry;
  const auto arguments = arguments_of(*registry.find("mset"));
  EXPECT_EQ(arguments.at(0).name, "key_value");
}

TEST(Syntax, IsReadableInEveryRowAndFitsTheArity) {
  const Registry registry;
  for (const Command& row : registry.rows()) {
    const auto arguments = arguments_of(row);
    if (row.run == nullptr) continue;
    if (row.arity.words < 0) continue;
    EXPECT_EQ(arguments.empty(), row.arity.words == row.name_words()) << row.full_name;
  }
}

}  // namespace
}  // namespace sojourn::server
