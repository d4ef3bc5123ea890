// A user logs in to one clone of a web application and is known to the other; neither clone keeps
// anything. Two clients play the clones.
//
//   login [HOST PORT | UNIX-SOCKET]
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sojourn/sessions.h"

namespace {

template <typename T>
T must(const char* step, sojourn::Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s: %s\n", step, result.error().message().c_str());
    std::exit(1);
  }
  std::printf("%s\n", step);
  return *std::move(result);
}

void must(const char* step, const sojourn::Result<void>& result) {
  must(step, result ? sojourn::Result<bool>(true) : sojourn::Result<bool>(result.error()));
}

void expect(const char* what, bool holds) {
  std::printf("  %s: %s\n", what, holds ? "yes" : "NO");
  if (!holds) std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  sojourn::Options options;
  if (argc == 2) options.unix_socket = argv[1];
  if (argc == 3) {
    options.host = argv[1];
    options.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  }
  sojourn::Client client_a(options);
  sojourn::Client client_b(options);
  sojourn::Sessions clone_a(client_a);
  sojourn::Sessions clone_b(client_b);

  const std::string visitor = sojourn::Sessions::new_id();
  must("clone A: a visitor comes", clone_a.save(visitor, R"({"cart":1})"));

  const std::string user = sojourn::Sessions::new_id();
  expect("the session moves to a new id at the login",
         must("clone A: the visitor logs in", clone_a.renew(visitor, user)));
  must("clone A: saves the user", clone_a.save(user, R"({"cart":1,"user":"alice"})"));

  const auto loaded = must("clone B: the user's next request", clone_b.load(user));
  expect("the user is known", loaded == R"({"cart":1,"user":"alice"})");
  expect("the id from before the login is worth nothing",
         !must("clone B: the old id is tried", clone_b.load(visitor)));
  expect("the session lives on", must("clone B: touches the session", clone_b.touch(user)));

  must("clone B: the user logs out", clone_b.end(user));
  expect("the user is unknown", !must("clone A: the user's next request", clone_a.load(user)));
  expect("a request still under way cannot bring the session back",
         !must("clone A: saves what it had loaded", clone_a.update(user, "{}")));
  return 0;
}
