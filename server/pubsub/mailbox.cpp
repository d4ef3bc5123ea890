#include "server/pubsub/mailbox.h"

#include <utility>

namespace sojourn::server {

void Mailbox::serve(Wake wake, Deliver deliver, Tell tell) {
  wake_ = std::move(wake);
  deliver_ = std::move(deliver);
  tell_ = std::move(tell);
}

std::size_t Mailbox::bytes(const Mail& mail) {
  if (const auto* message = std::get_if<0>(&mail)) return (*message)->bytes();
  return std::get<1>(mail).bytes();
}

void Mailbox::put_mail(Mail mail) {
  waiting_bytes_.fetch_add(bytes(mail), std::memory_order_relaxed);
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = arrived_.empty();
    arrived_.push_back(std::move(mail));
    waiting_.store(true, std::memory_order_relaxed);
  }
  if (first) wake_();
}

void Mailbox::add(Topic topic, std::uint64_t connection) {
  Wanted& topics = wanted(topic.kind);
  auto found = topics.find(topic.name);
  if (found == topics.end()) found = topics.try_emplace(std::string(topic.name)).first;
  found->second.insert(connection);
}

void Mailbox::remove(Topic topic, std::uint64_t connection) {
  Wanted& topics = wanted(topic.kind);
  const auto found = topics.find(topic.name);
  if (found == topics.end()) return;
  found->second.erase(connection);
  if (found->second.empty()) topics.erase(found);
}

bool Mailbox::deliver(std::chrono::steady_clock::time_point end) {
  constexpr std::size_t kLooksAtTheClock = 16;  // messages to one reading
  for (std::size_t done = 1; take_more(); ++done) {
    const Mail mail = std::move(taken_[next_++]);
    waiting_bytes_.fetch_sub(bytes(mail), std::memory_order_relaxed);
    hand_out(mail);
    if (done % kLooksAtTheClock == 0 && std::chrono::steady_clock::now() >= end) break;
  }
  return !take_more();
}

// True when taken_ has a message left.
bool Mailbox::take_more() {
  constexpr std::size_t kKeptMax = 4096;
  if (next_ < taken_.size()) return true;
  taken_.clear();
  if (taken_.capacity() > kKeptMax) taken_.shrink_to_fit();
  next_ = 0;
  if (!waiting()) return false;
  const std::lock_guard lock(mutex_);
  taken_.swap(arrived_);
  // Whether taken_ has any is what the worker itself knows of; see waiting().
  waiting_.store(!taken_.empty(), std::memory_order_relaxed);
  return !taken_.empty();
}

void Mailbox::hand_out(const Mail& mail) {
  if (const auto* message = std::get_if<0>(&mail)) return hand_out(**message);
  hand_out(std::get<1>(mail));
}

void Mailbox::hand_out(const Invalidation& invalidation) {
  if (invalidation.to == Invalidation::To::everybody) {
    for (const std::uint64_t connection : tracking_) tell_(connection, invalidation);
  } else {
    for (const std::uint64_t connection : invalidation.connections) {
      tell_(connection, invalidation);
    }
  }
}

// As in Redis, a subscriber of the channel and of patterns that fit gets it for each.
void Mailbox::hand_out(const Message& message) {
  hand_out(message.to_subscriber(), message.channel());
  for (const std::string& pattern : message.patterns()) {
    const std::string head = Message::head_for(pattern);
    hand_out(message.to_pattern_subscriber(head), {TopicKind::pattern, pattern});
  }
}

void Mailbox::hand_out(const Delivery& delivery, Topic topic) {
  const Wanted& topics = wanted(topic.kind);
  const auto found = topics.find(topic.name);
  if (found == topics.end()) return;
  for (const std::uint64_t connection : found->second) deliver_(connection, delivery);
}

}  // namespace sojourn::server
