#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/commands/command_traits.h"
#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CommandCommand : public CommandTest {
 protected:
  protocol::Reply ask(std::vector<std::string> words) { return client().ask(words).value(); }
  static std::string joined(const protocol::Reply& reply) {
    std::string line;
    for (const auto& element : reply.elements) line += (line.empty() ? "" : " ") + element.text;
    return line;
  }
  // What stands behind the name; a failure if nothing does.
  static protocol::Reply field(const protocol::Reply& map, std::string_view name) {
    for (std::size_t i = 0; i + 1 < map.elements.size(); i += 2) {
      if (map.elements[i].text == name) return map.elements[i + 1];
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }
};

TEST_F(CommandCommand, DescribesItsOwnCommandsAsRedisDoes) {
  struct Row {
    const char* name;
    std::int64_t arity;
    const char* flags;
    std::int64_t first, last, step;
    const char* categories;
  };
  constexpr Row kAsRedis[] = {
      {"ping", -1, "fast", 0, 0, 0, "@fast @connection"},
      {"echo", 2, "loading stale fast", 0, 0, 0, "@fast @connection"},
      {"auth", -2, "noscript loading stale fast no_auth allow_busy", 0, 0, 0, "@fast @connection"},
      {"hello", -1, "noscript loading stale fast no_auth allow_busy", 0, 0, 0, "@fast @connection"},
      {"select", 2, "loading stale fast", 0, 0, 0, "@fast @connection"},
      {"client", -2, "", 0, 0, 0, "@slow"},
      {"client|kill", -3, "admin noscript loading stale", 0, 0, 0,
       "@admin @slow @dangerous @connection"},
      {"client|id", 2, "noscript loading stale", 0, 0, 0, "@slow @connection"},
      {"info", -1, "loading stale", 0, 0, 0, "@slow @dangerous"},
      {"config|set", -4, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous"},
      {"command", -1, "loading stale", 0, 0, 0, "@slow @connection"},
      {"time", 1, "loading stale fast", 0, 0, 0, "@fast"},
      {"lastsave", 1, "loading stale fast", 0, 0, 0, "@admin @fast @dangerous"},
      {"save", 1, "admin noscript no_async_loading no_multi", 0, 0, 0, "@admin @slow @dangerous"},
      {"shutdown", -1, "admin noscript loading stale no_multi allow_busy", 0, 0, 0,
       "@admin @slow @dangerous"},
      {"memory|usage", -3, "readonly", 2, 2, 1, "@read @slow"},
      {"slowlog|get", -2, "admin loading stale", 0, 0, 0, "@admin @slow @dangerous"},
      {"lolwut", -1, "readonly fast", 0, 0, 0, "@read @fast"},
      {"debug", -2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous"},
      {"script|flush", -2, "noscript", 0, 0, 0, "@slow @scripting"},
      {"role", 1, "noscript loading stale fast", 0, 0, 0, "@admin @fast @dangerous"},
      {"get", 2, "readonly fast", 1, 1, 1, "@read @string @fast"},
      {"set", -3, "write denyoom", 1, 1, 1, "@write @string @slow"},
      {"del", -2, "write", 1, -1, 1, "@keyspace @write @slow"},
      {"mset", -3, "write denyoom", 1, -1, 2, "@write @string @slow"},
      {"expire", -3, "write fast", 1, 1, 1, "@keyspace @write @fast"},
      {"rename", 3, "write", 1, 2, 1, "@keyspace @write @slow"},
      {"hset", -4, "write denyoom fast", 1, 1, 1, "@write @hash @fast"},
      {"hgetall", 2, "readonly", 1, 1, 1, "@read @hash @slow"},
      {"hexpire", -6, "write denyoom fast", 1, 1, 1, "@write @hash @fast"},
      {"hpexpireat", -6, "write denyoom fast", 1, 1, 1, "@write @hash @fast"},
      {"httl", -5, "readonly fast", 1, 1, 1, "@read @hash @fast"},
      {"hpexpiretime", -5, "readonly fast", 1, 1, 1, "@read @hash @fast"},
      {"hpersist", -5, "write fast", 1, 1, 1, "@write @hash @fast"},
      {"hgetex", -5, "write fast", 1, 1, 1, "@write @hash @fast"},
      {"hsetex", -6, "write denyoom fast", 1, 1, 1, "@write @hash @fast"},
      {"hgetdel", -5, "write fast", 1, 1, 1, "@write @hash @fast"},
      {"scan", -2, "readonly", 0, 0, 0, "@keyspace @read @slow"},
      {"flushall", -1, "write", 0, 0, 0, "@keyspace @write @slow @dangerous"},
  };
  for (const Row& row : kAsRedis) {
    const auto reply = ask({"COMMAND", "INFO", row.name}).elements.at(0);
    ASSERT_EQ(reply.elements.size(), 10u) << row.name;
    EXPECT_EQ(reply.elements[0].text, row.name);
    EXPECT_EQ(reply.elements[1].integer, row.arity) << row.name;
    EXPECT_EQ(joined(reply.elements[2]), row.flags) << row.name;
    EXPECT_EQ(reply.elements[3].integer, row.first) << row.name;
    EXPECT_EQ(reply.elements[4].integer, row.last) << row.name;
    EXPECT_EQ(reply.elements[5].integer, row.step) << row.name;
    EXPECT_EQ(joined(reply.elements[6]), row.categories) << row.name;
  }
}

TEST_F(CommandCommand, AnswersNothingForWhatItDoesNotKnow) {
  const auto reply = ask({"COMMAND", "INFO", "nope", "GET", "client|nope"});
  ASSERT_EQ(reply.elements.size(), 3u);
  EXPECT_TRUE(reply.elements[0].is_null());
  EXPECT_EQ(reply.elements[1].elements.at(0).text, "get");
  EXPECT_TRUE(reply.elements[2].is_null());
  EXPECT_THAT(*client().try_raw({"COMMAND", "INFO", "nope"}), "*1\r\n$-1\r\n");
  resp3();
  EXPECT_THAT(*client().try_raw({"COMMAND", "INFO", "nope"}), "*1\r\n_\r\n");
}

TEST_F(CommandCommand, BareAndCountAgree) {
  const auto all = ask({"COMMAND"});
  EXPECT_EQ(all.elements.size(), registry.all().size());
  EXPECT_EQ(ask({"COMMAND", "INFO"}), all);
  EXPECT_EQ(static_cast<std::size_t>(ask({"COMMAND", "COUNT"}).integer), all.elements.size());
}

TEST_F(CommandCommand, ListsEveryRowWithItsSubcommands) {
  EXPECT_EQ(ask({"COMMAND", "LIST"}).elements.size(), registry.rows().size());
  EXPECT_THAT(joined(ask({"COMMAND", "LIST"})),
              AllOf(HasSubstr(" config config|get "), HasSubstr(" get ")));
}

TEST_F(CommandCommand, UsesSetsAndMapsInResp3) {
  resp3();
  using Type = protocol::Reply::Type;
  const auto info = ask({"COMMAND", "INFO", "rename"}).elements.at(0);
  EXPECT_EQ(info.elements[2].type, Type::set);
  EXPECT_EQ(info.elements[6].type, Type::set);
  EXPECT_EQ(info.elements[7].type, Type::set);
  EXPECT_EQ(info.elements[8].type, Type::set);
  EXPECT_EQ(info.elements[9].type, Type::set) << "no subcommands";
  const auto container = ask({"COMMAND", "INFO", "config"}).elements.at(0);
  EXPECT_EQ(container.elements[8].type, Type::set) << "no keys";
  EXPECT_EQ(container.elements[9].type, Type::array) << "Redis's choice for subcommands";
  ASSERT_EQ(info.elements[8].elements.size(), 2u) << "one specification each: source, destination";
  EXPECT_EQ(info.elements[8].elements[0].type, Type::map);
  EXPECT_EQ(ask({"COMMAND", "DOCS", "get"}).type, Type::map);
}

TEST_F(CommandCommand, ListsWhatAFilterLetsThrough) {
  const std::string strings = joined(ask({"COMMAND", "LIST", "FILTERBY", "ACLCAT", "string"}));
  EXPECT_THAT(strings, HasSubstr("getrange"));
  EXPECT_THAT(strings, Not(HasSubstr("hget")));
  EXPECT_EQ(joined(ask({"COMMAND", "LIST", "FILTERBY", "PATTERN", "hge*"})),
            "hget hgetall hgetex hgetdel");
  EXPECT_EQ(joined(ask({"COMMAND", "LIST", "FILTERBY", "PATTERN", "CLIENT|SETN*"})),
            "client|setname");
  EXPECT_EQ(run("COMMAND LIST FILTERBY MODULE x"), "(empty array)");
  EXPECT_EQ(run("COMMAND LIST FILTERBY ACLCAT x"), "(empty array)");
  EXPECT_EQ(run("COMMAND LIST FILTERBY foo bar"), "(error) ERR syntax error");
  EXPECT_EQ(run("COMMAND LIST foo"), "(error) ERR syntax error");
}

TEST_F(CommandCommand, TellsWhatIsDoneToTheKeys) {
  const auto flags = [this](const char* name) {
    std::string all;
    const auto specs = ask({"COMMAND", "INFO", name}).elements.at(0).elements.at(8);
    for (const auto& spec : specs.elements) {
      all += (all.empty() ? "" : ", ") + joined(field(spec, "flags"));
    }
    return all;
  };
  EXPECT_EQ(flags("get"), "RO access");
  EXPECT_EQ(flags("set"), "RW access update variable_flags");
  EXPECT_EQ(flags("del"), "RM delete");
  EXPECT_EQ(flags("renamenx"), "RW access delete, OW insert");
  EXPECT_EQ(flags("ping"), "");
  const auto set = ask({"COMMAND", "INFO", "set"}).elements.at(0).elements.at(8);
  EXPECT_EQ(field(set.elements.at(0), "notes").text,
            "RW and ACCESS only with GET or a condition on the value");
}

TEST_F(CommandCommand, SaysHowAClusterIsAskedAndWhatNobodyCanForetell) {
  const auto tips = [this](const char* name) {
    return joined(ask({"COMMAND", "INFO", name}).elements.at(0).elements.at(7));
  };
  EXPECT_EQ(tips("get"), "");
  EXPECT_EQ(tips("ttl"), "nondeterministic_output");
  EXPECT_EQ(tips("mget"), "request_policy:multi_shard");
  EXPECT_EQ(tips("keys"), "nondeterministic_output_order request_policy:all_shards");
  EXPECT_EQ(tips("script|kill"), "request_policy:all_shards response_policy:one_succeeded");
}

TEST_F(CommandCommand, SaysWhatIsThereForThoseWhoKnowNothingNewer) {
  const auto getset = ask({"COMMAND", "DOCS", "getset"}).elements.at(1);
  EXPECT_EQ(joined(field(getset, "doc_flags")), "deprecated");
  EXPECT_EQ(field(getset, "deprecated_since").text, "6.2.0");
  EXPECT_EQ(field(getset, "replaced_by").text, "`SET` with the `!GET` argument");
  EXPECT_EQ(run("COMMAND DOCS get").find("doc_flags"), std::string::npos);
}

TEST_F(CommandCommand, FindsTheKeysOfARequest) {
  EXPECT_EQ(run("COMMAND GETKEYS get a"), "1) \"a\"");
  EXPECT_EQ(run("COMMAND GETKEYS MSET a 1 b 2"), "1) \"a\"\n2) \"b\"");
  EXPECT_EQ(run("COMMAND GETKEYS rename a b"), "1) \"a\"\n2) \"b\"");
  EXPECT_EQ(run("COMMAND GETKEYS object encoding a"), "1) \"a\"");
  EXPECT_EQ(run("COMMAND GETKEYS nope a"), "(error) ERR Invalid command specified");
  EXPECT_EQ(run("COMMAND GETKEYS ping a"), "(error) ERR The command has no key arguments");
  EXPECT_EQ(run("COMMAND GETKEYS get a b"),
            "(error) ERR Invalid number of arguments specified for command");
  EXPECT_EQ(run("COMMAND GETKEYSANDFLAGS get a"), "1) 1) \"a\"\n   2) 1) RO\n      2) access");
}

TEST_F(CommandCommand, DocumentsCommands) {
  const auto docs = ask({"COMMAND", "DOCS", "get", "nope", "client"});
  ASSERT_EQ(docs.elements.size(), 4u) << "two names, each with what is told of it";
  EXPECT_EQ(docs.elements[0].text, "get");
  const Command* get = registry.find("get");
  EXPECT_EQ(joined(docs.elements[1]), "summary " + std::string(get->summary) + " since " +
                                          std::string(get->since) + " group string complexity " +
                                          std::string(get->complexity) + " arguments ");
  EXPECT_EQ(docs.elements[2].text, "client");
  const auto& client = docs.elements[3].elements;
  EXPECT_EQ(client[client.size() - 2].text, "subcommands");
  EXPECT_EQ(client.back().elements.at(0).text, "client|caching");
  EXPECT_EQ(ask({"COMMAND", "DOCS"}).elements.size(), 2 * registry.all().size());
}

TEST_F(CommandCommand, DocumentsArgumentsSoThatClientsCanShowThem) {
  const auto set = ask({"COMMAND", "DOCS", "set"}).elements.at(1).elements;
  ASSERT_EQ(set.at(8).text, "arguments");
  const auto& arguments = set.at(9).elements;
  ASSERT_EQ(arguments.size(), 5u);
  EXPECT_EQ(run_words({"COMMAND", "DOCS", "dbsize"}).find("arguments"), std::string::npos);

  const auto& key = arguments[0].elements;
  EXPECT_EQ(joined(arguments[0]), "name key type key display_text key key_spec_index ");
  EXPECT_EQ(key.back().integer, 0);
  EXPECT_EQ(joined(arguments[1]), "name value type string display_text value");
  EXPECT_EQ(
      joined(arguments[2]),
      "name nx_xx_ifeq-value_ifne-value_ifdeq-digest_ifdne-digest type oneof since 2.6.12 flags  "
      "arguments ");
  EXPECT_EQ(joined(field(arguments[2], "flags")), "optional");
  EXPECT_EQ(joined(arguments[4].elements.back().elements.at(0)),
            "name seconds type integer display_text seconds token EX since 2.6.12");
}

}  // namespace
}  // namespace sojourn::server
