#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/users.h"
#include "server/base/check.h"
#include "tests/server/acl/catalogue.h"

namespace {

using namespace sojourn::server;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

}  // namespace

// Whatever the rules are: they are taken or refused; the same user comes of the lines that are told
// of them; and as the text of a file they are taken or refused, too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Users users(small_catalogue(), [] {});
  if (users.set("alice", words_of(text), false)) {
    std::string file;
    for (const std::string& line : users.lines()) file += line + '\n';
    Users again(small_catalogue(), [] {});
    CHECK(again.replace(file, "fuzz", false).has_value());
    CHECK(again.lines() == users.lines());
    const auto alice = users.find("alice");
    const std::string_view words[] = {"select", "0"};
    for (const Selector& selector : alice->selectors()) {
      (void)selector.allows_command(5, words);
      (void)selector.allows_key("a:1", true, false);
      (void)selector.allows_channel("news", true);
    }
  }
  (void)users.replace(text, "fuzz", true);
  return 0;
}
