#pragma once

#include "server/config/settings.h"

namespace sojourn::server {

struct Services;

// From here on what becomes of keys is published on Redis's channels __keyspace@N__:key and
// __keyevent@N__:event, as far as notify-keyspace-events wants it. Before the server serves; the
// services must outlive the keyspace's use.
void publish_key_events(Services& services);

// After a change of the settings.
void follow_key_event_settings(Services& services, const Settings& settings);

}  // namespace sojourn::server
