#include "bench/load/options.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <stdexcept>
#include <vector>

namespace sojourn::load {
namespace {

Options parsed(std::initializer_list<const char*> words) {
  std::vector<char*> arguments = {const_cast<char*>("sojourn_load")};
  for (const char* word : words) arguments.push_back(const_cast<char*>(word));
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(LoadOptions, WithoutARateTheLoopIsClosedAndNothingIsSliced) {
  const Options options = parsed({});
  EXPECT_EQ(options.rate, 0);
  EXPECT_EQ(options.slice.count(), 0);
}

TEST(LoadOptions, TakeARateAndSlices) {
  const Options options = parsed({"--rate", "1500.5", "--slice-ms", "50"});
  EXPECT_EQ(options.rate, 1500.5);
  EXPECT_EQ(options.slice, std::chrono::milliseconds(50));
}

TEST(LoadOptions, RefuseARateThatIsNone) {
  for (const char* rate : {"0", "0.5", "-1", "nan", "inf", "fast", "1e10", "5x", ""}) {
    EXPECT_THROW(parsed({"--rate", rate}), std::invalid_argument) << rate;
  }
  EXPECT_THROW(parsed({"--rate"}), std::invalid_argument);
}

}  // namespace
}  // namespace sojourn::load
