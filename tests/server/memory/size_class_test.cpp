#include "server/memory/size_class.h"

#include <gtest/gtest.h>

namespace sojourn::server {
namespace {

TEST(SizeClass, EverySizeGetsTheSmallestBlockItFitsIn) {
  for (std::size_t bytes = 1; bytes <= size_class::kLargest; ++bytes) {
    const std::size_t index = size_class::index_of(bytes);
    ASSERT_LT(index, size_class::kCount);
    ASSERT_GE(size_class::bytes_of(index), bytes);
    if (index > 0) {
      ASSERT_LT(size_class::bytes_of(index - 1), bytes);
    }
  }
}

TEST(SizeClass, LosesUnderEightBytesOrOneInSixtyFour) {
  for (std::size_t bytes = 1; bytes <= size_class::kLargest; ++bytes) {
    const std::size_t lost = size_class::bytes_of(size_class::index_of(bytes)) - bytes;
    ASSERT_TRUE(lost < 8 || lost * 64 < bytes) << bytes;
  }
}

TEST(SizeClass, AMultipleOfSixtyFourGetsABlockThatIsOneToo) {
  for (std::size_t bytes = 64; bytes <= size_class::kLargest; bytes += 64) {
    ASSERT_EQ(size_class::bytes_of(size_class::index_of(bytes)) % 64, 0u) << bytes;
  }
}

}  // namespace
}  // namespace sojourn::server
