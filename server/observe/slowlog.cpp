#include "server/observe/slowlog.h"

#include <fmt/format.h>

#include <algorithm>

namespace sojourn::server {
namespace {

constexpr std::size_t kWordsMax = 32;
constexpr std::size_t kWordBytesMax = 128;

std::string cut(std::string_view word) {
  if (word.size() <= kWordBytesMax) return std::string(word);
  return fmt::format("{}... ({} more bytes)", word.substr(0, kWordBytesMax),
                     word.size() - kWordBytesMax);
}

}  // namespace

std::vector<std::string> redact(std::span<const std::string_view> words, std::size_t keep) {
  // The word that says how many are missing is one of the 32.
  const std::size_t whole = words.size() <= kWordsMax ? words.size() : kWordsMax - 1;
  std::vector<std::string> shown;
  shown.reserve(std::min(words.size(), kWordsMax));
  for (std::size_t i = 0; i < whole; ++i) {
    shown.push_back(i < keep ? cut(words[i]) : fmt::format("({} bytes)", words[i].size()));
  }
  if (whole < words.size()) {
    shown.push_back(fmt::format("... ({} more arguments)", words.size() - whole));
  }
  return shown;
}

void SlowLog::add(Entry entry, std::size_t entries_max) {
  const std::lock_guard lock(mutex_);
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  if (entries_.size() > entries_max) entries_.resize(entries_max);
}

std::vector<SlowLog::Entry> SlowLog::latest(std::size_t count) const {
  const std::lock_guard lock(mutex_);
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(std::min(count, entries_.size()));
  return {entries_.begin(), end};
}

std::size_t SlowLog::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void SlowLog::reset() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace sojourn::server
