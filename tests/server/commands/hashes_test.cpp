#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kWrongTypeShown =
    "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
constexpr std::string_view kNotAnIntegerShown =
    "(error) ERR value is not an integer or out of range";

class HashCommands : public CommandTest {
 protected:
  void SetUp() override { run("SET string v"); }

  // Large enough that no server would keep it packed.
  void make_large_hash(int fields) {
    std::vector<std::string> words{"HSET", "large"};
    for (int i = 0; i < fields; ++i) {
      words.push_back("field:" + std::to_string(i));
      words.push_back("value:" + std::to_string(i));
    }
    ASSERT_EQ(run_words(words), "(integer) " + std::to_string(fields));
  }
  std::vector<std::string> texts(const std::vector<std::string>& words) {
    const auto reply = client().ask(words);
    std::vector<std::string> texts;
    for (const auto& element : reply->elements) texts.push_back(element.text);
    return texts;
  }
};

TEST_F(HashCommands, HsetCountsNewFields) {
  EXPECT_EQ(run("HSET h a 1 b 2"), "(integer) 2");
  EXPECT_EQ(run("HSET h b 3 c 4 c 5"), "(integer) 1");
  EXPECT_EQ(run("HGET h a"), "1");
  EXPECT_EQ(run("HGET h b"), "3");
  EXPECT_EQ(run("HGET h c"), "5");
  EXPECT_EQ(run("HGET h absent"), "(nil)");
  EXPECT_EQ(run("HGET absent a"), "(nil)");
  EXPECT_EQ(run("HLEN h"), "(integer) 3");
}

TEST_F(HashCommands, HsetRefusesAFieldWithoutValue) {
  EXPECT_EQ(run("HSET string a 1 b"), "(error) ERR wrong number of arguments for 'hset' command");
  EXPECT_EQ(run("HMSET h a 1 b"), "(error) ERR wrong number of arguments for 'hmset' command");
  EXPECT_EQ(run("EXISTS h"), "(integer) 0");
}

TEST_F(HashCommands, HsetKeepsTheDeadline) {
  run("HSET h a 1");
  run("EXPIRE h 10");
  run("HMSET h a 2");
  run("HINCRBY h a 1");
  run("HDEL h absent");
  EXPECT_EQ(run("TTL h"), "(integer) 10");
}

TEST_F(HashCommands, HmsetAnswersOk) {
  EXPECT_EQ(run("HMSET h a 1 b 2"), "OK");
  EXPECT_EQ(run("HMGET h b absent a"), "1) \"2\"\n2) (nil)\n3) \"1\"");
  EXPECT_EQ(run("HMGET absent a b"), "1) (nil)\n2) (nil)");
}

TEST_F(HashCommands, HsetnxSetsOnlyWhatIsNotThere) {
  EXPECT_EQ(run("HSETNX h a 1"), "(integer) 1");
  EXPECT_EQ(run("HSETNX h a 2"), "(integer) 0");
  EXPECT_EQ(run("HGET h a"), "1");
}

TEST_F(HashCommands, FieldsAreBinarySafe) {
  const std::string name("f\0\r\n", 4);
  const std::string value("\0\xff\r\n", 4);
  EXPECT_EQ(run_words({"HSET", "h", name, value, "", ""}), "(integer) 2");
  EXPECT_EQ(run_words({"HGET", "h", name}), value);
  EXPECT_EQ(run_words({"HGET", "h", ""}), "");
  EXPECT_EQ(run_words({"HEXISTS", "h", "f"}), "(integer) 0");
  EXPECT_EQ(run_words({"HSTRLEN", "h", name}), "(integer) 4");
}

TEST_F(HashCommands, HgetallIsAFlatArrayInResp2AndAMapInResp3) {
  run("HSET h a 1 b 2");
  EXPECT_EQ(run("HGETALL h"), "1) \"a\"\n2) \"1\"\n3) \"b\"\n4) \"2\"");
  EXPECT_EQ(run("HGETALL absent"), "(empty array)");
  resp3();
  EXPECT_EQ(run("HGETALL h"), "1# \"a\" => \"1\"\n2# \"b\" => \"2\"");
  EXPECT_EQ(run("HGETALL absent"), "(empty hash)");
  EXPECT_EQ(run("HGET h absent"), "(nil)");
}

TEST_F(HashCommands, NullsHaveTheirOwnTypeInResp3) {
  EXPECT_EQ(client().try_raw({"HGET", "h", "a"}), "$-1\r\n");
  resp3();
  EXPECT_EQ(client().try_raw({"HGET", "h", "a"}), "_\r\n");
  EXPECT_EQ(client().try_raw({"GET", "absent"}), "_\r\n");
}

TEST_F(HashCommands, HkeysAndHvalsShowEachField) {
  run("HSET h a 1 b 2");
  EXPECT_EQ(run("HKEYS h"), "1) \"a\"\n2) \"b\"");
  EXPECT_EQ(run("HVALS h"), "1) \"1\"\n2) \"2\"");
  EXPECT_EQ(run("HKEYS absent"), "(empty array)");
  EXPECT_EQ(run("HVALS absent"), "(empty array)");
}

TEST_F(HashCommands, HdelRemovesTheKeyWithItsLastField) {
  run("HSET h a 1 b 2 c 3");
  EXPECT_EQ(run("HDEL h a a absent"), "(integer) 1");
  EXPECT_EQ(run("HDEL h b c b absent"), "(integer) 2");
  EXPECT_EQ(run("EXISTS h"), "(integer) 0");
  EXPECT_EQ(run("HDEL h a"), "(integer) 0");
  restart();
  EXPECT_EQ(run("EXISTS h"), "(integer) 0");
}

TEST_F(HashCommands, EveryHashCommandRefusesAString) {
  for (const char* line : {"HSET string f v", "HMSET string f v", "HSETNX string f v",
                           "HGET string f", "HMGET string f", "HGETALL string", "HDEL string f",
                           "HEXISTS string f", "HLEN string", "HKEYS string", "HVALS string",
                           "HSTRLEN string f", "HINCRBY string f 1", "HINCRBYFLOAT string f 1",
                           "HRANDFIELD string", "HRANDFIELD string 1", "HSCAN string 0 FOO"}) {
    EXPECT_EQ(run(line), kWrongTypeShown) << line;
  }
  EXPECT_EQ(run("GET string"), "v");
}

TEST_F(HashCommands, HexistsAndHstrlenLookAtOneField) {
  run("HSET h a 123");
  EXPECT_EQ(run("HEXISTS h a"), "(integer) 1");
  EXPECT_EQ(run("HEXISTS h b"), "(integer) 0");
  EXPECT_EQ(run("HEXISTS absent a"), "(integer) 0");
  EXPECT_EQ(run("HSTRLEN h a"), "(integer) 3");
  EXPECT_EQ(run("HSTRLEN h b"), "(integer) 0");
}

TEST_F(HashCommands, HincrbyCountsWithin64Bits) {
  EXPECT_EQ(run("HINCRBY h n 5"), "(integer) 5");
  EXPECT_EQ(run("HINCRBY h n -7"), "(integer) -2");
  EXPECT_EQ(run("HINCRBY h big 9223372036854775807"), "(integer) 9223372036854775807");
  EXPECT_EQ(run("HINCRBY h big 1"), "(error) ERR increment or decrement would overflow");
  EXPECT_EQ(run("HINCRBY h n -9223372036854775808"),
            "(error) ERR increment or decrement would overflow");
  EXPECT_EQ(run("HINCRBY h n 9223372036854775808"), kNotAnIntegerShown);
  run("HSET h text abc");
  EXPECT_EQ(run("HINCRBY h text 1"), "(error) ERR hash value is not an integer");
  EXPECT_EQ(run("HINCRBY string f abc"), kNotAnIntegerShown);
}

TEST_F(HashCommands, HincrbyfloatRefusesWhatIsNotFinite) {
  EXPECT_EQ(run("HINCRBYFLOAT h n 10.5"), "10.5");
  EXPECT_EQ(run("HINCRBYFLOAT h n 0.1"), "10.6");
  EXPECT_EQ(run("HINCRBYFLOAT h n 5.0e3"), "5010.60000000000000009");
  EXPECT_EQ(run("HINCRBYFLOAT h n nan"), "(error) ERR value is not a valid float");
  EXPECT_EQ(run("HINCRBYFLOAT h n inf"), "(error) ERR value is NaN or Infinity");
  EXPECT_EQ(run("HINCRBYFLOAT absent n -inf"), "(error) ERR value is NaN or Infinity");
  EXPECT_EQ(run("EXISTS absent"), "(integer) 0");
  EXPECT_EQ(run("HINCRBYFLOAT h n 1e309").size(), 309u);
  run("HSET h text abc infinite inf");
  EXPECT_EQ(run("HINCRBYFLOAT h text 1"), "(error) ERR hash value is not a float");
  EXPECT_EQ(run("HINCRBYFLOAT h infinite 1"),
            "(error) ERR increment would produce NaN or Infinity");
}

TEST_F(HashCommands, HrandfieldOfAPositiveCountNeverRepeats) {
  make_large_hash(300);
  for (const int count : {1, 50, 99, 100, 200, 299}) {
    const auto names = texts({"HRANDFIELD", "large", std::to_string(count)});
    EXPECT_EQ(names.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
  }
  EXPECT_EQ(texts({"HRANDFIELD", "large", "300"}).size(), 300u);
  EXPECT_EQ(texts({"HRANDFIELD", "large", "1000000000"}).size(), 300u);
  EXPECT_EQ(texts({"HRANDFIELD", "large", "9223372036854775807"}).size(), 300u);
}

TEST_F(HashCommands, HrandfieldOfANegativeCountDrawsThatMany) {
  run("HSET h a 1 b 2");
  const auto names = texts({"HRANDFIELD", "h", "-1000"});
  EXPECT_EQ(names.size(), 1000u);
  EXPECT_GT(std::count(names.begin(), names.end(), "a"), 300);
  EXPECT_GT(std::count(names.begin(), names.end(), "b"), 300);
}

TEST_F(HashCommands, HrandfieldWithValuesPairsThemInResp3) {
  run("HSET h a 1");
  EXPECT_EQ(run("HRANDFIELD h"), "a");
  EXPECT_EQ(run("HRANDFIELD h 5"), "1) \"a\"");
  EXPECT_EQ(run("HRANDFIELD h -2 WITHVALUES"), "1) \"a\"\n2) \"1\"\n3) \"a\"\n4) \"1\"");
  EXPECT_EQ(run("HRANDFIELD absent"), "(nil)");
  EXPECT_EQ(run("HRANDFIELD absent 5"), "(empty array)");
  EXPECT_EQ(run("HRANDFIELD h 0"), "(empty array)");
  resp3();
  EXPECT_EQ(run("HRANDFIELD h 5 WITHVALUES"), "1) 1) \"a\"\n   2) \"1\"");
  EXPECT_EQ(run("HRANDFIELD absent 5 withvalues"), "(empty array)");
}

TEST_F(HashCommands, HrandfieldRefusesCountsThatNoReplyCanHold) {
  run("HSET h a 1");
  const std::string out_of_range = "(error) ERR value is out of range";
  const std::string between =
      "(error) ERR value is out of range, value must between -9223372036854775807 and "
      "9223372036854775807";
  EXPECT_EQ(run("HRANDFIELD h -9223372036854775808"), between);
  EXPECT_EQ(run("HRANDFIELD h -9223372036854775807"), out_of_range);
  EXPECT_EQ(run("HRANDFIELD h -1000000000"), out_of_range);
  EXPECT_EQ(run("HRANDFIELD h -4611686018427387904 WITHVALUES"), out_of_range);
  EXPECT_EQ(run("HRANDFIELD h 4611686018427387904 WITHVALUES"), out_of_range);
  EXPECT_EQ(run("HRANDFIELD h 9223372036854775808"), kNotAnIntegerShown);
  EXPECT_EQ(run("HRANDFIELD h x"), kNotAnIntegerShown);
  EXPECT_EQ(run("HRANDFIELD h 1 FOO"), "(error) ERR syntax error");
  EXPECT_EQ(run("HRANDFIELD h 1 WITHVALUES FOO"), "(error) ERR syntax error");
}

TEST_F(HashCommands, HrandfieldStopsAReplyThatGrowsTooLarge) {
  run_words({"HSET", "h", "f", std::string(1024 * 1024, 'x')});
  EXPECT_EQ(texts({"HRANDFIELD", "h", "-3", "WITHVALUES"}).size(), 6u);
  EXPECT_EQ(run("HRANDFIELD h -1000000 WITHVALUES"), "(error) ERR value is out of range");
}

TEST_F(HashCommands, HscanShowsEveryFieldAtLeastOnce) {
  make_large_hash(2000);
  std::map<std::string, std::string> seen;
  std::string cursor = "0";
  std::size_t calls = 0;
  do {
    const auto reply = client().ask({"HSCAN", "large", cursor, "COUNT", "50"});
    ASSERT_EQ(reply->elements.size(), 2u);
    cursor = reply->elements[0].text;
    const auto& fields = reply->elements[1].elements;
    for (std::size_t i = 0; i < fields.size(); i += 2) seen[fields[i].text] = fields[i + 1].text;
    ++calls;
  } while (cursor != "0");
  EXPECT_GT(calls, 5u);
  EXPECT_EQ(seen.size(), 2000u);
  EXPECT_EQ(seen["field:1234"], "value:1234");
}

TEST_F(HashCommands, HscanShowsASmallHashAtOnce) {
  run("HSET h aa 1 ab 2 b 3");
  EXPECT_EQ(run("HSCAN h 0 COUNT 1 MATCH a*"),
            "1) \"0\"\n2) 1) \"aa\"\n   2) \"1\"\n   3) \"ab\"\n   4) \"2\"");
  EXPECT_EQ(run("HSCAN absent 0 FOO"), "1) \"0\"\n2) (empty array)");
  EXPECT_EQ(run("HSCAN h abc"), "(error) ERR invalid cursor");
  EXPECT_EQ(run("HSCAN string abc"), "(error) ERR invalid cursor");
  EXPECT_EQ(run("HSCAN h 0 FOO"), "(error) ERR syntax error");
  EXPECT_EQ(run("HSCAN h 0 TYPE hash"), "(error) ERR syntax error");
}

TEST_F(HashCommands, AHashSurvivesGrowthAndARestart) {
  make_large_hash(2000);
  EXPECT_EQ(run("HLEN large"), "(integer) 2000");
  EXPECT_EQ(run("HDEL large field:7"), "(integer) 1");
  EXPECT_EQ(run("HSET large field:8 changed"), "(integer) 0");
  run("HSET small a 1");
  restart();
  EXPECT_EQ(run("HLEN large"), "(integer) 1999");
  EXPECT_EQ(run("HGET large field:7"), "(nil)");
  EXPECT_EQ(run("HGET large field:8"), "changed");
  EXPECT_EQ(run("HGET large field:1999"), "value:1999");
  EXPECT_EQ(run("HGETALL small"), "1) \"a\"\n2) \"1\"");
}

TEST_F(HashCommands, CountersOfALargeHashReachTheDisk) {
  make_large_hash(2000);
  EXPECT_EQ(run("HINCRBY large n 9223372036854775806"), "(integer) 9223372036854775806");
  EXPECT_EQ(run("HINCRBY large n 1"), "(integer) 9223372036854775807");
  const std::string real = run("HINCRBYFLOAT large r 1e309");
  restart();
  EXPECT_EQ(run("HGET large n"), "9223372036854775807");
  EXPECT_EQ(run("HGET large r"), real);
}

TEST_F(HashCommands, AHashMadeAnewKnowsNothingOfTheOldOne) {
  make_large_hash(2000);
  run("DEL large");
  run("HSET large only 1");
  restart();
  EXPECT_EQ(run("HGETALL large"), "1) \"only\"\n2) \"1\"");
}

TEST_F(HashCommands, ACopiedOrRenamedLargeHashIsWhole) {
  make_large_hash(2000);
  EXPECT_EQ(run("COPY large copy"), "(integer) 1");
  EXPECT_EQ(run("RENAME large renamed"), "OK");
  run("HDEL copy field:1");
  restart();
  EXPECT_EQ(run("HLEN copy"), "(integer) 1999");
  EXPECT_EQ(run("HLEN renamed"), "(integer) 2000");
  EXPECT_EQ(run("HGET renamed field:1"), "value:1");
  EXPECT_EQ(run("EXISTS large"), "(integer) 0");
}

}  // namespace
}  // namespace sojourn::server
