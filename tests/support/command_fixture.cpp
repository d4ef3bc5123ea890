#include "tests/support/command_fixture.h"

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "server/commands/client_tracking.h"
#include "server/commands/generic.h"
#include "server/commands/key_event_channels.h"
#include "server/commands/permissions.h"
#include "tests/support/redis_cli.h"
#include "tests/support/wait_for.h"

namespace sojourn::server {
namespace {

// Longer than any wait for a store in memory can take, however loaded the machine is.
constexpr auto kWaitMax = 30s;

// What a request's `wake` tells: kept alive by both sides, since a wake may come after the request
// has been given up.
struct Wakeup {
  std::mutex mutex;
  std::condition_variable woken;
  bool done = false;

  void wake() {
    const std::lock_guard lock(mutex);
    done = true;
    woken.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex);
    return woken.wait_for(lock, kWaitMax, [this] { return done; });
  }
};

}  // namespace

std::vector<ConnectionState> FakeConnections::list(const ConnectionState& self) const {
  std::vector<ConnectionState> states;
  for (const ConnectionState* state : open) states.push_back(state->id == self.id ? self : *state);
  return states;
}

std::optional<std::size_t> FakeConnections::worker_of(std::uint64_t id) const {
  const bool there =
      std::ranges::any_of(open, [&](const ConnectionState* state) { return state->id == id; });
  return there ? std::optional<std::size_t>(0) : std::nullopt;
}

void FakeConnections::close(const std::vector<std::uint64_t>& ids) {
  closed.insert(closed.end(), ids.begin(), ids.end());
}

void FakeConnections::pause(Pause what, Time until) {
  pause_ = what;
  pause_until_ = until;
}

Connections::Pause FakeConnections::paused(Time now) const {
  return now < pause_until_ ? pause_ : Pause::none;
}

CommandTest::CommandTest(bool on_disk) : on_disk_(on_disk) {
  config.on_change([this](const Settings& changed) {
    apply_encoding_limits(changed, *keyspace);
    if (services) services->gauges->share_memory(*services);
    if (services) follow_key_event_settings(*services, changed);
    if (services) follow_user_settings(*services->users, changed);
  });
  start();
  wait_for([this] { return keyspace->warm(); });
  connect();
}

void CommandTest::review() {
  if (!connections.review_due.exchange(false) || !connections.reviews) return;
  for (auto& client : clients_) {
    ConnectionState& state = client->state;
    if (state.close_after_reply) continue;
    if (!follow_user(*services, state, config.generation())) connections.close({state.id});
  }
}

void CommandTest::configure(std::string_view lines) {
  ASSERT_TRUE(config.read(lines, "test"));
  follow_user_settings(*services->users, *config.current());
}

CommandTest::~CommandTest() { stop(); }

void CommandTest::start() {
  if (on_disk_) {
    auto opened = Journal::open(store, {}, log);
    CHECK(opened.has_value());
    journal = std::move(*opened);
  } else {
    journal = Journal::none();
  }
  auto opened = Keyspace::open({}, clock, *journal, on_disk_ ? &store : nullptr, log);
  CHECK(opened.has_value());
  keyspace = std::move(*opened);
  apply_encoding_limits(*config.current(), *keyspace);
  services = std::make_unique<Services>(
      Services{*keyspace, config, clock, log, connections, metrics, slowlog, registry});
  if (on_disk_) services->store = &store;
  services->gauges->share_memory(*services);
  services->channels->mailbox(0).serve([] {},
                                       [this](std::uint64_t id, const Delivery& delivery) {
                                         Client& client = *clients_.at(id - 1);
                                         client.cut_off_ |= delivery.last;
                                         if (client.cut_off_) return;
                                         delivery.append_to(client.messages_, client.state.version);
                                       },
                                       [this](std::uint64_t id, const Invalidation& what) {
                                         Client& client = *clients_.at(id - 1);
                                         client.messages_ += told_of(*services, client.state, what);
                                       });
  publish_key_events(*services);
  serve_tracking(*services);
  dispatcher_ = std::make_unique<Dispatcher>(*services);
}

void CommandTest::stop() {
  dispatcher_.reset();
  services.reset();
  keyspace.reset();
  journal.reset();
}

void CommandTest::restart() {
  ASSERT_TRUE(journal->flush());
  stop();
  start();
  for (auto& client : clients_) client->state.hold_until = 0;
}

CommandTest::Client& CommandTest::connect() {
  auto client = std::unique_ptr<Client>(new Client(*this));
  client->state.id = clients_.size() + 1;
  client->state.peer_address = "127.0.0.1:" + std::to_string(40000 + client->state.id);
  client->state.local_address = "127.0.0.1:6379";
  client->state.authenticated = true;
  client->state.connected_at = clock.now();
  client->state.last_request_at = clock.now();
  connections.open.push_back(&client->state);
  clients_.push_back(std::move(client));
  return *clients_.back();
}

void CommandTest::upkeep() {
  while (keyspace->upkeep(0, 1, 1000ms)) {
  }
}

std::optional<std::string> CommandTest::Client::try_raw(const std::vector<std::string>& words) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  std::string out;
  auto outcome = Dispatcher::Outcome::done;
  while (true) {
    if (outcome != Dispatcher::Outcome::next_turn) out.clear();
    const auto wakeup = std::make_shared<Wakeup>();
    outcome =
        test_.dispatcher_->run(state, views, out, test_.clock.now(), [wakeup] { wakeup->wake(); });
    if (outcome == Dispatcher::Outcome::wait_until) return std::nullopt;
    if (outcome == Dispatcher::Outcome::done) break;
    if (outcome == Dispatcher::Outcome::next_turn) continue;
    if (!wakeup->wait()) {
      ADD_FAILURE() << "nobody woke " << words.front();
      return out;
    }
  }
  test_.review();
  Journal& journal = *test_.journal;
  journal.end_turn();
  if (journal.released() < state.hold_until) {
    EXPECT_TRUE(journal.flush()) << "the reply of " << words.front() << " would never leave";
  }
  return out;
}

std::optional<protocol::Reply> CommandTest::Client::ask(const std::vector<std::string>& words) {
  std::optional<std::string> bytes = try_raw(words);
  while (!bytes) {
    const Time until = test_.dispatcher_->again_at();
    test_.advance(std::max<Millis>(until - test_.clock.now(), 1ms));
    if (test_.keyspace->spills()) test_.upkeep();  // as workers do while others wait for room
    bytes = try_raw(words);
  }
  if (bytes->empty()) return std::nullopt;
  protocol::ReplyParser parser;
  if (parser.parse(*bytes) != protocol::ReplyParser::Status::reply) {
    ADD_FAILURE() << words.front() << " answered what is no reply: " << *bytes;
    return std::nullopt;
  }
  EXPECT_EQ(parser.consumed(), bytes->size()) << words.front() << " answered more than one reply";
  return parser.take();
}

std::vector<std::string> CommandTest::Client::messages() {
  test_.services->channels->mailbox(0).deliver_all();
  std::vector<std::string> shown;
  std::string_view rest = messages_;
  protocol::ReplyParser parser;
  while (!rest.empty()) {
    if (parser.parse(rest) != protocol::ReplyParser::Status::reply) {
      ADD_FAILURE() << "what came is no message: " << rest;
      break;
    }
    rest.remove_prefix(parser.consumed());
    shown.push_back(show(parser.take()));
  }
  messages_.clear();
  return shown;
}

std::string CommandTest::Client::run_words(const std::vector<std::string>& words) {
  const auto reply = ask(words);
  return reply ? show(*reply) : "";
}

std::string CommandTest::Client::run(std::string_view line) { return run_words(cli_words(line)); }

}  // namespace sojourn::server
