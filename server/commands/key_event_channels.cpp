#include "server/commands/key_event_channels.h"

#include <fmt/format.h>

#include <iterator>

#include "server/commands/services.h"

namespace sojourn::server {
namespace {

// Names its channels by what follows the database's number.
void publish(Channels& channels, std::string_view prefix, const KeyEvent& event,
             std::string_view about, std::string_view payload, JournalPosition after) {
  fmt::memory_buffer name;
  fmt::format_to(std::back_inserter(name), "{}@{}__:", prefix, event.database);
  name.append(about.data(), about.data() + about.size());
  channels.publish({TopicKind::channel, {name.data(), name.size()}}, payload, after);
}

}  // namespace

void publish_key_events(Services& services) {
  services.keyspace.events().tell_to([&channels = *services.channels](const KeyEvent& event,
                                                                      const WantedKeyEvents& wanted,
                                                                      JournalPosition after) {
    if (channels.silent()) return;
    if (wanted.by_key) publish(channels, "__keyspace", event, event.key, event.name, after);
    if (wanted.by_event) publish(channels, "__keyevent", event, event.name, event.key, after);
  });
  follow_key_event_settings(services, *services.config.current());
}

void follow_key_event_settings(Services& services, const Settings& settings) {
  services.keyspace.events().want(WantedKeyEvents::parse(settings.notify_keyspace_events));
}

}  // namespace sojourn::server
