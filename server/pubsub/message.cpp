#include "server/pubsub/message.h"

namespace sojourn::server {

void Delivery::append_to(std::string& out, protocol::Version version) const {
  const bool push = version == protocol::Version::resp3 && head.starts_with('*');
  out.append(push ? ">" : head.substr(0, 1));
  out.append(head.substr(1));
  out.append(tail);
}

Message::Message(Topic channel, std::string_view payload, std::uint64_t after) : after_(after) {
  constexpr std::size_t kFrameBytes = 80;  // at most, of what stands around the two
  text_.reserve(channel.name.size() + payload.size() + kFrameBytes);
  protocol::ReplyWriter writer(text_);
  channel_ = channel;
  if (channel.kind == TopicKind::monitor) {
    writer.simple(payload);
    head_bytes_ = text_.size();
    return;
  }
  writer.push(3);
  writer.bulk(channel.kind == TopicKind::shard_channel ? "smessage" : "message");
  head_bytes_ = text_.size();
  writer.bulk(channel.name);
  const std::size_t name_end = text_.size() - std::string_view("\r\n").size();
  writer.bulk(payload);
  channel_ = {channel.kind,
              std::string_view(text_).substr(name_end - channel.name.size(), channel.name.size())};
}

std::shared_ptr<const Message> Message::last(Topic topic) {
  auto message = std::make_shared<Message>(topic, std::string_view(), 0);
  message->last_ = true;
  return message;
}

Delivery Message::to_subscriber() const {
  const std::string_view text = text_;
  return {text.substr(0, head_bytes_), text.substr(head_bytes_), last_, after_};
}

Delivery Message::to_pattern_subscriber(std::string_view head) const {
  return {head, std::string_view(text_).substr(head_bytes_), false, after_};
}

std::string Message::head_for(std::string_view pattern) {
  std::string head;
  protocol::ReplyWriter writer(head);
  writer.push(4);
  writer.bulk("pmessage");
  writer.bulk(pattern);
  return head;
}

}  // namespace sojourn::server
