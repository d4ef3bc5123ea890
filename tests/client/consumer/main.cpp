#include <sojourn/sessions.h>

#include <cstdlib>

// Needs no server: what is proved is that the installed headers and library are whole.
int main() {
  sojourn::Client client(
      {.unix_socket = "/nobody/listens/here", .request_timeout = std::chrono::milliseconds(20)});
  sojourn::Sessions sessions(client, {.idle = std::chrono::minutes(30)});
  const auto session = sessions.load(sojourn::Sessions::new_id());
  const bool as_expected = !session && session.error().code == sojourn::Errc::not_connected;
  return as_expected ? EXIT_SUCCESS : EXIT_FAILURE;
}
