#include "server/scripting/shebang.h"

#include <string>

#include "server/config/words.h"

namespace sojourn::server {
namespace {

Error wrong(std::string_view what, std::string_view word = {}) {
  return {Errc::invalid_argument, std::string("ERR ").append(what).append(word)};
}

Result<void> read_flag(std::string_view flag, Shebang& shebang) {
  if (flag == "no-writes") {
    shebang.no_writes = true;
  } else if (flag == "allow-oom") {
    shebang.allow_oom = true;
  } else if (flag != "allow-stale" && flag != "no-cluster" && flag != "allow-cross-slot-keys") {
    return wrong("Unexpected flag in script shebang: ", flag);
  }
  return {};
}

// Between commas; nothing at all is no flag.
Result<void> read_flags(std::string_view flags, Shebang& shebang) {
  std::size_t comma = flags.empty() ? std::string_view::npos : 0;
  while (comma != std::string_view::npos) {
    comma = flags.find(',');
    if (auto read = read_flag(flags.substr(0, comma), shebang); !read) return read;
    flags.remove_prefix(comma == std::string_view::npos ? flags.size() : comma + 1);
  }
  return {};
}

}  // namespace

Result<Shebang> read_shebang(std::string_view text) {
  Shebang shebang;
  if (!text.starts_with("#!")) return shebang;
  shebang.bytes = text.find('\n');
  if (shebang.bytes == std::string_view::npos) return wrong("Invalid script shebang");
  shebang.there = true;
  const auto words = split_words(text.substr(0, shebang.bytes));
  if (!words || words->empty()) return wrong("Invalid engine in script shebang");
  if (words->front() != "#!lua") {
    return wrong("Unexpected engine in script shebang: ", words->front());
  }
  for (std::size_t i = 1; i < words->size(); ++i) {
    const std::string_view word = (*words)[i];
    if (!word.starts_with("flags=")) return wrong("Unknown lua shebang option: ", word);
    if (auto read = read_flags(word.substr(6), shebang); !read) return read.error();
  }
  return shebang;
}

}  // namespace sojourn::server
