#include "client/src/lane.h"

#include <sys/un.h>
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <cctype>
#include <limits>
#include <random>
#include <utility>

namespace sojourn::detail {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// One write's worth: beyond it the kernel takes no more at once anyway.
constexpr std::size_t kWriteBytes = 256 * 1024;
constexpr std::size_t kReadBytes = 16 * 1024;
// A buffer that a large value has swollen beyond this is given back.
constexpr std::size_t kIdleBufferBytes = 1024 * 1024;

Reply to_public(protocol::Reply&& from) {
  static_assert(static_cast<int>(Reply::Type::verbatim) ==
                static_cast<int>(protocol::Reply::Type::verbatim));
  Reply to;
  to.type = static_cast<Reply::Type>(from.type);
  to.text = std::move(from.text);
  to.integer = from.integer;
  to.real = from.real;
  to.elements.reserve(from.elements.size());
  for (protocol::Reply& element : from.elements) {
    to.elements.push_back(to_public(std::move(element)));
  }
  return to;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

Lane::Lane(const asio::any_io_executor& executor, std::shared_ptr<const Options> options,
           std::shared_ptr<Tls> tls)
    : options_(std::move(options)),
      strand_(asio::make_strand(executor)),
      backoff_(options_->backoff_first, options_->backoff_max, std::random_device()()),
      deadline_timer_(strand_),
      connection_timer_(strand_),
      resolver_(strand_),
      socket_(strand_),
      tls_(std::move(tls)),
      // The bytes of a reply are bounded here, those of its one longest string with them.
      parser_(std::numeric_limits<std::int64_t>::max(), options_->reply_elements_max) {}

bool Lane::is_down() const {
  const TimePoint until = down_until_.load(std::memory_order_relaxed);
  return until != TimePoint() && Clock::now() < until;
}

void Lane::submit(Call call) {
  asio::post(strand_, [self = shared_from_this(), call = std::move(call)]() mutable {
    if (self->closed_) return call.completion->complete(Error(Errc::closed));
    const auto deadline = call.deadline;
    self->pipeline_.add(std::move(call));
    if (deadline) self->watch_deadline(*deadline);
    self->work();
  });
}

void Lane::cancel(CallId id) {
  asio::post(strand_, [self = shared_from_this(), id] { self->pipeline_.cancel(id); });
}

void Lane::close() {
  asio::post(strand_, [self = shared_from_this()] {
    if (std::exchange(self->closed_, true)) return;
    self->deadline_timer_.cancel();
    self->connection_timer_.cancel();
    self->pipeline_.fail_waiting(Error(Errc::closed));
    self->fail(Error(Errc::closed));
  });
}

void Lane::work() {
  if (state_ == State::ready) return write();
  if (state_ != State::idle || !pipeline_.has_waiting()) return;
  if (is_down()) {
    state_ = State::resting;
    watch_connection(down_until_);
  } else {
    connect();
  }
}

// --- Connecting -------------------------------------------------------------------------------

void Lane::connect() {
  state_ = State::connecting;
  answered_ = false;
  endpoints_.clear();
  watch_connection(Clock::now() + options_->connect_timeout);
  if (tls_ && tls_->failure()) return fail(*tls_->failure());
  if (!options_->unix_socket.empty()) {
    // Asio throws for a path that does not fit.
    if (options_->unix_socket.size() >= sizeof(sockaddr_un::sun_path)) {
      return fail(Error(Errc::not_connected, "the Unix socket's path is too long"));
    }
    endpoints_.emplace_back(asio::local::stream_protocol::endpoint(options_->unix_socket));
    return try_next_endpoint({});
  }
  error_code not_numeric;
  const auto address = asio::ip::make_address(options_->host, not_numeric);
  if (!not_numeric) {
    endpoints_.emplace_back(asio::ip::tcp::endpoint(address, options_->port));
    return try_next_endpoint({});
  }
  resolve();
}

void Lane::resolve() {
  ++operations_;
  resolver_.async_resolve(
      options_->host, std::to_string(options_->port),
      [self = shared_from_this()](error_code error, const Resolver::results_type& found) {
        if (self->is_over()) return;
        for (const auto& entry : found) self->endpoints_.emplace_back(entry.endpoint());
        std::ranges::reverse(self->endpoints_);
        self->try_next_endpoint(error);
      });
}

void Lane::try_next_endpoint(error_code last) {
  if (endpoints_.empty()) return fail(Error(Errc::not_connected, last.message()));
  const Endpoint endpoint = endpoints_.back();
  endpoints_.pop_back();
  error_code ignored;
  socket_.close(ignored);
  ++operations_;
  socket_.async_connect(endpoint, [self = shared_from_this()](error_code error) {
    if (self->is_over()) return;
    if (error) return self->try_next_endpoint(error);
    error_code not_tcp;
    self->socket_.set_option(asio::ip::tcp::no_delay(true), not_tcp);
    self->socket_.set_option(asio::socket_base::keep_alive(true), not_tcp);
    self->tls_ ? self->shake_hands() : self->greet();
  });
}

void Lane::shake_hands() {
  stream_.emplace(socket_, tls_->context());
  if (!tls_->prepare(stream_->native_handle())) {
    return fail(Error(Errc::untrusted, "no certificate can be for such a server name"));
  }
  ++operations_;
  stream_->async_handshake(
      asio::ssl::stream_base::client, [self = shared_from_this()](error_code error) {
        if (self->is_over()) return;
        if (error) return self->fail(handshake_error(self->stream_->native_handle(), error));
        self->greet();
      });
}

void Lane::greet() {
  state_ = State::greeting;
  handshake_.emplace(*options_);
  write();
  read();
}

// --- Bytes ------------------------------------------------------------------------------------

void Lane::write() {
  if (writing_ || failure_) return;
  if (out_.empty()) {
    out_holds_calls_ = state_ == State::ready;
    if (out_holds_calls_) {
      pipeline_.fill(out_, kWriteBytes, Clock::now());
    } else {
      out_ = handshake_->to_send();
    }
  }
  if (out_.empty()) return;
  writing_ = true;
  ++operations_;
  const auto bytes = asio::buffer(out_) + out_written_;
  auto then = [self = shared_from_this()](error_code error, std::size_t count) {
    self->wrote(error, count);
  };
  // TLS counts a record as sent when all of it is; a part of one is nothing to the server.
  if (stream_) return stream_->async_write_some(bytes, std::move(then));
  socket_.async_write_some(bytes, std::move(then));
}

void Lane::wrote(error_code error, std::size_t bytes) {
  writing_ = false;
  if (out_holds_calls_) pipeline_.sent(bytes);
  if (is_over()) return;
  if (error) return fail(lost(error));
  out_written_ += bytes;
  if (out_written_ == out_.size()) {
    out_written_ = 0;
    out_.clear();
    if (out_.capacity() > kIdleBufferBytes) out_.shrink_to_fit();
  }
  write();
}

void Lane::read() {
  if (parsed_ < filled_) in_.erase(0, parsed_);
  filled_ -= std::exchange(parsed_, 0);
  if (filled_ == 0 && in_.capacity() > kIdleBufferBytes) in_ = std::string();
  // By what has come, never by what was announced.
  if (in_.size() < filled_ + kReadBytes) in_.resize(2 * filled_ + kReadBytes);
  ++operations_;
  const auto room = asio::buffer(in_) + filled_;
  auto then = [self = shared_from_this()](error_code error, std::size_t count) {
    self->on_read(error, count);
  };
  if (stream_) return stream_->async_read_some(room, std::move(then));
  socket_.async_read_some(room, std::move(then));
}

void Lane::on_read(error_code error, std::size_t bytes) {
  if (is_over()) return;
  if (error) return fail(lost(error));
  heard_ = Clock::now();
  filled_ += bytes;
  if (take_replies()) read();
}

// --- Replies ----------------------------------------------------------------------------------

bool Lane::take_replies() {
  using Status = protocol::ReplyParser::Status;
  while (true) {
    const auto bytes = std::string_view(in_).substr(parsed_, filled_ - parsed_);
    const Status status = parser_.parse(bytes);
    if (status == Status::error) return refuse(Errc::protocol, parser_.error());
    const std::size_t size = status == Status::reply
                                 ? parser_.consumed()
                                 : std::max(parser_.bytes_wanted(), bytes.size());
    if (size > options_->reply_bytes_max) return refuse(Errc::reply_too_large, {});
    if (status == Status::need_more) return true;
    parsed_ += size;
    if (!take(to_public(parser_.take()))) return false;
  }
}

bool Lane::is_out_of_band(const Reply& reply) const {
  if (reply.type != Reply::Type::push) return false;
  // SUBSCRIBE and its like are answered by a push that begins with the command's own name.
  const std::string_view awaited =
      state_ == State::greeting ? handshake_->awaited() : pipeline_.awaited();
  return reply.elements.empty() || !same_word(reply.elements.front().text, awaited);
}

bool Lane::take(Reply reply) {
  if (is_out_of_band(reply)) {
    if (options_->on_push) options_->on_push(std::move(reply));
    return true;
  }
  if (state_ == State::greeting) return take_greeting(reply);
  if (!pipeline_.answer(std::move(reply))) {
    return refuse(Errc::protocol, "a reply to nothing that was asked");
  }
  answered_ = true;
  backoff_.reset();
  return true;
}

bool Lane::take_greeting(const Reply& reply) {
  handshake_->on_reply(reply);
  if (handshake_->failed()) {
    return refuse(handshake_->transient() ? Errc::not_connected : Errc::refused,
                  handshake_->failure());
  }
  if (handshake_->done()) {
    state_ = State::ready;
    down_until_ = TimePoint();
    connection_timer_.cancel();
  }
  write();
  return true;
}

// --- The end of a connection ------------------------------------------------------------------

Error Lane::lost(error_code error) {
  // With TLS 1.3 only now is it known what the server thinks of our certificate.
  if (state_ == State::greeting && stream_) return handshake_error(stream_->native_handle(), error);
  return {state_ == State::ready ? Errc::connection_lost : Errc::not_connected, error.message()};
}

void Lane::fail(Error error) {
  if (failure_) return;
  if (state_ == State::ready && options_->on_lost) options_->on_lost();
  failure_ = std::move(error);
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
  if (operations_ == 0) finish_failure();
}

bool Lane::refuse(Errc code, std::string_view detail) {
  fail(Error(code, std::string(detail)));
  return false;
}

bool Lane::is_over() {
  --operations_;
  if (!failure_) return false;
  if (operations_ == 0) finish_failure();
  return true;
}

void Lane::finish_failure() {
  const Error error = *std::exchange(failure_, std::nullopt);
  last_failure_ = error;
  connection_timer_.cancel();
  handshake_.reset();
  stream_.reset();
  parser_.reset();
  in_.clear();
  out_.clear();
  parsed_ = filled_ = out_written_ = 0;
  out_holds_calls_ = false;
  state_ = State::idle;
  if (closed_) return pipeline_.fail_all(Error(Errc::closed));

  pipeline_.lose(error);
  if (error.code == Errc::refused || error.code == Errc::untrusted) pipeline_.fail_waiting(error);
  // A connection that has served may be made anew at once; one that has not would make a fast loop.
  if (!answered_) down_until_ = Clock::now() + backoff_.next();
  work();
}

// --- Time -------------------------------------------------------------------------------------

void Lane::watch_deadline(TimePoint deadline) {
  if (watched_deadline_ && *watched_deadline_ <= deadline) return;
  watched_deadline_ = deadline;
  deadline_timer_.expires_at(deadline);
  deadline_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->closed_ || self->deadline_timer_.expiry() > Clock::now()) return;
    self->on_deadline();
  });
}

void Lane::on_deadline() {
  watched_deadline_.reset();
  const bool gone = pipeline_.expire(Clock::now(), heard_, timeout_of_waiting());
  if (const auto next = pipeline_.next_deadline()) watch_deadline(*next);
  if (gone && state_ == State::ready) {
    fail(Error(Errc::connection_lost, "the server has been silent for a request's whole time"));
  }
}

Error Lane::timeout_of_waiting() const {
  if (state_ == State::ready) return Error(Errc::timeout);
  return {Errc::not_connected, last_failure_ ? last_failure_->detail : "no answer yet"};
}

void Lane::watch_connection(TimePoint until) {
  connection_timer_.expires_at(until);
  connection_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->closed_ || self->connection_timer_.expiry() > Clock::now()) return;
    self->on_connection_timer();
  });
}

void Lane::on_connection_timer() {
  if (state_ == State::resting) {
    state_ = State::idle;
    work();
  } else if (state_ == State::connecting || state_ == State::greeting) {
    fail(Error(Errc::not_connected, "no greeting within the time for connecting"));
  }
}

}  // namespace sojourn::detail
