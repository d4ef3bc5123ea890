#include "server/commands/multi.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace sojourn::server {
namespace {

// What a watched key takes beside its name, here and in the list of all that are watched.
constexpr std::size_t kWatchedKeyBytes = sizeof(WatchedKey) + 160;

std::size_t total_bytes(protocol::Words words) {
  std::size_t bytes = words.size() * sizeof(std::string_view);
  for (const std::string_view word : words) bytes += word.size();
  return bytes;
}

}  // namespace

QueuedRequest::QueuedRequest(const Command& command, protocol::Words words)
    : command_(&command),
      count_(words.size()),
      block_bytes_(total_bytes(words)),
      block_(std::make_unique_for_overwrite<std::byte[]>(block_bytes_)) {
  auto* view = reinterpret_cast<std::string_view*>(block_.get());
  char* at = reinterpret_cast<char*>(view + count_);
  for (const std::string_view word : words) {
    std::copy(word.begin(), word.end(), at);
    new (view++) std::string_view(at, word.size());
    at += word.size();
  }
}

void Multi::queue(const Command& command, protocol::Words words) {
  queued_.emplace_back(command, words);
  queued_bytes_ += queued_.back().bytes();
  queued_count_ = queued_.size();
  flags_ |= command.flags;
}

void Multi::watch(const Keyspace& keyspace, Transaction& within, const Key& key) {
  std::string which(reinterpret_cast<const char*>(&key.database), sizeof key.database);
  which += key.name;
  if (watched_.try_emplace(std::move(which), keyspace, within, key).second) {
    watched_bytes_ += kWatchedKeyBytes + 2 * key.name.size();
  }
}

void Multi::unwatch() {
  watched_.clear();
  watched_bytes_ = 0;
}

void Multi::append_watched(std::vector<Key>& keys) const {
  for (const auto& [which, watched] : watched_) keys.push_back(watched.key());
}

bool Multi::changed(Transaction& within) const {
  return std::ranges::any_of(watched_,
                             [&](const auto& watched) { return watched.second.changed(within); });
}

std::unique_ptr<Multi> Multi::figures() const {
  auto figures = std::make_unique<Multi>();
  figures->open_ = open_;
  figures->queued_count_ = queued_count_;
  figures->queued_bytes_ = queued_bytes_;
  figures->watched_bytes_ = watched_bytes_;
  return figures;
}

OwnMulti::OwnMulti() = default;
OwnMulti::~OwnMulti() = default;
OwnMulti::OwnMulti(OwnMulti&&) noexcept = default;
OwnMulti& OwnMulti::operator=(OwnMulti&&) noexcept = default;
OwnMulti::OwnMulti(const OwnMulti& other)
    : multi_(other.multi_ != nullptr ? other.multi_->figures() : nullptr) {}
OwnMulti& OwnMulti::operator=(const OwnMulti& other) {
  if (this != &other) *this = OwnMulti(other);
  return *this;
}

Multi& OwnMulti::make() {
  if (multi_ == nullptr) multi_ = std::make_unique<Multi>();
  return *multi_;
}

}  // namespace sojourn::server
