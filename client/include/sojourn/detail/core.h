#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <memory>
#include <utility>

#include "sojourn/error.h"
#include "sojourn/reply.h"
#include "sojourn/request.h"

// What stands between the templates of the public headers and the library. Not for users.
namespace sojourn::detail {

using CallId = std::uint64_t;

// Who waits for a call. complete() is called at most once; a call that can never be answered, since
// its executor was destroyed, is dropped without it.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void complete(Result<Replies> result) = 0;
};

class Core {
 public:
  virtual ~Core() = default;
  virtual boost::asio::any_io_executor executor() const = 0;
  virtual CallId next_id() = 0;
  virtual void start(CallId id, Request request, std::unique_ptr<Completion> completion) = 0;
  virtual void cancel(CallId id) = 0;
};

// Hands the result to an Asio completion handler, on the executor the handler asked for.
template <typename Handler>
class HandlerCompletion final : public Completion {
 public:
  HandlerCompletion(Handler handler, const boost::asio::any_io_executor& fallback)
      : handler_(std::move(handler)),
        work_(boost::asio::get_associated_executor(handler_, fallback)) {}

  void complete(Result<Replies> result) override {
    const auto executor = work_.get_executor();
    boost::asio::post(executor, [handler = std::move(handler_), work = std::move(work_),
                                 result = std::move(result)]() mutable {
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.clear();
      std::move(handler)(std::move(result));
    });
  }

 private:
  using Executor = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;

  Handler handler_;
  boost::asio::executor_work_guard<Executor> work_;
};

template <typename Handler>
void start_call(const std::shared_ptr<Core>& core, Handler handler, Request request) {
  const CallId id = core->next_id();
  auto slot = boost::asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([weak = std::weak_ptr<Core>(core), id](boost::asio::cancellation_type type) {
      using boost::asio::cancellation_type;
      // "Total" promises no side effect, and that cannot be promised of what has been sent.
      const auto ours = cancellation_type::terminal | cancellation_type::partial;
      if ((type & ours) == cancellation_type::none) return;
      if (const auto alive = weak.lock()) alive->cancel(id);
    });
  }
  core->start(id, std::move(request),
              std::make_unique<HandlerCompletion<Handler>>(std::move(handler), core->executor()));
}

// A handler that takes Result<Replies> and hands on what `map` makes of it, with the executor,
// allocator and cancellation slot of the handler behind it.
template <typename Handler, typename Map>
struct MappedHandler {
  Handler handler;
  Map map;

  void operator()(Result<Replies> result) && {
    std::move(handler)(std::move(map)(std::move(result)));
  }
};

}  // namespace sojourn::detail

template <template <typename, typename> class Associator, typename Handler, typename Map,
          typename Default>
struct boost::asio::associator<Associator, sojourn::detail::MappedHandler<Handler, Map>, Default>
    : Associator<Handler, Default> {
  static typename Associator<Handler, Default>::type get(
      const sojourn::detail::MappedHandler<Handler, Map>& mapped) noexcept {
    return Associator<Handler, Default>::get(mapped.handler);
  }
  static auto get(const sojourn::detail::MappedHandler<Handler, Map>& mapped,
                  const Default& fallback) noexcept {
    return Associator<Handler, Default>::get(mapped.handler, fallback);
  }
};
