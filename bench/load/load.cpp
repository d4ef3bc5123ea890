#include "bench/load/load.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bench/load/channel.h"
#include "bench/load/request_maker.h"

namespace sojourn::load {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kReplyHeadBytes = 64;  // more than any line that frames a value
constexpr int kSilenceMsMax = 30'000;
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
  Impl(const Options& options, const Share& share);
  Result run();

 private:
  bool may_ask(Clock::time_point now) const;
  void start_burst(Connection& connection, Clock::time_point now);
  void send(Connection& connection);
  void receive(Connection& connection);
  std::string_view take_replies(Connection& connection, std::string_view input);
  void count(const Asked& asked, const ScannedReply& reply);
  void watch(Connection& connection, int operation);

  const Options options_;
  std::uint64_t left_;
  RequestMaker maker_;
  Descriptor epoll_;
  std::vector<Connection> connections_;
  std::size_t busy_ = 0;
  std::vector<char> input_;
  Clock::time_point until_ = Clock::time_point::max();
  Result result_;
};

Load::Impl::Impl(const Options& options, const Share& share)
    : options_(options),
      left_(share.requests),
      maker_(options, share.seed, share.first_filled),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      input_(kReadBytes + options.value_bytes + kReplyHeadBytes) {
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

void Load::Impl::start_burst(Connection& connection, Clock::time_point now) {
  std::optional<Asked> previous;
  if (!connection.asked.empty()) previous = connection.asked.back();
  connection.asked.clear();
  connection.requests.clear();
  connection.sent = connection.answered = 0;
  if (!may_ask(now)) return;
  const std::uint64_t burst = std::min<std::uint64_t>(left_, options_.in_flight);
  left_ -= burst;
  for (std::uint64_t i = 0; i < burst; ++i) {
    previous = maker_.append(previous, connection.requests);
    connection.asked.push_back(*previous);
  }
  ++busy_;
  connection.began = Clock::now();
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
    result_.latencies.add(now - connection.began, answers);
    if (!connection.busy()) {
      --busy_;
      start_burst(connection, now);
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

Result Load::Impl::run() {
  result_.began = Clock::now();
  if (options_.duration.count() > 0) until_ = result_.began + options_.duration;
  for (Connection& connection : connections_) start_burst(connection, result_.began);
  std::array<epoll_event, 256> events;
  while (busy_ > 0) {
    const int ready = ::epoll_wait(epoll_.number(), events.data(), events.size(), kSilenceMsMax);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    if (ready == 0) throw std::runtime_error("the server has been silent for half a minute");
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (connection.waits_to_send) send(connection);
      if (events[static_cast<std::size_t>(i)].events & ~EPOLLOUT) receive(connection);
    }
  }
  result_.ended = Clock::now();
  return std::move(result_);
}

Load::Load(const Options& options, const Share& share)
    : impl_(std::make_unique<Impl>(options, share)) {}
Load::~Load() = default;

Result Load::run() { return impl_->run(); }

}  // namespace sojourn::load
