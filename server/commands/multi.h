#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/request_parser.h"
#include "server/base/hash_secret.h"
#include "server/cache/watches.h"
#include "server/commands/command.h"

namespace sojourn::server {

// A request that waits for EXEC, with its words.
class QueuedRequest {
 public:
  QueuedRequest(const Command& command, protocol::Words words);

  const Command& command() const { return *command_; }
  protocol::Words words() const {
    return {reinterpret_cast<const std::string_view*>(block_.get()), count_};
  }
  std::size_t bytes() const { return sizeof *this + block_bytes_; }

 private:
  const Command* command_;
  std::size_t count_;
  std::size_t block_bytes_;
  std::unique_ptr<std::byte[]> block_;  // the words, as views, and behind them their bytes
};

// What MULTI and WATCH have made of a connection. Its worker's alone.
class Multi {
 public:
  // --- between MULTI and EXEC ---
  bool open() const { return open_; }
  void begin() { open_ = true; }
  // A request could not be queued: EXEC will refuse.
  bool spoilt() const { return spoilt_; }
  void spoil() { spoilt_ = true; }
  void queue(const Command& command, protocol::Words words);
  std::span<const QueuedRequest> queued() const { return queued_; }
  // What is true of any request that is queued.
  bool any(Flags flags) const { return (flags_ & flags) != 0; }

  // --- watched keys ---
  // `within` holds the key. A key that is watched already is watched from then on.
  void watch(const Keyspace& keyspace, Transaction& within, const Key& key);
  void unwatch();
  void append_watched(std::vector<Key>& keys) const;
  // `within` holds all of them.
  bool changed(Transaction& within) const;

  // What all of it takes, as part of what the connection has sent and was not run.
  std::size_t bytes() const { return queued_bytes_ + watched_bytes_; }
  std::size_t queued_bytes() const { return queued_bytes_; }
  std::size_t queued_count() const { return queued_count_; }
  // The figures alone.
  std::unique_ptr<Multi> figures() const;

 private:
  bool open_ = false;
  bool spoilt_ = false;
  std::uint64_t flags_ = 0;
  std::size_t queued_count_ = 0;
  std::size_t queued_bytes_ = 0;
  std::size_t watched_bytes_ = 0;
  std::vector<QueuedRequest> queued_;
  std::unordered_map<std::string, WatchedKey, SecretHash> watched_;  // by database and name
};

// A connection's own; null for most. Copies of its state, made for others to look at, have the
// figures of it.
class OwnMulti {
 public:
  OwnMulti();
  ~OwnMulti();
  OwnMulti(const OwnMulti& other);
  OwnMulti(OwnMulti&&) noexcept;
  OwnMulti& operator=(const OwnMulti& other);
  OwnMulti& operator=(OwnMulti&&) noexcept;

  explicit operator bool() const { return multi_ != nullptr; }
  Multi& operator*() const { return *multi_; }
  Multi* operator->() const { return multi_.get(); }
  Multi& make();  // the one there is, or a new one
  void reset() { multi_.reset(); }

  bool open() const { return multi_ != nullptr && multi_->open(); }
  std::size_t bytes() const { return multi_ != nullptr ? multi_->bytes() : 0; }

 private:
  std::unique_ptr<Multi> multi_;
};

}  // namespace sojourn::server
