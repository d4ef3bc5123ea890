#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/base/result.h"
#include "server/commands/connections.h"
#include "server/commands/services.h"
#include "server/config/settings.h"
#include "server/net/current_tls.h"

namespace sojourn::server {

class Listener;
class Worker;
struct ListeningSocket;
struct WorkersShared;

// The server as its peers see it: listening sockets, workers, connections.
//
// Use: listen, start, and at the end stop. Make it before the journal and the keyspace and end it
// after them: their threads may call back into it until they are gone. They and everything else in
// Services must be there from start() to stop().
// Threading: one thread, except for what Connections promises.
class Server final : public Connections {
 public:
  // `on_shutdown` is called by a command that ends the server, on a worker: it must only tell the
  // thread that will call stop().
  explicit Server(std::function<void()> on_shutdown = [] {});
  ~Server() override;

  // Reads the certificates that the settings name. To be done before anybody is listened to with
  // TLS, and again whenever they are to be exchanged: new connections get them from
  // use_loaded_tls() on. The error says what is wrong with them; all stays as it was then.
  // Threading: any thread, one at a time.
  Result<void> load_tls(const Settings& settings) { return tls_.prepare(settings); }
  void use_loaded_tls() { tls_.use_prepared(); }

  // All that the settings name. The error says what could not be listened on, and why.
  Result<void> listen(const Settings& settings);
  // One address; port 0 takes a free one. Returns the port.
  Result<std::uint16_t> listen_tcp(const std::string& address, std::uint16_t port,
                                   int backlog = 511, bool tls = false);
  Result<void> listen_unix(const std::string& path, std::uint32_t permissions, int backlog = 511);

  static std::size_t workers_for(const Settings& settings);
  // Serves from here on.
  void start(Services& services, std::size_t workers);
  // Accepts and reads no more, finishes what was read, sends what may leave, and closes: within
  // half a second, after which whoever still does not read is cut off. Scripts that are slow are
  // given up.
  void stop();

  // --- Connections ---
  std::vector<ConnectionState> list(const ConnectionState& self) const override;
  std::optional<std::size_t> worker_of(std::uint64_t id) const override;
  void close(const std::vector<std::uint64_t>& ids) override;
  void review() override;
  void pause(Pause what, Time until) override;
  Pause paused(Time now) const override;
  std::size_t count() const override;
  void shutdown() override;

 private:
  Result<void> listen_to_all(const Settings& settings, std::uint16_t port, bool tls);
  void drain();
  void remove_unix_socket();

  std::function<void()> on_shutdown_;
  std::vector<ListeningSocket> listening_;
  std::string unix_path_;
  CurrentTls tls_;
  std::unique_ptr<WorkersShared> shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::thread> threads_;
  // What is paused and until when, in one word, since every request looks at it.
  std::atomic<std::int64_t> pause_{0};
};

}  // namespace sojourn::server
