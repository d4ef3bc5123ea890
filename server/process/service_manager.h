#pragma once

#include <string_view>

namespace sojourn::server {

// Tells systemd what it asked to be told (NOTIFY_SOCKET, Type=notify): "READY=1", "STOPPING=1".
// Does nothing where nobody asked, or nobody listens.
void notify_service_manager(std::string_view state);

}  // namespace sojourn::server
