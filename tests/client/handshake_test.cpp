#include "client/src/handshake.h"

#include <gtest/gtest.h>

#include "protocol/request_parser.h"

namespace sojourn::detail {
namespace {

// "HELLO 3 | SELECT 1": the commands in some bytes.
std::string commands(std::string_view bytes) {
  protocol::RequestParser parser;
  std::string text;
  while (!bytes.empty() && parser.parse(bytes) == protocol::RequestParser::Status::request) {
    if (!text.empty()) text += " | ";
    for (const std::string_view word : parser.words()) {
      if (!text.empty() && !text.ends_with("| ")) text += ' ';
      text += word;
    }
    bytes.remove_prefix(parser.consumed());
  }
  return text;
}

Reply ok() {
  Reply reply;
  reply.type = Reply::Type::simple;
  reply.text = "OK";
  return reply;
}

Reply error(std::string text) {
  Reply reply;
  reply.type = Reply::Type::error;
  reply.text = std::move(text);
  return reply;
}

const std::string kSetInfo =
    "CLIENT SETINFO LIB-NAME sojourn-cpp | CLIENT SETINFO LIB-VER " + std::string(SOJOURN_VERSION);

TEST(Handshake, AsksForResp3AndSaysWhoItIs) {
  const Options options;
  Handshake handshake(options);
  EXPECT_EQ(commands(handshake.to_send()), "HELLO 3");
  EXPECT_EQ(handshake.to_send(), "");
  handshake.on_reply(ok());
  EXPECT_EQ(commands(handshake.to_send()), kSetInfo);
  handshake.on_reply(ok());
  EXPECT_FALSE(handshake.done());
  handshake.on_reply(ok());
  EXPECT_TRUE(handshake.done());
}

TEST(Handshake, SendsAllThatIsConfigured) {
  Options options;
  options.username = "app";
  options.password = "secret";
  options.client_name = "clone-1";
  options.database = 2;
  options.setup.push("CLIENT", "TRACKING", "ON");
  Handshake handshake(options);
  EXPECT_EQ(commands(handshake.to_send()), "HELLO 3 AUTH app secret SETNAME clone-1");
  handshake.on_reply(ok());
  EXPECT_EQ(commands(handshake.to_send()), "SELECT 2 | " + kSetInfo + " | CLIENT TRACKING ON");
}

TEST(Handshake, APasswordAloneIsTheDefaultUsers) {
  Options options;
  options.password = "secret";
  Handshake handshake(options);
  EXPECT_EQ(commands(handshake.to_send()), "HELLO 3 AUTH default secret");
}

TEST(Handshake, FallsBackToResp2WithAServerThatDoesNotKnowHello) {
  Options options;
  options.password = "secret";
  options.client_name = "clone-1";
  options.database = 2;
  for (const char* refusal : {"ERR unknown command `HELLO`, with args beginning with: `3`",
                              "NOPROTO unsupported protocol version"}) {
    Handshake handshake(options);
    handshake.to_send();
    handshake.on_reply(error(refusal));
    EXPECT_EQ(commands(handshake.to_send()),
              "AUTH secret | CLIENT SETNAME clone-1 | SELECT 2 | " + kSetInfo);
    for (int i = 0; i < 3; ++i) handshake.on_reply(ok());
    for (int i = 0; i < 2; ++i) handshake.on_reply(error("ERR Unknown subcommand"));
    EXPECT_TRUE(handshake.done()) << refusal;
  }
}

TEST(Handshake, SendsNoHelloWhenToldToSpeakResp2) {
  Options options;
  options.protocol = 2;
  options.username = "app";
  options.password = "secret";
  Handshake handshake(options);
  EXPECT_EQ(commands(handshake.to_send()), "AUTH app secret | " + kSetInfo);
}

TEST(Handshake, FailsForGoodWhenThePasswordIsWrong) {
  const Options options;
  Handshake handshake(options);
  handshake.on_reply(error("WRONGPASS invalid username-password pair or user is disabled."));
  EXPECT_TRUE(handshake.failed());
  EXPECT_FALSE(handshake.transient());
  EXPECT_EQ(handshake.failure(), "WRONGPASS invalid username-password pair or user is disabled.");
}

TEST(Handshake, FailsForTheMomentWhileTheServerIsLoadingOrFull) {
  for (const char* refusal :
       {"LOADING the dataset", "ERR max number of clients reached", "BUSY running a script"}) {
    const Options options;
    Handshake handshake(options);
    handshake.on_reply(error(refusal));
    EXPECT_TRUE(handshake.failed()) << refusal;
    EXPECT_TRUE(handshake.transient()) << refusal;
  }
}

TEST(Handshake, FailsWhenADatabaseOrTheSetupIsRefused) {
  Options options;
  options.database = 99;
  Handshake handshake(options);
  handshake.on_reply(ok());
  handshake.on_reply(error("ERR DB index is out of range"));
  EXPECT_TRUE(handshake.failed());

  Options with_setup;
  with_setup.setup.push("CLIENT", "TRACKING", "ON");
  Handshake setting_up(with_setup);
  for (int i = 0; i < 3; ++i) setting_up.on_reply(ok());
  setting_up.on_reply(error("ERR no tracking here"));
  EXPECT_TRUE(setting_up.failed());
}

TEST(Handshake, NeverRepeatsThePasswordThatAServerQuotes) {
  Options options;
  options.protocol = 2;
  options.password = "secret";
  Handshake handshake(options);
  handshake.on_reply(error("ERR unknown command 'AUTH', with args beginning with: 'secret' "));
  EXPECT_TRUE(handshake.failed());
  EXPECT_EQ(handshake.failure(), "ERR unknown command 'AUTH'");
}

TEST(Handshake, KnowsWhatTheNextReplyAnswers) {
  Options options;
  options.setup.push("SUBSCRIBE", "news");
  Handshake handshake(options);
  EXPECT_EQ(handshake.awaited(), "HELLO");
  for (int i = 0; i < 3; ++i) handshake.on_reply(ok());
  EXPECT_EQ(handshake.awaited(), "SUBSCRIBE");
  handshake.on_reply(ok());
  EXPECT_EQ(handshake.awaited(), "");
}

}  // namespace
}  // namespace sojourn::detail
