#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <memory>
#include <utility>

#include "sojourn/detail/core.h"
#include "sojourn/options.h"

namespace sojourn {

// A pool of connections to one server, opened as they are needed, opened again when they are lost.
//
// Threading: exec(), async_exec() and close() may be called from any thread at any time. Requests
// of different calls may travel on different connections and overtake one another: who needs an
// order puts the commands into one request or waits for the first answer.
//
// Errors: a server's error is a Reply among the others. What fails the whole call is an Error,
// whose `fate` says which commands happened, may have happened, or did not. Nothing is sent twice
// unless no command of it had left, or the request is idempotent().
//
// The connections are shared, so a command that changes what a connection is for the others does
// not belong in a request: SELECT, AUTH, CLIENT REPLY, MONITOR, WATCH without its EXEC in the same
// request, blocking commands. Options::setup is the place for what every connection should have.
class Client {
 public:
  // With a thread of its own, on which handlers without an executor run too. They must not destroy
  // the Client.
  explicit Client(Options options = {});
  // On the caller's executor, which may have many threads; each connection has its own strand. The
  // executor's run() does not end while the client has connections open: close() it first.
  Client(boost::asio::any_io_executor executor, Options options);
  // As close(). With a thread of its own it then waits for that to end.
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends the request and waits. With the caller's executor another thread must run that, or this
  // waits for ever; on the client's own thread it fails with Errc::would_deadlock.
  Result<Replies> exec(Request request);

  // Sends the request; the token (a callback, use_awaitable, use_future, ...) gets a
  // Result<Replies>. The handler is never called from inside async_exec(). Cancelling gives
  // Errc::cancelled; what was sent already may happen all the same, and `fate` says so.
  // An executor that a handler is bound to must outlive the client.
  template <typename Token>
  auto async_exec(Request request, Token&& token) {
    return boost::asio::async_initiate<Token, void(Result<Replies>)>(
        [core = core_](auto handler, Request moved) {
          detail::start_call(core, std::move(handler), std::move(moved));
        },
        token, std::move(request));
  }

  // async_exec() with `map`, a function from Result<Replies> to Out, applied before the token.
  template <typename Out, typename Map, typename Token>
  auto async_exec_as(Request request, Map map, Token&& token) {
    return boost::asio::async_initiate<Token, void(Out)>(
        [core = core_](auto handler, Request moved, Map mapping) {
          using Handler = decltype(handler);
          detail::start_call(
              core, detail::MappedHandler<Handler, Map>{std::move(handler), std::move(mapping)},
              std::move(moved));
        },
        token, std::move(request), std::move(map));
  }

  // Fails every call that waits, and every later one, with Errc::closed; closes the connections.
  void close();

  boost::asio::any_io_executor get_executor() const { return core_->executor(); }

 private:
  class Thread;
  class Pool;

  std::unique_ptr<Thread> thread_;  // only with a thread of its own
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<detail::Core> core_;  // the same pool, as the templates know it
};

}  // namespace sojourn
