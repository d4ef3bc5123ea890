#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/commands/dispatcher.h"
#include "server/commands/services.h"
#include "server/net/buffer_budget.h"
#include "server/net/connection.h"
#include "server/net/current_tls.h"
#include "server/net/file_descriptor.h"
#include "server/net/lookahead.h"
#include "server/net/output_pool.h"
#include "server/net/published_states.h"
#include "server/net/tls_work.h"
#include "server/net/upkeep_share.h"
#include "server/observe/turn_timer.h"

struct epoll_event;

namespace sojourn::server {

// What all workers have in common.
struct WorkersShared {
  WorkersShared(Services& services, const CurrentTls& tls) : services(services), tls(tls) {}

  Services& services;
  const CurrentTls& tls;
  BufferBudget buffers;
  std::atomic<std::size_t> connections{0};  // accepted and not closed
  std::atomic<std::uint64_t> next_id{1};
};

// One thread with its own connections. It carries a request from socket to socket, in turns:
// whatever sockets are ready are read, the requests that came are run, the journal is handed over
// once, and each connection's output is sent with one call, or held until the journal has released
// it. A turn is short whatever is asked for: for what there is no time left the next one goes on.
//
// All sockets sit in one inner epoll set, level-triggered, which Asio watches as a single
// descriptor: a turn costs the same few system calls for one ready connection as for two hundred,
// and a request costs one recv and one send.
//
// Threading: as marked.
class Worker {
 public:
  Worker(WorkersShared& shared, std::size_t index, std::size_t count);
  ~Worker();

  void run();  // the thread's body, until stop()

  // --- any thread; done soon after by the worker's own ---
  // An accepted socket, counted in WorkersShared::connections; null: without TLS.
  void adopt(FileDescriptor socket, std::shared_ptr<const TlsContext> tls);
  void close(std::vector<std::uint64_t> ids);
  void review();  // see Connections
  // Journal::released() or state() changed. Cheap when nobody here waits for it.
  void journal_progressed();
  // Reads no more, finishes what was read, and calls `done` when all of it is answered.
  void drain(std::function<void()> done);
  void stop();  // closes everything; run() returns

  // --- any thread ---
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  PublishedStates& published() { return published_; }
  // Somebody looks at published(): keep it fresh.
  void refresh_published() { looked_at_.store(true, std::memory_order_relaxed); }

  // --- its own thread, or before run() ---
  boost::asio::io_context& io() { return io_; }
  WorkerMetrics& metrics() { return metrics_; }

 private:
  static constexpr std::size_t kReadyMax = 256;

  // Whatever a worker does it does while one of these lives, which measures it and settles at the
  // end. (What is posted only to schedule a turn needs none.)
  class Turn {
   public:
    explicit Turn(Worker& worker) : worker_(worker) { worker_.turn_timer_.begin(); }
    ~Turn() { worker_.end_turn(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Worker& worker_;
  };

  // worker.cpp: turns
  void watch();
  void serve_sockets();
  void serve_ready();
  void receive_group();
  void run_group();
  void run_backlogs();
  void begin_requests();
  bool time_for_requests() const;
  void schedule_turn();
  void put_off_handshake(Connection& connection);
  bool may_go_on_with_handshakes() const;
  void go_on_with_handshake();
  void serve(Connection& connection, std::uint32_t events);
  void end_turn();
  void settle();
  void finish(Connection& connection, JournalPosition released);
  void send_or_hold(Connection& connection, JournalPosition released);
  void release_held();
  void touch(Connection& connection);
  void update_interest(Connection& connection, JournalPosition released);
  void take_in(FileDescriptor socket, const TlsContext* tls);
  void close_now(Connection& connection);
  void bury();
  void check_drained();
  void refresh_settings();

  // worker_requests.cpp: bytes in, replies out
  void receive(Connection& connection);
  void receive_in_place(Connection& connection);
  void receive_staged(Connection& connection);
  bool received_bytes(Connection& connection, Received received, std::string_view bytes);
  bool hear_tls_news(Connection& connection, std::size_t bytes);
  void tell_tls_trouble(const Connection& connection);
  void run_backlog(Connection& connection);
  // Runs the whole requests in `bytes`, within the turn's bounds; returns the bytes they took. The
  // keys of the first `foreseen` are fetched already.
  std::size_t run_requests(Connection& connection, std::string_view bytes, std::size_t foreseen);
  bool run_request(Connection& connection, protocol::Words words, Time now);
  void take_message(std::uint64_t id, const Delivery& delivery);
  void take_invalidation(std::uint64_t id, const Invalidation& what);
  Connection* listening(std::uint64_t id);
  void told(Connection& connection);
  void hand_out_messages();
  void refuse(Connection& connection, std::string_view error);
  void refuse_http(Connection& connection);
  bool may_warn(std::chrono::steady_clock::time_point& warned_at);
  void wake(std::uint64_t id);
  void resume(std::uint64_t id, Connection::Waiting from);
  void resume(Connection& connection);
  bool unauthenticated(const Connection& connection) const;
  std::size_t unsent_max(const Connection& connection) const;

  // worker_upkeep.cpp: what time and limits ask for
  void arm_timer();
  void wait_until(Connection& connection, Time until);
  void tick();
  void upkeep();
  void schedule_upkeep();
  void resume_due(Time now);
  void end_unauthenticated(Time now);
  void look_through_connections(Time now);
  void look_at(Connection& connection, Time now);
  const OutputLimit& output_limit_of(const Connection& connection) const;
  bool over_output_limit(Connection& connection, Time now);
  void count_buffers(Connection& connection);
  void report_buffers();
  void relieve_memory();
  void note_changed(Connection& connection, bool soon);
  void publish(std::span<Connection* const> changed);
  void publish_now_and_then();

  WorkersShared& shared_;
  Services& services_;
  Journal& journal_;
  WorkerMetrics& metrics_;
  Mailbox& mailbox_;
  const std::size_t index_;
  const std::size_t count_;
  OutputPool outputs_;
  SpareBlock spare_input_;
  Dispatcher dispatcher_;

  boost::asio::io_context io_;
  boost::asio::posix::stream_descriptor sockets_;  // the inner epoll set
  boost::asio::steady_timer timer_;
  std::unique_ptr<epoll_event[]> ready_;  // those from next_ready_ on wait for the next turn
  int next_ready_ = 0;
  int ready_count_ = 0;
  std::size_t requests_this_turn_ = 0;
  std::chrono::microseconds requests_end_{};
  TurnTimer turn_timer_;
  Millis long_turn_{};  // from here on LATENCY remembers it
  Lookahead lookahead_;
  TlsWork tls_work_;
  std::size_t sendable_ = kSentPerTurnMax;  // what is left of it in this turn

  std::shared_ptr<const Settings> settings_;
  std::uint64_t settings_generation_ = 0;
  protocol::Limits limits_;

  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> touched_;   // this turn: something may be to be sent
  std::vector<Connection*> held_;      // their output waits for the journal
  std::vector<Connection*> runnable_;  // their backlog runs next turn
  std::vector<Connection*> changed_now_;
  std::vector<Connection*> changed_later_;
  std::vector<std::uint64_t> overrun_;  // published messages are more than they may leave unread
  std::vector<std::uint64_t> buried_;   // closed; their memory goes at the end of the turn
  using Due = std::pair<Time, std::uint64_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> waiting_until_;
  std::deque<std::uint64_t> handshakes_;  // that wait for their turn, and epoll is not asked
  std::deque<Due> unauthenticated_;       // or shaking hands; in order of their deadlines
  bool turn_scheduled_ = false;
  UpkeepShare upkeep_share_;
  bool upkeep_scheduled_ = false;
  bool upkeep_in_turn_ = false;
  std::ptrdiff_t buffers_unreported_ = 0;
  std::function<void()> drained_;
  bool draining_ = false;
  std::chrono::steady_clock::time_point http_warned_at_{};
  std::chrono::steady_clock::time_point tls_warned_at_{};
  std::chrono::steady_clock::time_point handshake_warned_at_{};
  std::chrono::steady_clock::time_point next_publish_{};
  std::chrono::steady_clock::time_point keep_fresh_until_{};
  std::chrono::steady_clock::time_point next_scan_{};
  std::size_t scanned_ = 0;  // of connections_'s buckets, in the scan that is going on
  std::size_t largest_input_ = 0;
  std::size_t largest_output_ = 0;

  // Read by other threads.
  std::atomic<std::size_t> load_{0};
  std::atomic<bool> awaiting_journal_{false};
  std::atomic<bool> looked_at_{false};
  PublishedStates published_;
};

}  // namespace sojourn::server
