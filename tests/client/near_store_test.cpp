// What a near cache keeps and drops, without a connection.

#include "sojourn/detail/near_store.h"

#include <gtest/gtest.h>

namespace sojourn::detail {
namespace {

using namespace std::chrono_literals;
using Value = NearStore::Value;

Reply text(std::string bytes) {
  Reply reply;
  reply.type = Reply::Type::bulk;
  reply.text = std::move(bytes);
  return reply;
}

Reply invalidate(std::vector<std::string> keys) {
  Reply list;
  list.type = Reply::Type::array;
  for (std::string& key : keys) list.elements.push_back(text(std::move(key)));
  Reply push;
  push.type = Reply::Type::push;
  push.elements = {text("invalidate"), std::move(list)};
  return push;
}

Reply invalidate_all() {
  Reply push = invalidate({});
  push.elements[1] = Reply();
  return push;
}

class NearStoreTest : public testing::Test {
 protected:
  std::shared_ptr<NearStore> make(NearStore::Limits limits) {
    return std::make_shared<NearStore>(limits, [this] { return now; });
  }
  void read(const std::string& key, std::string value) {
    store->begin(key)->take(Replies{text(std::move(value))});
  }
  Value kept(const std::string& key) { return store->find(key).value_or(Value("nothing kept")); }

  NearStore::TimePoint now{};
  std::shared_ptr<NearStore> store = make({100, 100'000, 10s});
};

TEST_F(NearStoreTest, KeepsWhatWasRead) {
  EXPECT_FALSE(store->find("a"));
  read("a", "1");
  EXPECT_EQ(kept("a"), "1");
  EXPECT_EQ(store->figures().hits, 1u);
  EXPECT_EQ(store->figures().misses, 1u);
  EXPECT_EQ(store->figures().entries, 1u);
}

TEST_F(NearStoreTest, KeepsThatThereIsNoSuchKey) {
  EXPECT_EQ(store->begin("a")->take(Replies{Reply()}).value(), std::nullopt);
  ASSERT_TRUE(store->find("a"));
  EXPECT_EQ(*store->find("a"), std::nullopt);
}

TEST_F(NearStoreTest, DropsWhatHasChanged) {
  read("a", "1");
  read("b", "1");
  read("c", "1");
  store->on_push(invalidate({"a", "c", "x"}));
  EXPECT_FALSE(store->find("a"));
  EXPECT_EQ(kept("b"), "1");
  EXPECT_FALSE(store->find("c"));
  store->on_push(invalidate_all());
  EXPECT_FALSE(store->find("b"));
  EXPECT_EQ(store->figures().bytes, 0u);
}

TEST_F(NearStoreTest, DoesNotKeepWhatChangedWhileItWasRead) {
  auto reading = store->begin("a");
  store->on_push(invalidate({"a"}));
  EXPECT_EQ(reading->take(Replies{text("old or new")}).value(), "old or new");
  EXPECT_FALSE(store->find("a"));
  EXPECT_EQ(store->figures().raced, 1u);
}

TEST_F(NearStoreTest, KeepsOneOfSeveralReadingsThatAgree) {
  auto one = store->begin("a");
  auto other = store->begin("a");
  one->take(Replies{text("1")});
  other->take(Replies{text("1")});
  EXPECT_EQ(kept("a"), "1");
}

// Whoever was given "new" is never given "old" afterwards, whichever of them ends first.
TEST_F(NearStoreTest, KeepsNoneOfSeveralReadingsThatDisagree) {
  for (const bool old_first : {true, false}) {
    auto one = store->begin("a");
    auto other = store->begin("a");
    auto late = store->begin("a");
    one->take(Replies{text(old_first ? "old" : "new")});
    other->take(Replies{text(old_first ? "new" : "old")});
    EXPECT_FALSE(store->find("a"));
    late->take(Replies{text("old")});
    EXPECT_FALSE(store->find("a"));
    read("a", "new");
    EXPECT_EQ(kept("a"), "new");
    store->drop_all();
  }
}

TEST_F(NearStoreTest, DoesNotKeepWhatWasReadWhileAllWasDropped) {
  auto reading = store->begin("a");
  store->drop_all();
  reading->take(Replies{text("1")});
  EXPECT_FALSE(store->find("a"));
  reading = store->begin("a");
  store->drop("b");
  reading->take(Replies{text("1")});
  EXPECT_EQ(kept("a"), "1");
}

TEST_F(NearStoreTest, ForgetsReadingsThatFail) {
  EXPECT_EQ(store->begin("a")->take(Error(Errc::timeout)).error().code, Errc::timeout);
  Reply wrong;
  wrong.type = Reply::Type::error;
  wrong.text = "WRONGTYPE Operation against a key holding the wrong kind of value";
  EXPECT_EQ(store->begin("a")->take(Replies{wrong}).error().code, Errc::server_error);
  { const auto given_up = store->begin("a"); }
  EXPECT_FALSE(store->find("a"));
  read("a", "1");
  EXPECT_EQ(kept("a"), "1");
}

TEST_F(NearStoreTest, DropsWhatWasUsedLongestAgo) {
  store = make({3, 100'000, 0s});
  for (const char* key : {"a", "b", "c"}) read(key, key);
  EXPECT_EQ(kept("a"), "a");
  read("d", "d");
  EXPECT_FALSE(store->find("b"));
  EXPECT_EQ(kept("a"), "a");
  EXPECT_EQ(store->figures().entries, 3u);
}

TEST_F(NearStoreTest, IsBoundedInBytes) {
  store = make({100, 10'000, 0s});
  for (int i = 0; i < 50; ++i) read(std::to_string(i), std::string(1000, 'x'));
  EXPECT_LE(store->figures().bytes, 10'000u);
  EXPECT_GE(store->figures().entries, 5u);
  read("huge", std::string(20'000, 'x'));
  EXPECT_FALSE(store->find("huge"));
  EXPECT_GE(store->figures().entries, 5u) << "the others stay";
}

TEST_F(NearStoreTest, KeepsNothingLongerThanItMay) {
  read("a", "1");
  now += 10s;
  EXPECT_EQ(kept("a"), "1");
  now += 1ms;
  EXPECT_FALSE(store->find("a"));
  EXPECT_EQ(store->figures().entries, 0u);
}

TEST_F(NearStoreTest, PassesOverOtherPushes) {
  read("a", "1");
  Reply message = invalidate({"a"});
  message.elements[0].text = "message";
  store->on_push(message);
  store->on_push(Reply());
  EXPECT_EQ(kept("a"), "1");
}

}  // namespace
}  // namespace sojourn::detail
