#include "sojourn/client.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "client/src/lane.h"

namespace sojourn {
namespace {

namespace asio = boost::asio;
using detail::Call;
using detail::CallId;
using detail::Completion;
using detail::Lane;
using detail::Meter;

// Lets a thread wait for its call.
class Waiter final : public Completion {
 public:
  std::future<Result<Replies>> future() { return promise_.get_future(); }
  ~Waiter() override {
    if (!told_) promise_.set_value(Error(Errc::closed, "its executor was destroyed"));
  }
  void complete(Result<Replies> result) override {
    told_ = true;
    promise_.set_value(std::move(result));
  }

 private:
  std::promise<Result<Replies>> promise_;
  bool told_ = false;
};

}  // namespace

// The client's own thread.
class Client::Thread {
 public:
  Thread() : thread_([this] { context_->run(); }) {}
  ~Thread() {
    work_.reset();
    thread_.join();
  }

  // Shared with the pool, which may be kept a little longer by an operation not yet started.
  const std::shared_ptr<asio::io_context>& context() const { return context_; }
  bool is_current() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  std::shared_ptr<asio::io_context> context_ = std::make_shared<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_->get_executor()};
  std::thread thread_;
};

class Client::Pool final : public detail::Core {
 public:
  Pool(std::shared_ptr<asio::io_context> context, asio::any_io_executor executor, Options options)
      : context_(std::move(context)),
        executor_(std::move(executor)),
        options_(std::make_shared<const Options>(std::move(options))) {
    const std::shared_ptr<detail::Tls> tls = detail::Tls::make(*options_);
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options_->connections); ++i) {
      lanes_.push_back(std::make_shared<Lane>(executor_, options_, tls));
    }
  }

  asio::any_io_executor executor() const override { return executor_; }
  CallId next_id() override { return ++last_id_; }

  void start(CallId id, Request request, std::unique_ptr<Completion> completion) override {
    if (request.empty()) return completion->complete(Replies());
    const std::size_t bytes = request.bytes().size();
    Lane& lane = least_busy();
    detail::Load load(meter_, lane.meter(), bytes);
    if (meter_->calls > options_->pending_requests_max) {
      return completion->complete(Error(Errc::queue_full, "too many requests"));
    }
    if (meter_->bytes > options_->pending_bytes_max) {
      return completion->complete(Error(Errc::queue_full, "too many bytes"));
    }
    const auto timeout = request.timeout().value_or(options_->request_timeout);
    Call call{.id = id, .request = std::move(request), .completion = std::move(completion)};
    call.load = std::move(load);
    if (timeout.count() > 0) call.deadline = std::chrono::steady_clock::now() + timeout;
    lane.submit(std::move(call));
  }

  void cancel(CallId id) override {
    for (const auto& lane : lanes_) lane->cancel(id);
  }

  void close() {
    for (const auto& lane : lanes_) lane->close();
  }

 private:
  Lane& least_busy() const {
    Lane* best = nullptr;
    std::size_t best_cost = 0;
    for (const auto& lane : lanes_) {
      const std::size_t calls = lane->meter()->calls.load(std::memory_order_relaxed);
      const std::size_t cost = lane->is_down() ? calls + options_->pending_requests_max : calls;
      if (best == nullptr || cost < best_cost) {
        best = lane.get();
        best_cost = cost;
      }
    }
    return *best;
  }

  const std::shared_ptr<asio::io_context> context_;  // null on a caller's executor
  const asio::any_io_executor executor_;
  const std::shared_ptr<const Options> options_;
  const std::shared_ptr<Meter> meter_ = std::make_shared<Meter>();
  std::atomic<CallId> last_id_ = 0;
  std::vector<std::shared_ptr<Lane>> lanes_;
};

Client::Client(Options options)
    : thread_(std::make_unique<Thread>()),
      pool_(std::make_shared<Pool>(thread_->context(), thread_->context()->get_executor(),
                                   std::move(options))),
      core_(pool_) {}

Client::Client(asio::any_io_executor executor, Options options)
    : pool_(std::make_shared<Pool>(nullptr, std::move(executor), std::move(options))),
      core_(pool_) {}

Client::~Client() { close(); }

Result<Replies> Client::exec(Request request) {
  if (thread_ && thread_->is_current()) return Error(Errc::would_deadlock);
  auto waiter = std::make_unique<Waiter>();
  auto answer = waiter->future();
  core_->start(core_->next_id(), std::move(request), std::move(waiter));
  return answer.get();
}

void Client::close() { pool_->close(); }

}  // namespace sojourn
