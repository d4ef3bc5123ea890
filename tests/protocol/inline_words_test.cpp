#include "protocol/inline_words.h"

#include <gmock/gmock.h>

namespace sojourn::protocol {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

struct Split {
  InlineSplit result;
  std::vector<std::string> words;
};

Split split(std::string_view line, std::size_t words_max = 100) {
  std::vector<std::string_view> words;
  std::string unquoted;
  const InlineSplit result = split_inline(line, words_max, words, unquoted);
  return {result, {words.begin(), words.end()}};
}

std::vector<std::string> words_of(std::string_view line) {
  Split done = split(line);
  EXPECT_EQ(done.result, InlineSplit::whole) << line;
  return done.words;
}

TEST(InlineWords, AreSeparatedByAnyRunOfWhiteSpace) {
  EXPECT_THAT(words_of("SET key value"), ElementsAre("SET", "key", "value"));
  EXPECT_THAT(words_of(" \t SET \r  key\t\t"), ElementsAre("SET", "key"));
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of(" \t\v\f\r "), IsEmpty());
}

TEST(InlineWords, KeepVerticalTabsWithinAWordAsRedisDoes) {
  EXPECT_THAT(words_of("\va\vb\f c"), ElementsAre("a\vb\f", "c"));
}

TEST(InlineWords, AreBinarySafe) {
  EXPECT_THAT(words_of("a\0b \xff"s), ElementsAre("a\0b"s, "\xff"));
}

TEST(InlineWords, InDoubleQuotesHaveEscapes) {
  EXPECT_THAT(words_of(R"("a b" "\n\r\t\b\a" "\x41\xfF\x00")"),
              ElementsAre("a b", "\n\r\t\b\a", "A\xff\0"s));
  EXPECT_THAT(words_of(R"("\"" "\\" "\q" "it's")"), ElementsAre("\"", "\\", "q", "it's"));
  EXPECT_THAT(words_of(R"("\x4" "\xg1" "\x")"), ElementsAre("x4", "xg1", "x"));
}

TEST(InlineWords, InSingleQuotesEscapeOnlyTheQuote) {
  EXPECT_THAT(words_of(R"('a b' '\'' '\n\x41' 'say "x"')"),
              ElementsAre("a b", "'", R"(\n\x41)", R"(say "x")"));
}

TEST(InlineWords, MayBeEmptyOnlyInQuotes) {
  EXPECT_THAT(words_of(R"(SET "" '')"), ElementsAre("SET", "", ""));
}

TEST(InlineWords, MayOpenAQuoteInTheMiddle) {
  EXPECT_THAT(words_of(R"(foo"bar baz" x'y z')"), ElementsAre("foobar baz", "xy z"));
}

TEST(InlineWords, KeepABackslashOutsideQuotes) {
  EXPECT_THAT(words_of(R"(a\nb \x41)"), ElementsAre(R"(a\nb)", R"(\x41)"));
}

TEST(InlineWords, WithQuotesThatDoNotCloseAreRefused) {
  for (const char* line : {R"(")", R"(')", R"(GET "key)", R"(GET 'key)", R"("a\)", R"("a\")",
                           R"('a\')", R"("a"b)", R"('a'b)", R"("a""b")", R"(x"y"z)"}) {
    EXPECT_EQ(split(line).result, InlineSplit::unbalanced_quotes) << line;
  }
}

TEST(InlineWords, AreLimitedInNumber) {
  EXPECT_EQ(split("a b c", 3).result, InlineSplit::whole);
  EXPECT_EQ(split("a b c ", 3).result, InlineSplit::whole);
  EXPECT_EQ(split("a b c d", 3).result, InlineSplit::too_many_words);
}

}  // namespace
}  // namespace sojourn::protocol
