// ACL, and what the gates make of it.

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "server/commands/permissions.h"
#include "tests/support/command_fixture.h"
#include "tests/support/temporary_directory.h"

namespace sojourn::server {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kNoKey = "(error) NOPERM No permissions to access a key";
constexpr const char* kNoChannel = "(error) NOPERM No permissions to access a channel";
constexpr const char* kNoLogin = "(error) NOAUTH Authentication required.";

void write(const std::string& path, std::string_view text) { std::ofstream(path) << text; }

std::string no_command(const std::string& user, const std::string& command) {
  return "(error) NOPERM User " + user + " has no permissions to run the '" + command + "' command";
}

class Acl : public CommandTest {
 protected:
  // A user, and a connection that acts as him.
  Client& connect_as(const std::string& name, const std::string& rules) {
    EXPECT_EQ(run("ACL SETUSER " + name + " on nopass " + rules), "OK");
    Client& other = connect();
    EXPECT_EQ(other.run("AUTH " + name + " any"), "OK");
    return other;
  }
  // What ACL LOG says of its newest entry.
  std::string newest(const std::string& field) {
    const auto entries = client().ask({"ACL", "LOG", "1"}).value().elements;
    if (entries.empty()) return "no entry";
    const auto& fields = entries[0].elements;
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      if (fields[i].text != field) continue;
      const auto& value = fields[i + 1];
      return value.type == protocol::Reply::Type::integer ? std::to_string(value.integer)
                                                          : value.text;
    }
    return "no " + field;
  }
};

TEST_F(Acl, ACommandIsRefused) {
  Client& alice = connect_as("alice", "~* &* +@all -set -config|set");
  EXPECT_EQ(alice.run("GET a"), "(nil)");
  EXPECT_EQ(alice.run("SET a 1"), no_command("alice", "set"));
  EXPECT_EQ(alice.run("CONFIG SET timeout 1"), no_command("alice", "config|set"));
  EXPECT_THAT(alice.run("CONFIG GET timeout"), HasSubstr("timeout"));
  EXPECT_EQ(run("SET a 1"), "OK") << "others are not";
}

TEST_F(Acl, AKeyIsRefused) {
  Client& alice = connect_as("alice", "+@all &* ~a:* %R~r:* %W~w:*");
  EXPECT_EQ(alice.run("SET a:1 v"), "OK");
  EXPECT_EQ(alice.run("SET b v"), kNoKey);
  EXPECT_EQ(alice.run("MGET a:1 a:2 b"), kNoKey);
  EXPECT_EQ(alice.run("GET r:1"), "(nil)");
  EXPECT_EQ(alice.run("SET r:1 v"), kNoKey);
  EXPECT_EQ(alice.run("SET w:1 v"), "OK");
  EXPECT_EQ(alice.run("SET w:1 v GET"), kNoKey);
  EXPECT_EQ(alice.run("GET w:1"), kNoKey);
  EXPECT_EQ(alice.run("STRLEN w:1"), "(integer) 1") << "no data is told";
  EXPECT_EQ(alice.run("COPY r:1 w:2"), "(integer) 0");
  EXPECT_EQ(alice.run("COPY w:1 w:2"), kNoKey);
  EXPECT_EQ(alice.run("RENAME a:1 b"), kNoKey);
  EXPECT_EQ(alice.run("ZUNIONSTORE a:3 2 a:1 b"), kNoKey);
  EXPECT_EQ(alice.run("SINTERCARD 2 r:1 b"), kNoKey);
  EXPECT_EQ(alice.run("OBJECT ENCODING b"), kNoKey);
  EXPECT_EQ(run("EXISTS b"), "(integer) 0");
}

TEST_F(Acl, ASelectorMustAllowTheWholeRequest) {
  Client& alice = connect_as("alice", "+get ~a (+set ~b) (%R~c %W~d +copy)");
  EXPECT_EQ(alice.run("GET a"), "(nil)");
  EXPECT_EQ(alice.run("SET b 1"), "OK");
  EXPECT_EQ(alice.run("GET b"), kNoKey);
  EXPECT_EQ(alice.run("SET a 1"), kNoKey);
  EXPECT_EQ(alice.run("DEL a"), no_command("alice", "del"));
  EXPECT_EQ(alice.run("COPY c d"), "(integer) 0");
  EXPECT_EQ(alice.run("COPY d c"), kNoKey);
}

TEST_F(Acl, ChannelsAreRefused) {
  Client& alice = connect_as("alice", "+@all ~* &news:*");
  EXPECT_EQ(alice.run("PUBLISH news:1 m"), "(integer) 0");
  EXPECT_EQ(alice.run("PUBLISH other m"), kNoChannel);
  EXPECT_EQ(alice.run("SPUBLISH other m"), kNoChannel);
  EXPECT_EQ(alice.run("SUBSCRIBE news:1 other"), kNoChannel);
  EXPECT_EQ(alice.run("SSUBSCRIBE other"), kNoChannel);
  EXPECT_EQ(alice.run("PSUBSCRIBE *"), kNoChannel);
  EXPECT_EQ(alice.run("PSUBSCRIBE news:1"), kNoChannel) << "patterns are compared letter by letter";
  EXPECT_FALSE(alice.state.subscriptions.any());
  EXPECT_EQ(alice.run("UNSUBSCRIBE other"), "1) \"unsubscribe\"\n2) \"other\"\n3) (integer) 0");
  EXPECT_THAT(alice.run("PSUBSCRIBE news:*"), StartsWith("1) \"psubscribe\""));
}

TEST_F(Acl, EventsOfKeysAreChannelsLikeOthers) {
  run("CONFIG SET notify-keyspace-events KEA");
  Client& alice = connect_as("alice", "+@all ~* &__keyevent@0__:*");
  EXPECT_EQ(alice.run("SUBSCRIBE __keyspace@0__:secret"), kNoChannel);
  EXPECT_EQ(alice.run("PSUBSCRIBE __key*"), kNoChannel);
  run("SET secret 1");
  EXPECT_THAT(alice.messages(), IsEmpty());
  EXPECT_THAT(alice.run("SUBSCRIBE __keyevent@0__:set"), HasSubstr("(integer) 1"));
  run("SET secret 1");
  EXPECT_EQ(alice.messages().size(), 1u);
}

TEST_F(Acl, WhatIsQueuedIsLookedAtWhenItIsQueued) {
  Client& alice = connect_as("alice", "+@all &* ~a");
  EXPECT_EQ(alice.run("MULTI"), "OK");
  EXPECT_EQ(alice.run("SET a 1"), "QUEUED");
  EXPECT_EQ(alice.run("SET b 1"), kNoKey);
  EXPECT_EQ(alice.run("EXEC"),
            "(error) EXECABORT Transaction discarded because of previous errors.");
  EXPECT_EQ(newest("context"), "multi");
  run("ACL SETUSER alice -exec");
  alice.run("MULTI");
  EXPECT_EQ(alice.run("EXEC"),
            "(error) EXECABORT Transaction discarded because of: NOPERM User alice has no "
            "permissions to run the 'exec' command");
  EXPECT_FALSE(alice.state.multi.open());
}

TEST_F(Acl, WhatIsQueuedIsLookedAtOnceMoreWhenItRuns) {
  Client& alice = connect_as("alice", "+@all &* ~*");
  alice.run("MULTI");
  for (const char* line : {"SET a 1", "SET b 2", "GET b", "PUBLISH c m", "PING"}) {
    EXPECT_EQ(alice.run(line), "QUEUED") << line;
  }
  run("ACL SETUSER alice -get resetkeys ~a resetchannels");
  constexpr const char* kChanged =
      "(error) NOPERM ACLs rules changed between the moment the transaction was accumulated and "
      "the EXEC call. This command is no longer allowed for the following reason: ";
  EXPECT_EQ(alice.run("EXEC"),
            std::string("1) OK\n2) ") + kChanged +
                "no permission to touch the specified keys\n3) " + kChanged +
                "no permission to execute the command or subcommand\n4) " + kChanged +
                "no permission to access one of the channels used as arguments to the command\n5) "
                "PONG");
  EXPECT_EQ(run("MGET a b"), "1) \"1\"\n2) (nil)");
}

TEST_F(Acl, WhatATransactionChangesOfUsersHoldsForItsRest) {
  Client& alice = connect_as("alice", "+@all &* ~*");
  alice.run("MULTI");
  alice.run("ACL SETUSER alice -set");
  alice.run("SET a 1");
  alice.run("AUTH default x");
  alice.run("SET a 2");
  const std::string reply = alice.run("EXEC");
  EXPECT_THAT(reply, StartsWith("1) OK\n2) (error) NOPERM ACLs rules changed"));
  EXPECT_THAT(reply, ::testing::EndsWith("\n3) OK\n4) OK"));
  EXPECT_EQ(run("GET a"), "2");
}

TEST_F(Acl, WhoIsDeletedWithinHisTransactionDoesNothingMore) {
  Client& alice = connect_as("alice", "+@all &* ~*");
  alice.run("MULTI");
  alice.run("ACL DELUSER alice");
  alice.run("SET a 1");
  EXPECT_THAT(alice.run("EXEC"), StartsWith("1) (integer) 1\n2) (error) NOPERM "));
  EXPECT_TRUE(alice.state.close_after_reply);
  EXPECT_EQ(run("EXISTS a"), "(integer) 0");
}

TEST_F(Acl, AChangeHoldsFromTheNextRequestOn) {
  Client& alice = connect_as("alice", "+@all ~* &*");
  EXPECT_EQ(alice.run("SET a 1"), "OK");
  run("ACL SETUSER alice -set");
  EXPECT_EQ(alice.run("SET a 2"), no_command("alice", "set"));
  run("ACL SETUSER alice +@all");
  EXPECT_EQ(alice.run("SET a 3"), "OK");
  run("ACL SETUSER alice off");
  EXPECT_EQ(alice.run("SET a 4"), "OK") << "who is in stays";
  EXPECT_THAT(alice.run("AUTH alice any"), StartsWith("(error) WRONGPASS"));
  EXPECT_EQ(alice.run("ACL WHOAMI"), "alice");
}

TEST_F(Acl, TheDefaultUserCanBeRestrictedToo) {
  Client& admin = connect_as("admin", "+@all ~* &*");
  EXPECT_EQ(run("ACL SETUSER default -@all +get resetkeys ~a"), "OK");
  EXPECT_EQ(run("SET b 1"), no_command("default", "set"));
  EXPECT_THAT(run("ACL SETUSER default +@all"), StartsWith("(error) NOPERM"));
  EXPECT_EQ(run("AUTH default x"), "OK") << "coming in is for everybody";
  EXPECT_EQ(run("HELLO 2 AUTH admin x").substr(0, 2), " 1");
  EXPECT_EQ(run("RESET"), "RESET");
  EXPECT_EQ(run("PING"), no_command("default", "ping"));
  EXPECT_EQ(run("QUIT"), "OK");
  EXPECT_EQ(admin.run("ACL SETUSER default allcommands allkeys"), "OK");
}

TEST_F(Acl, NobodyComesInByItselfWhenTheDefaultUserIsOffOrHasAPassword) {
  run("ACL SETUSER default off");
  EXPECT_FALSE(services->users->open());
  EXPECT_EQ(run("PING"), "PONG") << "who is in stays";
  Client& stranger = connect();
  stranger.state.authenticated = services->users->open();
  EXPECT_EQ(stranger.run("PING"), kNoLogin);
  EXPECT_THAT(stranger.run("AUTH default x"), StartsWith("(error) WRONGPASS"));
  run("ACL SETUSER default on resetpass >secret");
  EXPECT_EQ(stranger.run("PING"), kNoLogin);
  EXPECT_EQ(stranger.run("AUTH secret"), "OK");
  EXPECT_EQ(stranger.run("RESET"), "RESET");
  EXPECT_EQ(stranger.run("PING"), kNoLogin);
  run("ACL SETUSER default nopass");
  EXPECT_EQ(stranger.run("PING"), "PONG");
  run("ACL SETUSER default >secret");
  EXPECT_EQ(stranger.run("PING"), kNoLogin) << "it never logged in";
}

TEST_F(Acl, RequirepassIsTheDefaultUsersPassword) {
  EXPECT_EQ(run("CONFIG SET requirepass secret"), "OK");
  EXPECT_THAT(run("ACL GETUSER default"), HasSubstr("2bb80d537b1da3e38bd30361aa855686bde0eacd7"));
  EXPECT_EQ(run("AUTH secret"), "OK");
  run("ACL SETUSER default >other");
  EXPECT_EQ(run("AUTH other"), "OK");
  EXPECT_EQ(run("CONFIG SET requirepass third"), "OK");
  EXPECT_THAT(run("AUTH other"), StartsWith("(error) WRONGPASS"));
  EXPECT_EQ(run("CONFIG SET requirepass \"\""), "OK");
  EXPECT_THAT(run("AUTH third"), StartsWith("(error) ERR AUTH <password> called without any"));
}

TEST_F(Acl, ADeletedUsersConnectionsAreClosed) {
  Client& alice = connect_as("alice", "+@all ~* &*");
  Client& again = connect();
  again.run("AUTH alice x");
  Client& bob = connect_as("bob", "+@all ~* &*");
  EXPECT_EQ(run("ACL DELUSER alice nobody"), "(integer) 1");
  EXPECT_THAT(connections.closed, ElementsAre(alice.state.id, again.state.id));
  EXPECT_EQ(alice.run("SET a 1"), kNoLogin);
  EXPECT_TRUE(alice.state.close_after_reply);
  run("ACL SETUSER alice on nopass +@all ~* &*");
  EXPECT_EQ(again.run("SET a 1"), kNoLogin) << "it is another of that name";
  EXPECT_EQ(bob.run("ACL DELUSER bob"), "(integer) 1");
  EXPECT_TRUE(bob.state.close_after_reply) << "after the reply";
  EXPECT_EQ(run("ACL DELUSER default"), "(error) ERR The 'default' user cannot be removed");
}

TEST_F(Acl, SubscribersAreClosedWhenTheyMayNotListenAnyMore) {
  Client& alice = connect_as("alice", "+@all ~* &a &b &p*");
  Client& quiet = connect();
  quiet.run("AUTH alice x");
  alice.run("SUBSCRIBE a");
  run("ACL SETUSER alice resetchannels &a &c");
  EXPECT_THAT(connections.closed, IsEmpty()) << "it may hear all it hears";
  run("ACL SETUSER alice resetchannels &*");
  EXPECT_THAT(connections.closed, IsEmpty());
  run("ACL SETUSER alice resetchannels &b");
  EXPECT_THAT(connections.closed, ElementsAre(alice.state.id));
  EXPECT_EQ(quiet.run("PING"), "PONG");
}

TEST_F(Acl, SubscribersToPatternsAndShardChannelsToo) {
  Client& pattern = connect_as("alice", "+@all ~* &a &a*");
  Client& shard = connect();
  shard.run("AUTH alice x");
  pattern.run("PSUBSCRIBE a*");
  shard.run("SSUBSCRIBE a");
  run("ACL SETUSER alice resetchannels &*a*");
  EXPECT_THAT(connections.closed, ElementsAre(pattern.state.id))
      << "a pattern must be the very one";
  run("ACL SETUSER alice resetchannels");
  EXPECT_THAT(connections.closed, ::testing::Contains(shard.state.id));
}

TEST_F(Acl, ClosingIsNotMissedWhenARequestComesFirst) {
  Client& alice = connect_as("alice", "+@all ~* &a");
  alice.run("SUBSCRIBE a");
  connections.reviews = false;  // not yet
  run("ACL SETUSER alice resetchannels");
  EXPECT_EQ(alice.run("PING"), kNoLogin);
  EXPECT_TRUE(alice.state.close_after_reply);
}

TEST_F(Acl, LogsWhatWasRefused) {
  Client& alice = connect_as("alice", "+@all -del ~a &c");
  alice.run("DEL a");
  EXPECT_EQ(newest("reason"), "command");
  EXPECT_EQ(newest("object"), "del");
  EXPECT_EQ(newest("context"), "toplevel");
  EXPECT_EQ(newest("username"), "alice");
  EXPECT_THAT(newest("client-info"), AllOf(HasSubstr("cmd=del "), HasSubstr("user=alice ")));
  alice.run("GET secret-session");
  EXPECT_EQ(newest("reason"), "key");
  EXPECT_EQ(newest("object"), "(14 bytes)");
  alice.run("GET secret-sessiom");
  EXPECT_EQ(newest("count"), "1") << "another key, though it is as long";
  run("CONFIG SET log-redact no");
  alice.run("MGET a b");
  EXPECT_EQ(newest("object"), "b");
  alice.run("PUBLISH d x");
  EXPECT_EQ(newest("reason"), "channel");
  EXPECT_EQ(newest("object"), "d");
  advance(1500ms);
  alice.run("SUBSCRIBE d");
  EXPECT_EQ(newest("count"), "2");
  EXPECT_EQ(newest("age-seconds"), "0");
  advance(1500ms);
  EXPECT_EQ(newest("age-seconds"), "1.5");
  alice.run("AUTH bob wrong");
  EXPECT_EQ(newest("reason"), "auth");
  EXPECT_EQ(newest("object"), "AUTH");
  EXPECT_EQ(newest("username"), "bob");
  alice.run("hello 2 AUTH bob wrong");
  EXPECT_EQ(newest("object"), "hello");
  EXPECT_THAT(client().ask({"INFO", "stats"})->text,
              HasSubstr("acl_access_denied_auth:2\r\nacl_access_denied_cmd:1\r\n"
                        "acl_access_denied_key:3\r\nacl_access_denied_channel:2\r\n"));
  EXPECT_EQ(run("ACL LOG RESET"), "OK");
  EXPECT_EQ(run("ACL LOG"), "(empty array)");
}

TEST_F(Acl, TheLogHasItsLength) {
  run("CONFIG SET acllog-max-len 3");
  for (const char* user : {"a", "b", "c", "d"}) run(std::string("AUTH ") + user + " x");
  EXPECT_EQ(client().ask({"ACL", "LOG"})->elements.size(), 3u);
  EXPECT_EQ(client().ask({"ACL", "LOG", "2"})->elements.size(), 2u);
  EXPECT_EQ(run("ACL LOG -1"), "(empty array)");
  EXPECT_EQ(run("ACL LOG x"), "(error) ERR value is not an integer or out of range");
}

TEST_F(Acl, PasswordsAreInNoSlowLog) {
  run("CONFIG SET slowlog-log-slower-than 0");
  run("ACL SETUSER alice >first-password <first-password");
  run("ACL DRYRUN default AUTH second-password");
  run("AUTH alice third-password");
  run("CONFIG SET requirepass fourth-password");
  EXPECT_THAT(run("SLOWLOG GET -1"), AllOf(HasSubstr("SETUSER"), Not(HasSubstr("-password"))));
  EXPECT_THAT(run("ACL LOG"), Not(HasSubstr("-password")));
}

TEST_F(Acl, ClientsAreKnownByTheirUsers) {
  Client& alice = connect_as("alice", "+@all ~* &*");
  EXPECT_THAT(run("CLIENT LIST"), AllOf(HasSubstr("user=default"), HasSubstr("user=alice")));
  EXPECT_THAT(alice.run("CLIENT INFO"), HasSubstr("user=alice"));
  EXPECT_EQ(run("CLIENT KILL USER alice"), "(integer) 1");
  EXPECT_THAT(connections.closed, ElementsAre(alice.state.id));
  EXPECT_EQ(run("CLIENT KILL USER bob"), "(error) ERR No such user 'bob'");
}

TEST_F(Acl, LoadAndSaveWantAFile) {
  for (const char* line : {"ACL LOAD", "ACL SAVE"}) {
    EXPECT_THAT(run(line), StartsWith("(error) ERR This Redis instance is not configured to use "
                                      "an ACL file."));
  }
}

TEST_F(Acl, UsersAreSavedAndLoaded) {
  const TemporaryDirectory directory;
  const std::string path = directory / "users.acl";
  configure("aclfile " + path);
  EXPECT_THAT(run("ACL LOAD"), StartsWith("(error) ERR Error loading ACLs, opening file '"));
  Client& alice = connect_as("alice", "+@all ~* &*");
  EXPECT_EQ(run("ACL SAVE"), "OK");
  const std::string saved = run("ACL LIST");
  Client& bob = connect_as("bob", "+@all ~* &*");
  run("ACL SETUSER alice -set");
  EXPECT_EQ(run("ACL LOAD"), "OK");
  EXPECT_EQ(run("ACL LIST"), saved);
  EXPECT_EQ(alice.run("SET a 1"), "OK");
  EXPECT_EQ(bob.run("SET a 1"), kNoLogin);
  write(directory / "users.acl", "user carl +nope");
  EXPECT_THAT(run("ACL LOAD"), AllOf(HasSubstr("users.acl:1: Error in applying operation '+nope'"),
                                     HasSubstr("no change to the previously active ACL")));
  EXPECT_EQ(run("ACL LIST"), saved);
}

TEST_F(Acl, WhoLosesThePermissionWhileHeWaitsIsRefused) {
  const TemporaryDirectory directory;
  write(directory / "users.acl", "user alice on nopass -@all +ping");
  configure("aclfile " + (directory / "users.acl"));
  Client& alice = connect_as("alice", "+@all ~* &*");
  // OK: it was done before he had to wait.
  EXPECT_THAT(alice.run("ACL LOAD"), AnyOf(StartsWith("(error) NOPERM "), "OK"));
  EXPECT_EQ(alice.state.awaited, nullptr) << "it would be taken for the next request's";
  EXPECT_EQ(alice.run("PING"), "PONG");
}

TEST_F(Acl, GenpassMakesPasswords) {
  EXPECT_EQ(run("ACL GENPASS").size(), 64u);
  EXPECT_EQ(run("ACL GENPASS 5").size(), 2u);
  EXPECT_EQ(run("ACL GENPASS 4096").size(), 1024u);
  EXPECT_NE(run("ACL GENPASS"), run("ACL GENPASS"));
}

TEST_F(Acl, DryrunRunsNothing) {
  connect_as("alice", "+set ~a &c +publish");
  EXPECT_EQ(run("ACL DRYRUN alice SET a 1"), "OK");
  EXPECT_EQ(run("ACL DRYRUN alice GET a"),
            "User alice has no permissions to run the 'get' command");
  EXPECT_EQ(run("ACL DRYRUN alice SET b 1"), "User alice has no permissions to access the 'b' key");
  EXPECT_EQ(run("ACL DRYRUN alice PUBLISH d m"),
            "User alice has no permissions to access the 'd' channel");
  EXPECT_EQ(run("EXISTS a"), "(integer) 0");
  EXPECT_EQ(run("ACL LOG"), "(empty array)");
}

// Whatever is executed on keys was asked about before, since both go through one table: of each
// command that has keys, one in a place of its own is refused.
TEST_F(Acl, EveryKeyOfEveryCommandIsLookedAt) {
  configure("enable-debug-command yes");
  Client& alice = connect_as("alice", "+@all &* %R~nothing");
  int with_keys = 0;
  for (const Command& row : registry.rows()) {
    if (row.keys.first == 0 || row.run == nullptr) continue;
    ++with_keys;
    std::vector<std::string> words;
    if (row.container != nullptr) words.emplace_back(row.container->name);
    words.emplace_back(row.name);
    const auto fewest = static_cast<std::size_t>(std::abs(row.arity.words));
    while (words.size() < std::max<std::size_t>(fewest, 5)) {
      words.push_back(std::to_string(row.keys.counted != 0 ? 1 : words.size()));
      if (row.arity.words > 0 && words.size() == fewest) break;
    }
    EXPECT_EQ(alice.run_words(words), kNoKey) << row.full_name;
  }
  EXPECT_GT(with_keys, 80);
}

}  // namespace
}  // namespace sojourn::server
