#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sojourn/error.h"
#include "sojourn/reply.h"

// What a NearCache keeps, without the connection. Not for users.
namespace sojourn::detail {

// Values by key, and the readings under way. What is told to have changed is dropped, and so is
// what was being read meanwhile: nobody knows which of the two the server did first. Of several
// readings at once the first to end is kept, and dropped if another one says otherwise. So nobody
// is given what is older than what he was given before.
//
// Threading: any thread.
class NearStore : public std::enable_shared_from_this<NearStore> {
 public:
  using Value = std::optional<std::string>;  // nothing: there is no such key
  using TimePoint = std::chrono::steady_clock::time_point;
  using Now = std::function<TimePoint()>;

  struct Limits {
    std::size_t entries_max = 0;
    std::size_t bytes_max = 0;
    std::chrono::milliseconds age_max{};  // zero: no limit
  };
  struct Figures {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t invalidations = 0;  // keys that the server said have changed
    std::uint64_t raced = 0;          // values that were not kept since they may have been old
    std::size_t entries = 0;
    std::size_t bytes = 0;
  };

  explicit NearStore(Limits limits, Now now = std::chrono::steady_clock::now);

  // One value on its way from the server.
  class Reading {
   public:
    Reading(std::shared_ptr<NearStore> store, std::string key, std::uint64_t begun)
        : store_(std::move(store)), key_(std::move(key)), begun_(begun) {}
    ~Reading() { store_->end(*this, nullptr); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

    // What the reply says, which is kept if nothing has made it doubtful.
    Result<Value> take(Result<Replies> result);

   private:
    friend class NearStore;
    const std::shared_ptr<NearStore> store_;
    const std::string key_;
    const std::uint64_t begun_;
    bool ended_ = false;
  };

  // What is kept under the key.
  std::optional<Value> find(std::string_view key);
  // Before the request is sent.
  std::unique_ptr<Reading> begin(std::string_view key);

  void on_push(const Reply& push);
  void drop(std::string_view key);
  void drop_all();

  Figures figures() const;

 private:
  // Readings of one key.
  struct Doubt {
    std::size_t readings = 0;
    std::uint64_t changed = 0;  // those begun before are doubtful
  };
  struct Entry {
    Value value;
    TimePoint read_at;
    std::list<std::string>::iterator order;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  void end(Reading& reading, const Value* value);
  void keep(const std::string& key, const Value& value);
  void drop_locked(std::string_view key);
  void erase(Entries::iterator entry);
  static std::size_t bytes_of(const std::string& key, const Value& value);

  const Limits limits_;
  const Now now_;

  mutable std::mutex mutex_;
  Entries entries_;
  std::list<std::string> order_;  // the key used last is the first
  std::map<std::string, Doubt, std::less<>> readings_;
  std::uint64_t count_ = 0;  // of readings begun and changes told, in their order
  std::uint64_t all_changed_ = 0;
  Figures figures_;
};

}  // namespace sojourn::detail
