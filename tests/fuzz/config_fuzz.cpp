#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/check.h"
#include "server/base/numbers.h"
#include "server/config/config.h"
#include "server/config/rewrite.h"
#include "server/config/words.h"

namespace {

using sojourn::server::Config;

// Included files are no part of the input, and a fuzzer with the whole disk to read is slow.
bool includes_files(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto words = sojourn::server::split_words(text.substr(0, end));
    if (words && !words->empty() && sojourn::server::equal_any_case(words->front(), "include")) {
      return true;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

// What CONFIG GET * shows, but for what a rewrite leaves out on purpose.
auto shown(const Config& config) {
  const std::string_view everything[] = {"*"};
  auto values = config.get(everything);
  std::erase_if(values, [](const auto& entry) { return entry.first == "accept-data-loss"; });
  return values;
}

}  // namespace

// Whatever a file holds: it is read or refused, and what was read and is rewritten reads back the
// same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (includes_files(text)) return 0;
  Config config;
  if (!config.read(text, "fuzz")) return 0;
  const auto rewritten = sojourn::server::rewritten("# empty\n", *config.current());
  CHECK(rewritten.has_value());
  Config again;
  CHECK(again.read(*rewritten, "rewritten").has_value());
  CHECK(shown(again) == shown(config));
  return 0;
}
