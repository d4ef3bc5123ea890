#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_writer.h"

namespace sojourn::server {

// What a connection subscribes to: a channel by its name, all channels whose names fit a pattern,
// or a channel of a shard, which is a world of its own. And another world, with one topic that has
// no name: what MONITOR shows.
enum class TopicKind : std::uint8_t { channel, pattern, shard_channel, monitor };
inline constexpr std::size_t kTopicKinds = 4;

struct Topic {
  TopicKind kind = TopicKind::channel;
  std::string_view name;
};

// One message as one subscriber gets it. The bytes are everybody's: RESP2 and RESP3 differ in the
// first only, and only where the head is an array's.
struct Delivery {
  std::string_view head;  // in RESP2
  std::string_view tail;
  bool last = false;  // who gets it is cut off: too much has come for him
  // The place in the journal that must be released before anybody may see it; 0: none.
  std::uint64_t after = 0;

  std::size_t bytes() const { return head.size() + tail.size(); }
  void append_to(std::string& out, protocol::Version version) const;
};

// What was published on a channel, encoded once for all who get it.
// Threading: constant once fits() was told of all patterns.
class Message {
 public:
  Message(Topic channel, std::string_view payload, std::uint64_t after);
  // The end for all who are subscribed to the topic.
  static std::shared_ptr<const Message> last(Topic topic);

  // Subscribers of this pattern get it too.
  void fits(std::string pattern) { patterns_.push_back(std::move(pattern)); }

  const Topic& channel() const { return channel_; }
  const std::vector<std::string>& patterns() const { return patterns_; }
  std::size_t bytes() const { return text_.size(); }

  Delivery to_subscriber() const;
  // `head` must outlive what is returned: see head_for().
  Delivery to_pattern_subscriber(std::string_view head) const;
  static std::string head_for(std::string_view pattern);

 private:
  std::string text_;
  std::size_t head_bytes_ = 0;
  Topic channel_;
  std::vector<std::string> patterns_;
  const std::uint64_t after_;
  bool last_ = false;
};

}  // namespace sojourn::server
