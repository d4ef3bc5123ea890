#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/src/backoff.h"
#include "client/src/handshake.h"
#include "client/src/pipeline.h"
#include "client/src/tls.h"
#include "protocol/reply_parser.h"

namespace sojourn::detail {

// One connection of the pool, made again when it is lost, and the calls that travel on it:
//
//   idle --a call--> connecting --> greeting --> ready --lost--> idle, or resting if calls wait
//                        `-----failed----`-------------------> resting --time--> connecting
//
// To connect is to find the server, and to shake hands where TLS is spoken.
//
// Threading: the public functions from any thread; all else runs on the strand.
// Lifetime: handlers in flight keep the lane alive; close() ends them.
class Lane : public std::enable_shared_from_this<Lane> {
 public:
  // `tls`, null without, is all lanes'.
  Lane(const boost::asio::any_io_executor& executor, std::shared_ptr<const Options> options,
       std::shared_ptr<Tls> tls = nullptr);

  // What is pending here: every call submitted must carry a Load on it.
  const std::shared_ptr<Meter>& meter() const { return meter_; }
  // The server was absent when last looked for, and it is too early to look again. A hint.
  bool is_down() const;

  void submit(Call call);
  void cancel(CallId id);
  void close();

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Endpoint = boost::asio::generic::stream_protocol::endpoint;
  using Resolver = boost::asio::ip::tcp::resolver;
  enum class State { idle, connecting, greeting, ready, resting };

  void work();  // does what the state and the calls ask for

  void connect();
  void resolve();
  void try_next_endpoint(boost::system::error_code last);
  void shake_hands();
  void greet();

  void write();
  void wrote(boost::system::error_code error, std::size_t bytes);
  void read();
  void on_read(boost::system::error_code error, std::size_t bytes);
  // These return false if the connection was given up: nothing more may be done with it.
  bool take_replies();
  bool take(Reply reply);
  bool take_greeting(const Reply& reply);
  bool is_out_of_band(const Reply& reply) const;

  Error lost(boost::system::error_code error);
  // Ends the connection. The calls are told once no operation of it is in flight any more: only
  // then is it known how much the network took.
  void fail(Error error);
  bool refuse(Errc code, std::string_view detail);  // fail(), then false
  // At the head of every handler of an operation: true if the connection has been given up.
  bool is_over();
  void finish_failure();

  void watch_deadline(TimePoint deadline);
  void on_deadline();
  void watch_connection(TimePoint until);
  void on_connection_timer();
  Error timeout_of_waiting() const;

  const std::shared_ptr<const Options> options_;
  const std::shared_ptr<Meter> meter_ = std::make_shared<Meter>();
  std::atomic<TimePoint> down_until_ = TimePoint();

  // Guarded by the strand.
  boost::asio::strand<boost::asio::any_io_executor> strand_;
  State state_ = State::idle;
  bool closed_ = false;
  Pipeline pipeline_;
  Backoff backoff_;
  std::optional<Error> last_failure_;  // why there is no connection
  boost::asio::steady_timer deadline_timer_;
  std::optional<TimePoint> watched_deadline_;
  boost::asio::steady_timer connection_timer_;  // the limit of connecting, or the end of a rest

  Resolver resolver_;
  std::vector<Endpoint> endpoints_;  // yet to be tried
  Socket socket_;
  const std::shared_ptr<Tls> tls_;
  std::optional<boost::asio::ssl::stream<Socket&>> stream_;  // over socket_, where TLS is spoken
  std::optional<Handshake> handshake_;
  std::size_t operations_ = 0;  // handlers in flight that hold the socket or resolver
  std::optional<Error> failure_;
  bool answered_ = false;  // this connection has served a call
  TimePoint heard_{};

  protocol::ReplyParser parser_;
  std::string in_;  // [parsed_, filled_) is not parsed yet
  std::size_t parsed_ = 0;
  std::size_t filled_ = 0;
  std::string out_;  // being written
  std::size_t out_written_ = 0;
  bool out_holds_calls_ = false;  // else the greeting
  bool writing_ = false;
};

}  // namespace sojourn::detail
