#include "sojourn/reply.h"

#include <gtest/gtest.h>

namespace sojourn {
namespace {

Reply text(std::string text, Reply::Type type = Reply::Type::bulk) {
  Reply reply;
  reply.type = type;
  reply.text = std::move(text);
  return reply;
}

Reply number(std::int64_t value, Reply::Type type = Reply::Type::integer) {
  Reply reply;
  reply.type = type;
  reply.integer = value;
  return reply;
}

Reply aggregate(std::vector<Reply> elements, Reply::Type type = Reply::Type::array) {
  Reply reply;
  reply.type = type;
  reply.elements = std::move(elements);
  return reply;
}

TEST(Reply, GivesTexts) {
  EXPECT_EQ(text("alice").as<std::string>().value(), "alice");
  EXPECT_EQ(text("OK", Reply::Type::simple).as<std::string>().value(), "OK");
  EXPECT_EQ(number(-3).as<std::string>().value(), "-3");
}

TEST(Reply, GivesNumbersFromIntegersAndFromTexts) {
  EXPECT_EQ(number(5).as<std::int64_t>().value(), 5);
  EXPECT_EQ(text("5").as<int>().value(), 5);
  EXPECT_EQ(text("18446744073709551615").as<std::uint64_t>().value(), ~std::uint64_t{0});
  EXPECT_EQ(text("1.5").as<double>().value(), 1.5);
}

TEST(Reply, RefusesNumbersOutOfRangeAndTextsThatAreNone) {
  EXPECT_EQ(number(300).as<std::uint8_t>().error().code, Errc::wrong_type);
  EXPECT_EQ(number(-1).as<std::uint64_t>().error().code, Errc::wrong_type);
  EXPECT_EQ(text("5x").as<int>().error().code, Errc::wrong_type);
  EXPECT_EQ(text("").as<int>().error().code, Errc::wrong_type);
  EXPECT_EQ(text("9223372036854775808").as<std::int64_t>().error().code, Errc::wrong_type);
}

TEST(Reply, GivesBooleansFromZeroAndOneOnly) {
  EXPECT_TRUE(number(1, Reply::Type::boolean).as<bool>().value());
  EXPECT_FALSE(number(0).as<bool>().value());
  EXPECT_EQ(number(2).as<bool>().error().code, Errc::wrong_type);
}

TEST(Reply, TellsNothingFromSomething) {
  EXPECT_EQ(Reply().as<std::optional<std::string>>().value(), std::nullopt);
  EXPECT_EQ(text("x").as<std::optional<std::string>>().value(), "x");
  EXPECT_EQ(Reply().as<std::string>().error().code, Errc::wrong_type);
  EXPECT_EQ(Reply().as<std::string>().error().detail, "wanted a string, have null");
}

TEST(Reply, GivesContainers) {
  const Reply flat = aggregate({text("a"), number(1), text("b"), number(2)});
  const std::map<std::string, int> wanted{{"a", 1}, {"b", 2}};
  EXPECT_EQ((flat.as<std::map<std::string, int>>().value()), wanted);
  const Reply map = aggregate(flat.elements, Reply::Type::map);
  EXPECT_EQ((map.as<std::unordered_map<std::string, int>>().value().at("b")), 2);
  EXPECT_EQ(aggregate({text("a"), Reply()}).as<std::vector<std::optional<std::string>>>().value(),
            (std::vector<std::optional<std::string>>{"a", std::nullopt}));
  EXPECT_EQ((aggregate({text("a"), number(7)}).as<std::pair<std::string, int>>().value()),
            (std::pair<std::string, int>("a", 7)));
  EXPECT_EQ((aggregate({text("0"), aggregate({text("k")})})
                 .as<std::tuple<std::uint64_t, std::vector<std::string>>>()
                 .value()),
            (std::tuple<std::uint64_t, std::vector<std::string>>(0, {"k"})));
}

TEST(Reply, RefusesContainersOfAnotherShape) {
  using Map = std::map<std::string, int>;
  EXPECT_EQ(aggregate({text("a")}).as<Map>().error().code, Errc::wrong_type);
  EXPECT_EQ(aggregate({text("a"), text("x")}).as<Map>().error().code, Errc::wrong_type);
  EXPECT_EQ(text("a").as<std::vector<std::string>>().error().code, Errc::wrong_type);
  EXPECT_EQ((aggregate({number(1)}).as<std::pair<int, int>>().error().code), Errc::wrong_type);
  EXPECT_EQ((aggregate({number(1), text("x")}).as<std::pair<int, int>>().error().code),
            Errc::wrong_type);
}

TEST(Reply, AnErrorIsAValueUntilItIsAskedForAnother) {
  const Reply error = text("WRONGTYPE Operation against a key", Reply::Type::error);
  EXPECT_EQ(error.error_code(), "WRONGTYPE");
  EXPECT_EQ(error.as<Reply>().value(), error);
  const Error as_text = error.as<std::string>().error();
  EXPECT_EQ(as_text.code, Errc::server_error);
  EXPECT_EQ(as_text.detail, "WRONGTYPE Operation against a key");
  EXPECT_EQ(error.as<void>().error().code, Errc::server_error);
  EXPECT_EQ(error.as<std::optional<std::string>>().error().code, Errc::server_error);
  EXPECT_TRUE(text("OK").as<void>());
}

TEST(Reply, AFailedResultThrowsOnlyWhenItsValueIsTaken) {
  try {
    Reply().as<int>().value();
    FAIL() << "null is not a number";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.error().code, Errc::wrong_type);
    EXPECT_STREQ(failure.what(), "reply of another type: wanted an integer, have null");
  }
}

}  // namespace
}  // namespace sojourn
