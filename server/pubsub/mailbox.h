#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "server/pubsub/message.h"
#include "server/tracking/invalidation.h"

namespace sojourn::server {

// A worker's side of publishing: the messages that came for its connections, and which of these
// want them; and what those are told that keep copies of keys. Whoever publishes puts a message in
// and goes on; the worker hands it out in its turn. Messages are handed out in the order in which
// they were put in.
//
// Threading: as marked.
class Mailbox {
 public:
  using Wake = std::function<void()>;
  using Deliver = std::function<void(std::uint64_t connection, const Delivery&)>;
  using Tell = std::function<void(std::uint64_t connection, const Invalidation&)>;

  // `waiting_bytes` counts what is in all mailboxes.
  explicit Mailbox(std::atomic<std::size_t>& waiting_bytes) : waiting_bytes_(waiting_bytes) {}

  // --- before the first message ---
  // `wake` is called by whoever puts a message into an empty mailbox; `deliver` and `tell` by
  // deliver().
  void serve(
      Wake wake, Deliver deliver, Tell tell = [](std::uint64_t, const Invalidation&) {});

  // --- any thread ---
  void put(std::shared_ptr<const Message> message) { put_mail(std::move(message)); }
  void put(Invalidation invalidation) { put_mail(std::move(invalidation)); }
  bool waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // --- its worker's thread ---
  void add(Topic topic, std::uint64_t connection);
  void remove(Topic topic, std::uint64_t connection);
  // Connections that are told what everybody is told.
  void add_tracking(std::uint64_t connection) { tracking_.insert(connection); }
  void remove_tracking(std::uint64_t connection) { tracking_.erase(connection); }
  // Hands out what came, all of it or until `end`; true when nothing is left.
  bool deliver(std::chrono::steady_clock::time_point end);
  void deliver_all() { deliver(std::chrono::steady_clock::time_point::max()); }

 private:
  using Mail = std::variant<std::shared_ptr<const Message>, Invalidation>;
  // Ordered, since names are chosen by strangers: no choice of theirs makes a look-up slow.
  using Wanted = std::map<std::string, std::unordered_set<std::uint64_t>, std::less<>>;

  Wanted& wanted(TopicKind kind) { return wanted_[static_cast<std::size_t>(kind)]; }
  static std::size_t bytes(const Mail& mail);
  void put_mail(Mail mail);
  void hand_out(const Mail& mail);
  void hand_out(const Message& message);
  void hand_out(const Invalidation& invalidation);
  void hand_out(const Delivery& delivery, Topic topic);
  bool take_more();

  Wake wake_ = [] {};
  Deliver deliver_ = [](std::uint64_t, const Delivery&) {};
  Tell tell_ = [](std::uint64_t, const Invalidation&) {};
  std::array<Wanted, kTopicKinds> wanted_;
  std::unordered_set<std::uint64_t> tracking_;
  std::vector<Mail> taken_;  // out of arrived_
  std::size_t next_ = 0;     // of taken_

  std::atomic<std::size_t>& waiting_bytes_;
  std::atomic<bool> waiting_{false};
  std::mutex mutex_;
  std::vector<Mail> arrived_;  // guarded by mutex_
};

}  // namespace sojourn::server
