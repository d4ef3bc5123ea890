#include "server/commands/subscriptions.h"

#include "server/commands/connection_state.h"

namespace sojourn::server {
namespace {

// A name is kept by the connection, by its worker and by the list of all channels.
constexpr std::size_t bytes_of(std::string_view name) {
  constexpr std::size_t kCopies = 3;
  constexpr std::size_t kNodeBytes = 128;
  return kCopies * (name.size() + kNodeBytes);
}

}  // namespace

Subscriptions& Subscriptions::operator=(const Subscriptions& other) {
  if (this == &other) return *this;
  kept_.reset();
  if (!other.any()) return *this;
  kept_ = std::make_unique<Kept>();
  kept_->counts = other.kept_->counts;
  return *this;
}

Subscriptions::Names Subscriptions::names(TopicKind kind) const {
  return any() ? kept_->names[static_cast<std::size_t>(kind)] : Names{};
}

bool Subscriptions::add(Topic topic) {
  if (!any()) kept_ = std::make_unique<Kept>();
  const auto kind = static_cast<std::size_t>(topic.kind);
  if (!kept_->names[kind].emplace(topic.name).second) return false;
  ++kept_->counts[kind];
  kept_->bytes += bytes_of(topic.name);
  return true;
}

bool Subscriptions::remove(Topic topic) {
  if (!any()) return false;
  const auto kind = static_cast<std::size_t>(topic.kind);
  const auto found = kept_->names[kind].find(topic.name);
  if (found == kept_->names[kind].end()) return false;
  // The topic's name may be a view into what is erased.
  kept_->bytes -= bytes_of(topic.name);
  kept_->names[kind].erase(found);
  --kept_->counts[kind];
  if (kept_->counts == std::array<std::uint32_t, 3>{}) kept_.reset();
  return true;
}

void forget_subscriptions(Channels& channels, ConnectionState& connection) {
  const auto worker = static_cast<std::size_t>(connection.worker);
  for (const TopicKind kind : {TopicKind::channel, TopicKind::pattern, TopicKind::shard_channel}) {
    for (const std::string& name : connection.subscriptions.names(kind)) {
      channels.forget({kind, name}, worker, connection.id);
    }
  }
  connection.subscriptions = Subscriptions();
}

}  // namespace sojourn::server
