#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/pubsub/mailbox.h"
#include "server/pubsub/message.h"

namespace sojourn::server {

// Who listens to which channel, over all workers, and the way of a message to them.
//
// A channel's subscribers all see its messages in the same order, and everybody sees one
// publisher's in the order in which they were published.
// Threading: as marked. Locks are held for look-ups and for putting a message into mailboxes;
// nobody waits for a subscriber.
class Channels {
 public:
  // More than this in the mailboxes, and publishers should wait: the workers do not keep up with
  // handing out, which in Redis is part of publishing itself.
  static constexpr std::size_t kWaitingBytesMax = 16 * 1024 * 1024;

  // Where this worker's messages come to. Made for all workers before anything is published.
  Mailbox& mailbox(std::size_t worker);
  std::size_t workers() const { return mailboxes_.size(); }

  // --- the worker's own thread ---
  // A connection that subscribes gets what is published from now on, one that unsubscribes nothing
  // more: both begin by handing out what was published before. Each is called once for a topic.
  void subscribe(Topic topic, std::size_t worker, std::uint64_t connection);
  void unsubscribe(Topic topic, std::size_t worker, std::uint64_t connection);
  // The same for a connection that has ended; hands out nothing.
  void forget(Topic topic, std::size_t worker, std::uint64_t connection);

  // --- any thread ---
  // Returns how many get it; one that is subscribed to the channel and to patterns counts for each.
  std::size_t publish(Topic channel, std::string_view payload, std::uint64_t after = 0);
  bool behind() const { return waiting_bytes_.load(std::memory_order_relaxed) > kWaitingBytesMax; }
  // Much further than publishers alone could bring it, since these wait.
  bool far_behind() const {
    return waiting_bytes_.load(std::memory_order_relaxed) > 4 * kWaitingBytesMax;
  }
  // Ends who is subscribed to the topic, behind what waits for him already.
  void cut_off(Topic topic);
  // Nobody is subscribed to anything that an ordinary message could reach.
  bool silent() const { return count(TopicKind::channel) == 0 && count(TopicKind::pattern) == 0; }

  std::size_t count(TopicKind kind) const {  // topics that have subscribers
    return counts_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
  }
  std::size_t subscribers(Topic topic) const;
  // Calls `visit` with the names of up to `most` topics of this kind that have subscribers, after
  // `place`, which moves on; false at the end. Who was there all the time is visited once.
  struct Place {
    std::size_t stripe = 0;
    std::optional<std::string> last;
  };
  template <class Visit>
  bool walk(TopicKind kind, Place& place, std::size_t most, Visit&& visit) const;

 private:
  static constexpr std::size_t kStripes = 64;

  struct Audience {
    std::size_t all = 0;
    std::vector<std::uint32_t> by_worker;
    bool cut_off = false;  // all who are in it were told so

    bool on(std::size_t worker) const { return worker < by_worker.size() && by_worker[worker] > 0; }
    void add(std::size_t worker);
    void remove(std::size_t worker);
  };
  // Ordered, since names are chosen by strangers: no choice of theirs makes a look-up slow.
  using Audiences = std::map<std::string, Audience, std::less<>>;
  // Patterns are all in the first stripe, since a message must be compared with each.
  struct Stripe {
    mutable std::shared_mutex mutex;
    std::array<Audiences, kTopicKinds> audiences;

    Audiences& of(TopicKind kind) { return audiences[static_cast<std::size_t>(kind)]; }
    const Audiences& of(TopicKind kind) const { return audiences[static_cast<std::size_t>(kind)]; }
  };

  static std::size_t stripe_index(Topic topic);
  Stripe& stripe_of(Topic topic) { return stripes_[stripe_index(topic)]; }
  // The patterns that fit go into `message`, their subscribers into `audience`.
  void find_patterns(Message& message, Audience& audience) const;
  bool has_subscribers(Topic channel) const;

  std::array<Stripe, kStripes> stripes_;
  alignas(64) std::array<std::atomic<std::size_t>, kTopicKinds> counts_{};
  alignas(64) std::atomic<std::size_t> waiting_bytes_{0};
  std::vector<std::unique_ptr<Mailbox>> mailboxes_;
};

template <class Visit>
bool Channels::walk(TopicKind kind, Place& place, std::size_t most, Visit&& visit) const {
  for (; place.stripe < kStripes; ++place.stripe, place.last.reset()) {
    const Stripe& stripe = stripes_[place.stripe];
    const std::shared_lock lock(stripe.mutex);
    const Audiences& topics = stripe.of(kind);
    auto next = place.last ? topics.upper_bound(*place.last) : topics.begin();
    for (; next != topics.end(); ++next) {
      if (most-- == 0) return true;
      visit(std::string_view(next->first));
      place.last = next->first;
    }
  }
  return false;
}

}  // namespace sojourn::server
