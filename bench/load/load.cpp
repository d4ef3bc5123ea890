#include "bench/load/load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bench/load/channel.h"
#include "bench/load/request_maker.h"

namespace sojourn::load {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kReplyHeadBytes = 64;  // more than any line that frames a value
constexpr std::chrono::milliseconds kSilenceMax{30'000};
// With a rate, what is due is sent at most this often: woken for each burst, the load would need
// all of its core and measure itself.
constexpr std::chrono::microseconds kSendEvery{100};
constexpr std::size_t kComplaintBytesMax = 200;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

struct Connection {
  explicit Connection(const Options& options) : channel(options) {}

  Channel channel;
  std::string requests;  // the burst, and how much of it is sent
  std::size_t sent = 0;
  bool waits_to_send = false;
  Clock::time_point began{};
  Clock::time_point due{};   // of the next burst, if there is a rate
  std::vector<Asked> asked;  // the burst, and how much of it is answered
  std::size_t answered = 0;
  std::string begun_reply;

  bool busy() const { return answered < asked.size(); }
};

}  // namespace

void Result::merge(const Result& other) {
  latencies.merge(other.latencies);
  missing += other.missing;
  errors += other.errors;
  wrong += other.wrong;
  if (first_complaint.empty()) first_complaint = other.first_complaint;
  began = began == Clock::time_point{} ? other.began : std::min(began, other.began);
  ended = std::max(ended, other.ended);
}

class Load::Impl {
 public:
  Impl(const Options& options, const Share& share, TellSlice tell_slice);
  Result run();

 private:
  bool may_ask(Clock::time_point now) const;
  bool open() const { return options_.rate > 0; }
  bool more_are_due() const { return open() && may_ask(turn_due_); }
  void begin();
  void start_due(Clock::time_point now);
  void go_on(Connection& connection, Clock::time_point now);
  void start_burst(Connection& connection, Clock::time_point due);
  void send(Connection& connection);
  void receive(Connection& connection);
  std::string_view take_replies(Connection& connection, std::string_view input);
  void count(const Asked& asked, const ScannedReply& reply);
  std::span<const epoll_event> wait();
  void end_slice(Clock::time_point now);
  void watch(Connection& connection, int operation);

  const Options options_;
  std::uint64_t left_;
  RequestMaker maker_;
  Descriptor epoll_;
  std::vector<Connection> connections_;
  std::size_t busy_ = 0;
  std::vector<char> input_;
  std::array<epoll_event, 256> events_;
  Clock::time_point until_ = Clock::time_point::max();
  Clock::time_point moved_{};  // when something was last sent or received
  Result result_;

  // With a rate the connections' bursts are due in turn.
  Clock::duration between_turns_{};
  std::size_t turn_ = 0;
  Clock::time_point turn_due_{};
  Clock::time_point may_send_{};

  const TellSlice tell_slice_;
  Clock::time_point slice_began_{};
  Histogram slice_;
};

Load::Impl::Impl(const Options& options, const Share& share, TellSlice tell_slice)
    : options_(options),
      left_(share.requests),
      maker_(options, share.seed, share.first_filled),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      input_(kReadBytes + options.value_bytes + kReplyHeadBytes),
      tell_slice_(std::move(tell_slice)) {
  if (epoll_.number() < 0) fail("epoll_create1");
  connections_.reserve(share.connections);
  for (std::size_t i = 0; i < share.connections; ++i) {
    connections_.emplace_back(options);
    watch(connections_.back(), EPOLL_CTL_ADD);
  }
}

void Load::Impl::watch(Connection& connection, int operation) {
  epoll_event event{};
  event.events = connection.waits_to_send ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &connection;
  if (::epoll_ctl(epoll_.number(), operation, connection.channel.socket(), &event) != 0) {
    fail("epoll_ctl");
  }
}

bool Load::Impl::may_ask(Clock::time_point now) const { return left_ > 0 && now < until_; }

void Load::Impl::begin() {
  result_.began = moved_ = slice_began_ = Clock::now();
  if (options_.duration.count() > 0) until_ = result_.began + options_.duration;
  if (!open()) {
    for (Connection& connection : connections_) start_burst(connection, result_.began);
    return;
  }
  // What is due in a few microseconds must not be sent 50 later, as timers are by default.
  ::prctl(PR_SET_TIMERSLACK, 1);
  // All threads' connections take turns evenly spread, too: each thread has as many as its share.
  const double rate = options_.rate * static_cast<double>(connections_.size()) /
                      static_cast<double>(options_.connections);
  between_turns_ = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(static_cast<double>(options_.in_flight) / rate));
  turn_due_ = result_.began;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].due = turn_due_ + i * between_turns_;
  }
}

// Whoever is still busy sends when it has its replies.
void Load::Impl::start_due(Clock::time_point now) {
  if (now < may_send_ || now < turn_due_) return;
  may_send_ = now + kSendEvery;
  for (; turn_due_ <= now && may_ask(turn_due_); turn_due_ += between_turns_) {
    Connection& connection = connections_[turn_];
    if (!connection.busy()) go_on(connection, now);
    turn_ = (turn_ + 1) % connections_.size();
  }
}

// What a connection does that is not busy.
void Load::Impl::go_on(Connection& connection, Clock::time_point now) {
  if (!open()) return start_burst(connection, now);
  if (connection.due > now) return;
  start_burst(connection, connection.due);
  connection.due += between_turns_ * connections_.size();
}

void Load::Impl::start_burst(Connection& connection, Clock::time_point due) {
  std::optional<Asked> previous;
  if (!connection.asked.empty()) previous = connection.asked.back();
  connection.asked.clear();
  connection.requests.clear();
  connection.sent = connection.answered = 0;
  if (!may_ask(due)) return;
  const std::uint64_t burst = std::min<std::uint64_t>(left_, options_.in_flight);
  left_ -= burst;
  for (std::uint64_t i = 0; i < burst; ++i) {
    previous = maker_.append(previous, connection.requests);
    connection.asked.push_back(*previous);
  }
  ++busy_;
  moved_ = Clock::now();
  connection.began = open() ? due : moved_;
  send(connection);
}

void Load::Impl::send(Connection& connection) {
  connection.sent +=
      connection.channel.send(std::string_view(connection.requests).substr(connection.sent));
  const bool waits = connection.sent < connection.requests.size();
  if (std::exchange(connection.waits_to_send, waits) != waits) watch(connection, EPOLL_CTL_MOD);
}

void Load::Impl::receive(Connection& connection) {
  const std::size_t begun = connection.begun_reply.copy(input_.data(), input_.size());
  const std::size_t received =
      connection.channel.receive(input_.data() + begun, input_.size() - begun);
  if (received == 0) return;
  const std::size_t had_answered = connection.answered;
  const std::size_t bytes = begun + received;
  connection.begun_reply = take_replies(connection, {input_.data(), bytes});
  const Clock::time_point now = Clock::now();
  if (const std::size_t answers = connection.answered - had_answered; answers > 0) {
    moved_ = now;
    result_.latencies.add(now - connection.began, answers);
    if (tell_slice_) slice_.add(now - connection.began, answers);
    if (!connection.busy()) {
      --busy_;
      go_on(connection, now);
    }
  }
}

// What is left over is the begin of a reply.
std::string_view Load::Impl::take_replies(Connection& connection, std::string_view input) {
  while (!input.empty()) {
    const ScannedReply reply = scan_reply(input);
    if (reply.shape == ScannedReply::Shape::incomplete) break;
    if (!connection.busy()) throw std::runtime_error("the server replied unasked");
    count(connection.asked[connection.answered++], reply);
    input.remove_prefix(reply.size);
    if (reply.shape == ScannedReply::Shape::strange) {
      throw std::runtime_error("not a reply to what was asked: " + result_.first_complaint);
    }
  }
  return input;
}

void Load::Impl::count(const Asked& asked, const ScannedReply& reply) {
  switch (maker_.judge(asked, reply)) {
    case Verdict::right:
      return;
    case Verdict::missing:
      ++result_.missing;
      return;
    case Verdict::error:
      ++result_.errors;
      break;
    case Verdict::wrong:
      ++result_.wrong;
      break;
  }
  if (result_.first_complaint.empty()) {
    result_.first_complaint = reply.text.substr(0, kComplaintBytesMax);
    std::replace_if(
        result_.first_complaint.begin(), result_.first_complaint.end(),
        [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  }
}

// Until a reply or, with a rate, the next burst is there.
std::span<const epoll_event> Load::Impl::wait() {
  auto longest = std::chrono::duration_cast<Clock::duration>(kSilenceMax);
  if (more_are_due()) {
    const Clock::time_point next = std::max(turn_due_, may_send_);
    longest = std::clamp(next - Clock::now(), Clock::duration::zero(), longest);
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(longest);
  const timespec timeout{seconds.count(), (longest - seconds).count()};
  const int ready =
      ::epoll_pwait2(epoll_.number(), events_.data(), events_.size(), &timeout, nullptr);
  if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
  return {events_.data(), static_cast<std::size_t>(std::max(ready, 0))};
}

void Load::Impl::end_slice(Clock::time_point now) {
  tell_slice_(slice_began_, now, slice_);
  slice_ = Histogram();
  slice_began_ = now;
}

Result Load::Impl::run() {
  begin();
  while (busy_ > 0 || more_are_due()) {
    for (const epoll_event& event : wait()) {
      auto& connection = *static_cast<Connection*>(event.data.ptr);
      if (connection.waits_to_send) send(connection);
      if (event.events & ~EPOLLOUT) receive(connection);
    }
    const Clock::time_point now = Clock::now();
    if (open()) start_due(now);
    if (busy_ > 0 && now - moved_ >= kSilenceMax) {
      throw std::runtime_error("the server has been silent for half a minute");
    }
    if (tell_slice_ && now - slice_began_ >= options_.slice) end_slice(now);
  }
  result_.ended = Clock::now();
  if (tell_slice_) end_slice(result_.ended);
  return std::move(result_);
}

Load::Load(const Options& options, const Share& share, TellSlice tell_slice)
    : impl_(std::make_unique<Impl>(options, share, std::move(tell_slice))) {}
Load::~Load() = default;

Result Load::run() { return impl_->run(); }

}  // namespace sojourn::load
