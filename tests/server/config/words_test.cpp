#include "server/config/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(SplitWords, SeparatesByWhiteSpace) {
  EXPECT_THAT(split_words("  bind\t127.0.0.1   ::1 \r"),
              Optional(ElementsAre("bind", "127.0.0.1", "::1")));
  EXPECT_THAT(split_words(" \t "), Optional(IsEmpty()));
}

TEST(SplitWords, TakesQuotedWordsWithEscapes) {
  EXPECT_THAT(split_words(R"(requirepass "a \"b\" \x41\n\\")"),
              Optional(ElementsAre("requirepass", "a \"b\" A\n\\")));
  EXPECT_THAT(split_words(R"(requirepass 'it\'s \n')"),
              Optional(ElementsAre("requirepass", "it's \\n")));
  EXPECT_THAT(split_words(R"(save "")"), Optional(ElementsAre("save", "")));
  EXPECT_THAT(split_words(R"(a b"c d")"), Optional(ElementsAre("a", "bc d")));
  EXPECT_THAT(split_words(R"("\xg1\x4")"), Optional(ElementsAre("xg1x4")));
}

TEST(SplitWords, RefusesUnbalancedQuotes) {
  for (const char* line : {R"("abc)", R"('abc)", R"("abc"d)", R"('abc'd)", R"("abc\")", R"(")"}) {
    EXPECT_EQ(split_words(line), std::nullopt) << line;
  }
}

TEST(QuoteWord, ReadsBackAsTheSameWord) {
  for (const std::string& word :
       {std::string("plain"), std::string(), std::string("two words"), std::string("\"'\\#\n\r\t"),
        std::string("nul\0byte", 8), std::string("\xc3\xa4"), std::string("\\x41")}) {
    EXPECT_THAT(split_words(quote_word(word)), Optional(ElementsAre(word))) << quote_word(word);
  }
  EXPECT_EQ(quote_word("/var/lib"), "/var/lib");
  EXPECT_EQ(quote_word(""), "\"\"");
}

}  // namespace
}  // namespace sojourn::server
