#include "server/cache/entry.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace sojourn::server {
namespace {

TEST(Entry, HoldsKeysAndValuesOfAllSizes) {
  SlabHeap heap;
  for (const std::size_t key_bytes : {0u, 1u, 37u, 255u, 256u, 70'000u}) {
    for (const std::size_t value_bytes : {0u, 1u, 512u, 65'535u, 65'536u, 1'000'000u}) {
      const std::string key(key_bytes, 'k');
      const std::string value(value_bytes, 'v');
      Entry* const entry = Entry::make(heap, key, value_bytes);
      std::memcpy(entry->value_data(), value.data(), value_bytes);
      entry->set_version((std::uint64_t{1} << 51) - 1);
      entry->set_lag(Entry::kLagMax);
      entry->set_deadline(Entry::kLatestDeadline);
      EXPECT_EQ(entry->key(), key);
      EXPECT_EQ(entry->value(), value);
      EXPECT_EQ(entry->version(), (std::uint64_t{1} << 51) - 1);
      EXPECT_EQ(entry->lag(), Entry::kLagMax);
      EXPECT_EQ(entry->deadline(), Entry::kLatestDeadline);
      EXPECT_EQ(entry->type(), ValueType::string);
      EXPECT_GE(entry->bytes(), 27 + key_bytes + value_bytes);
      Entry::free(heap, entry);
    }
  }
  EXPECT_EQ(heap.used_bytes(), 0u);
}

TEST(Entry, TakesTwentySevenBytesBesideKeyAndValue) {
  SlabHeap heap;
  Entry* const entry = Entry::make(heap, std::string(37, 'k'), 512);
  EXPECT_EQ(entry->bytes(), 27u + 37 + 512);
  Entry::free(heap, entry);
}

TEST(Entry, IsSpecialUnlessItHoldsAValueThatNeedsNoSecondLook) {
  SlabHeap heap;
  Entry* const entry = Entry::make(heap, "key", 100);
  entry->set_deadline(Entry::kLatestDeadline);
  entry->set_dirty(true);
  entry->set_form(FieldsForm::integers);
  for (const ValueType type :
       {ValueType::string, ValueType::hash, ValueType::set, ValueType::sorted_set}) {
    entry->set_type(type);
    EXPECT_FALSE(entry->special());
    entry->set_timed(true);
    EXPECT_TRUE(entry->special());
    entry->set_timed(false);
  }
  entry->set_dirty(false);
  Entry* const away = Entry::make_away(heap, *entry);
  EXPECT_TRUE(away->special());
  EXPECT_EQ(away->type(), ValueType::sorted_set);
  for (const ValueType type : {ValueType::absent, ValueType::damaged}) {
    entry->set_type(type);
    EXPECT_TRUE(entry->special());
  }
  entry->set_deadline(kNever);
  entry->set_type(ValueType::string);
  EXPECT_FALSE(entry->special());
  Entry::free(heap, entry);
  Entry::free(heap, away);
}

}  // namespace
}  // namespace sojourn::server
