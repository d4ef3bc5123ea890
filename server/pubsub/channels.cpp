#include "server/pubsub/channels.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "server/base/glob.h"

namespace sojourn::server {

void Channels::Audience::add(std::size_t worker) {
  if (by_worker.size() <= worker) by_worker.resize(worker + 1);
  ++by_worker[worker];
  ++all;
  cut_off = false;
}

void Channels::Audience::remove(std::size_t worker) {
  --by_worker[worker];
  --all;
}

std::size_t Channels::stripe_index(Topic topic) {
  if (topic.kind == TopicKind::pattern) return 0;
  return std::hash<std::string_view>{}(topic.name) % kStripes;
}

Mailbox& Channels::mailbox(std::size_t worker) {
  while (mailboxes_.size() <= worker)
    mailboxes_.push_back(std::make_unique<Mailbox>(waiting_bytes_));
  return *mailboxes_[worker];
}

void Channels::subscribe(Topic topic, std::size_t worker, std::uint64_t connection) {
  mailboxes_[worker]->deliver_all();
  mailboxes_[worker]->add(topic, connection);
  Stripe& stripe = stripe_of(topic);
  const std::lock_guard lock(stripe.mutex);
  Audiences& topics = stripe.of(topic.kind);
  auto found = topics.find(topic.name);
  if (found == topics.end()) {
    found = topics.try_emplace(std::string(topic.name)).first;
    counts_[static_cast<std::size_t>(topic.kind)].fetch_add(1, std::memory_order_relaxed);
  }
  found->second.add(worker);
}

void Channels::unsubscribe(Topic topic, std::size_t worker, std::uint64_t connection) {
  mailboxes_[worker]->deliver_all();
  forget(topic, worker, connection);
}

void Channels::forget(Topic topic, std::size_t worker, std::uint64_t connection) {
  mailboxes_[worker]->remove(topic, connection);
  Stripe& stripe = stripe_of(topic);
  const std::lock_guard lock(stripe.mutex);
  Audiences& topics = stripe.of(topic.kind);
  const auto found = topics.find(topic.name);
  if (found == topics.end()) return;
  found->second.remove(worker);
  if (found->second.all > 0) return;
  topics.erase(found);
  counts_[static_cast<std::size_t>(topic.kind)].fetch_sub(1, std::memory_order_relaxed);
}

bool Channels::has_subscribers(Topic channel) const {
  if (count(channel.kind) == 0) return false;
  return subscribers(channel) > 0;
}

void Channels::find_patterns(Message& message, Audience& audience) const {
  if (message.channel().kind != TopicKind::channel || count(TopicKind::pattern) == 0) return;
  const Stripe& stripe = stripes_[0];
  const std::shared_lock lock(stripe.mutex);
  for (const auto& [pattern, listeners] : stripe.of(TopicKind::pattern)) {
    if (!glob_match(pattern, message.channel().name)) continue;
    message.fits(pattern);
    audience.all += listeners.all;
    audience.by_worker.resize(std::max(audience.by_worker.size(), listeners.by_worker.size()));
    for (std::size_t i = 0; i < listeners.by_worker.size(); ++i) {
      audience.by_worker[i] += listeners.by_worker[i];
    }
  }
}

std::size_t Channels::publish(Topic channel, std::string_view payload, std::uint64_t after) {
  const bool patterns = channel.kind == TopicKind::channel && count(TopicKind::pattern) > 0;
  if (!patterns && !has_subscribers(channel)) return 0;
  // What takes long is done before the lock: a long payload is copied, patterns are compared.
  const auto message = std::make_shared<Message>(channel, payload, after);
  Audience audience;
  find_patterns(*message, audience);

  Stripe& stripe = stripe_of(channel);
  // Alone, so that all mailboxes get a channel's messages in the same order.
  const std::lock_guard lock(stripe.mutex);
  const Audiences& topics = stripe.of(channel.kind);
  const auto found = topics.find(channel.name);
  const Audience* const subscribers = found == topics.end() ? nullptr : &found->second;
  for (std::size_t worker = 0; worker < mailboxes_.size(); ++worker) {
    if (audience.on(worker) || (subscribers != nullptr && subscribers->on(worker))) {
      mailboxes_[worker]->put(message);
    }
  }
  return audience.all + (subscribers != nullptr ? subscribers->all : 0);
}

void Channels::cut_off(Topic topic) {
  Stripe& stripe = stripe_of(topic);
  const std::lock_guard lock(stripe.mutex);
  Audiences& topics = stripe.of(topic.kind);
  const auto found = topics.find(topic.name);
  if (found == topics.end() || found->second.cut_off) return;
  found->second.cut_off = true;
  const auto message = Message::last(topic);
  for (std::size_t worker = 0; worker < mailboxes_.size(); ++worker) {
    if (found->second.on(worker)) mailboxes_[worker]->put(message);
  }
}

std::size_t Channels::subscribers(Topic topic) const {
  const Stripe& stripe = stripes_[stripe_index(topic)];
  const std::shared_lock lock(stripe.mutex);
  const Audiences& topics = stripe.of(topic.kind);
  const auto found = topics.find(topic.name);
  return found == topics.end() ? 0 : found->second.all;
}

}  // namespace sojourn::server
