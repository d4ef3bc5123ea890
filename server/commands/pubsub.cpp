#include <algorithm>
#include <string>
#include <string_view>

#include "server/base/glob.h"
#include "server/commands/call.h"
#include "server/commands/help.h"
#include "server/commands/long_array.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

using enum TopicKind;

// How many topics of the same world the connection is subscribed to, as replies tell it.
std::size_t told_count(const ConnectionState& connection, TopicKind kind) {
  const Subscriptions& all = connection.subscriptions;
  if (kind == shard_channel) return all.count(shard_channel);
  return all.count(channel) + all.count(pattern);
}

// Each topic has a reply of its own; `command` says what was done.
void confirm(Call& call, std::string_view command, TopicKind kind, const std::string_view* name) {
  call.reply.push(3);
  call.reply.bulk(command);
  name != nullptr ? call.reply.bulk(*name) : call.reply.null();
  call.reply.unsigned_integer(told_count(call.connection, kind));
}

void subscribe_to(Call& call, TopicKind kind) {
  ConnectionState& connection = call.connection;
  for (const std::string_view name : call.words().subspan(1)) {
    const Topic topic{kind, name};
    if (connection.subscriptions.add(topic)) {
      call.services.channels->subscribe(topic, static_cast<std::size_t>(connection.worker),
                                        connection.id);
    }
    confirm(call, call.command.name, kind, &name);
  }
}

void unsubscribe_from(Call& call, TopicKind kind, std::string_view name) {
  ConnectionState& connection = call.connection;
  const Topic topic{kind, name};
  if (connection.subscriptions.remove(topic)) {
    call.services.channels->unsubscribe(topic, static_cast<std::size_t>(connection.worker),
                                        connection.id);
  }
  confirm(call, call.command.name, kind, &name);
}

void unsubscribe_from(Call& call, TopicKind kind) {
  const auto words = call.words().subspan(1);
  for (const std::string_view name : words) unsubscribe_from(call, kind, name);
  if (!words.empty()) return;
  const Subscriptions::Names names = call.connection.subscriptions.names(kind);
  for (const std::string& name : names) unsubscribe_from(call, kind, name);
  if (names.empty()) confirm(call, call.command.name, kind, nullptr);
}

void subscribe(Call& call) { subscribe_to(call, channel); }
void psubscribe(Call& call) { subscribe_to(call, pattern); }
void ssubscribe(Call& call) { subscribe_to(call, shard_channel); }
void unsubscribe(Call& call) { unsubscribe_from(call, channel); }
void punsubscribe(Call& call) { unsubscribe_from(call, pattern); }
void sunsubscribe(Call& call) { unsubscribe_from(call, shard_channel); }

void publish_on(Call& call, TopicKind kind) {
  const auto words = call.words();
  call.reply.unsigned_integer(call.services.channels->publish({kind, words[1]}, words[2]));
}

void publish(Call& call) { publish_on(call, channel); }
void spublish(Call& call) { publish_on(call, shard_channel); }

// --- PUBSUB ---

struct ChannelsSoFar : Unfinished {
  explicit ChannelsSoFar(protocol::Version version) : names(version) {}
  std::size_t bytes() const override { return names.bytes(); }

  Channels::Place place;
  bool all_seen = false;
  LongArray names;
};

void list_channels(Call& call, TopicKind kind) {
  constexpr std::size_t kLookedAtInATurn = 1000;
  const auto words = call.words();
  if (words.size() > 3) return call.refuse_subcommand();
  auto& so_far = call.so_far<ChannelsSoFar>(call.reply.version());
  if (!so_far.all_seen) {
    so_far.all_seen = !call.services.channels->walk(
        kind, so_far.place, kLookedAtInATurn, [&](std::string_view name) {
          if (words.size() < 3 || glob_match(words[2], name)) so_far.names.bulk(name);
        });
    if (!so_far.all_seen) return call.next_turn();
  }
  if (!so_far.names.write_some(call.reply)) call.next_turn();
}

void count_subscribers(Call& call, TopicKind kind) {
  const auto names = call.words().subspan(2);
  call.reply.array(2 * names.size());
  for (const std::string_view name : names) {
    call.reply.bulk(name);
    call.reply.unsigned_integer(call.services.channels->subscribers({kind, name}));
  }
}

void channels(Call& call) { list_channels(call, channel); }
void shard_channels(Call& call) { list_channels(call, shard_channel); }
void numsub(Call& call) { count_subscribers(call, channel); }
void shard_numsub(Call& call) { count_subscribers(call, shard_channel); }
void numpat(Call& call) { call.reply.unsigned_integer(call.services.channels->count(pattern)); }

constexpr Flags kLook = kPubSub | kLoading | kStale;
constexpr Flags kSubscriber = kLook | kNoScript | kPushes | kWhileSubscribed;
constexpr Flags kPublisher = kLook | kFast | kPublishes;

constexpr std::string_view kPerTopic = "O(N) where N is the number of channels given";
constexpr std::string_view kPerPattern = "O(N) where N is the number of patterns given";
constexpr std::string_view kPerChannel = "O(N) where N is the number of channels in use";

// clang-format off
constexpr Command kPubsubSubcommands[] = {
    {.name = "channels", .arity = at_least(2), .flags = kLook, .group = Group::pubsub,
     .run = channels, .since = "2.8.0", .complexity = kPerChannel, .syntax = "[pattern]",
     .summary = "Returns the channels that have subscribers, or those that fit a pattern."},
    {.name = "help", .arity = exactly(2), .flags = kLoading | kStale, .group = Group::pubsub,
     .run = help, .since = "6.2.0", .complexity = "O(1)",
     .summary = "Lists the subcommands of PUBSUB."},
    {.name = "numpat", .arity = exactly(2), .flags = kLook, .group = Group::pubsub,
     .run = numpat, .since = "2.8.0", .complexity = "O(1)",
     .summary = "Returns how many different patterns have subscribers."},
    {.name = "numsub", .arity = at_least(2), .flags = kLook, .group = Group::pubsub,
     .run = numsub, .since = "2.8.0", .complexity = kPerTopic, .syntax = "[channel [channel ...]]",
     .summary = "Returns how many subscribers channels have, without those of patterns."},
    {.name = "shardchannels", .arity = at_least(2), .flags = kLook, .group = Group::pubsub,
     .run = shard_channels, .since = "7.0.0", .complexity = kPerChannel, .syntax = "[pattern]",
     .summary = "Returns the shard channels that have subscribers, or those that fit a pattern."},
    {.name = "shardnumsub", .arity = at_least(2), .flags = kLook, .group = Group::pubsub,
     .run = shard_numsub, .since = "7.0.0", .complexity = kPerTopic,
     .syntax = "[shardchannel [shardchannel ...]]",
     .summary = "Returns how many subscribers shard channels have."},
};

constexpr Command kPubsubCommands[] = {
    {.name = "psubscribe", .arity = at_least(2), .flags = kSubscriber,
     .channel_words = ChannelWords::patterns, .group = Group::pubsub,
     .run = psubscribe, .since = "2.0.0", .complexity = kPerPattern,
     .syntax = "pattern [pattern ...]",
     .summary = "Sends this connection what is published on channels that fit patterns."},
    {.name = "publish", .arity = exactly(3), .flags = kPublisher,
     .channel_words = ChannelWords::first, .group = Group::pubsub,
     .run = publish, .since = "2.0.0",
     .complexity = "O(N+M) where N is the number of subscribers and M that of all patterns",
     .syntax = "channel message",
     .summary = "Sends a message to all subscribers of a channel and returns how many got it."},
    {.name = "pubsub", .arity = at_least(2), .group = Group::pubsub, .since = "2.8.0",
     .summary = "Contains the commands that look at subscriptions.",
     .subcommands = kPubsubSubcommands},
    {.name = "punsubscribe", .arity = at_least(1), .flags = kSubscriber, .group = Group::pubsub,
     .run = punsubscribe, .since = "2.0.0", .complexity = kPerPattern,
     .syntax = "[pattern [pattern ...]]",
     .summary = "Ends subscriptions to patterns, or all of them."},
    {.name = "spublish", .arity = exactly(3), .flags = kPublisher, .slot_words = {1, 1, 1},
     .channel_words = ChannelWords::first, .group = Group::pubsub, .run = spublish, .since = "7.0.0",
     .complexity = "O(N) where N is the number of subscribers", .syntax = "shardchannel message",
     .summary = "Sends a message to all subscribers of a shard channel; returns how many got it."},
    {.name = "ssubscribe", .arity = at_least(2), .flags = kSubscriber, .slot_words = {1, -1, 1},
     .channel_words = ChannelWords::all, .group = Group::pubsub, .run = ssubscribe, .since = "7.0.0", .complexity = kPerTopic,
     .syntax = "shardchannel [shardchannel ...]",
     .summary = "Sends this connection what is published on shard channels."},
    {.name = "subscribe", .arity = at_least(2), .flags = kSubscriber,
     .channel_words = ChannelWords::all, .group = Group::pubsub,
     .run = subscribe, .since = "2.0.0", .complexity = kPerTopic,
     .syntax = "channel [channel ...]",
     .summary = "Sends this connection what is published on channels."},
    {.name = "sunsubscribe", .arity = at_least(1), .flags = kSubscriber, .slot_words = {1, -1, 1},
     .group = Group::pubsub, .run = sunsubscribe, .since = "7.0.0", .complexity = kPerTopic,
     .syntax = "[shardchannel [shardchannel ...]]",
     .summary = "Ends subscriptions to shard channels, or all of them."},
    {.name = "unsubscribe", .arity = at_least(1), .flags = kSubscriber, .group = Group::pubsub,
     .run = unsubscribe, .since = "2.0.0", .complexity = kPerTopic,
     .syntax = "[channel [channel ...]]",
     .summary = "Ends subscriptions to channels, or all of them."},
};
// clang-format on
static_assert(well_formed(kPubsubCommands));

}  // namespace

std::span<const Command> pubsub_commands() { return kPubsubCommands; }

}  // namespace sojourn::server
