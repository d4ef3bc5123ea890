#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "server/pubsub/channels.h"

namespace sojourn::server {

// What one connection is subscribed to; takes memory only while that is anything. Its worker's
// alone. Copies, made for others to look at, know the numbers only.
class Subscriptions {
 public:
  using Names = std::set<std::string, std::less<>>;

  Subscriptions() = default;
  Subscriptions(const Subscriptions& other) { *this = other; }
  Subscriptions(Subscriptions&&) = default;
  Subscriptions& operator=(const Subscriptions& other);
  Subscriptions& operator=(Subscriptions&&) = default;

  bool any() const { return kept_ != nullptr; }
  std::size_t count(TopicKind kind) const {
    return any() ? kept_->counts[static_cast<std::size_t>(kind)] : 0;
  }
  // About what they take, here and in the lists that are kept of them.
  std::size_t bytes() const { return any() ? kept_->bytes : 0; }
  Names names(TopicKind kind) const;

  // False when there is nothing to change.
  bool add(Topic topic);
  bool remove(Topic topic);

 private:
  struct Kept {
    std::array<std::uint32_t, 3> counts{};
    std::size_t bytes = 0;
    std::array<Names, 3> names;
  };
  std::unique_ptr<Kept> kept_;
};

struct ConnectionState;

// The connection has ended, or shall be as it was when it began: it is subscribed to nothing.
void forget_subscriptions(Channels& channels, ConnectionState& connection);

}  // namespace sojourn::server
