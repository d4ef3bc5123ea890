#include "tests/client/fake_server.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/write.hpp>

namespace sojourn {

namespace asio = boost::asio;
using asio::ip::tcp;

Peer::Peer(tcp::socket socket, asio::ssl::context* tls) : socket_(std::move(socket)) {
  if (tls != nullptr) stream_.emplace(socket_, *tls);
}

bool Peer::shake_hands() {
  boost::system::error_code error;
  if (stream_) stream_->handshake(asio::ssl::stream_base::server, error);
  return !error;
}

std::string Peer::told_name() {
  const char* const name = SSL_get_servername(stream_->native_handle(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

Peer::Command Peer::read() {
  using Status = protocol::RequestParser::Status;
  while (true) {
    const Status status = parser_.parse(in_);
    if (status == Status::request) {
      const Command command(parser_.words().begin(), parser_.words().end());
      in_.erase(0, parser_.consumed());
      return command;
    }
    std::array<char, 4096> chunk{};
    boost::system::error_code error;
    const std::size_t bytes = stream_ ? stream_->read_some(asio::buffer(chunk), error)
                                      : socket_.read_some(asio::buffer(chunk), error);
    if (error || status == Status::error) return {};
    in_.append(chunk.data(), bytes);
  }
}

void Peer::send(std::string_view bytes) {
  boost::system::error_code gone;
  if (stream_) {
    asio::write(*stream_, asio::buffer(bytes), gone);
  } else {
    asio::write(socket_, asio::buffer(bytes), gone);
  }
}

void Peer::greet() {
  read();
  send("%1\r\n+proto\r\n:3\r\n");
  for (int i = 0; i < 2; ++i) {
    read();
    send("+OK\r\n");
  }
}

void Peer::answer_all() {
  for (Command command = read(); !command.empty(); command = read()) {
    send("+" + command.back() + "\r\n");
  }
}

void Peer::wait_until_gone() {
  while (!read().empty()) {
  }
}

// Not socket_.close(): the script's thread may sit in a read of it.
void Peer::close() { ::shutdown(socket_.native_handle(), SHUT_RDWR); }

FakeServer::FakeServer(Script script, std::shared_ptr<asio::ssl::context> tls)
    : script_(std::move(script)),
      tls_(std::move(tls)),
      acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      accepting_([this] { accept(); }) {}

FakeServer::~FakeServer() {
  stopping_ = true;
  ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
  accepting_.join();
  {
    const std::lock_guard lock(mutex_);
    for (Peer& peer : peers_) peer.close();
  }
  for (std::thread& thread : threads_) thread.join();
}

void FakeServer::accept() {
  while (!stopping_) {
    tcp::socket socket(context_);
    boost::system::error_code error;
    acceptor_.accept(socket, error);
    if (error) continue;
    const std::lock_guard lock(mutex_);
    Peer& peer = peers_.emplace_back(std::move(socket), tls_.get());
    threads_.emplace_back([this, &peer, number = accepted_++] {
      if (peer.shake_hands()) script_(peer, number);
      peer.close();
    });
  }
}

Options FakeServer::options() const {
  using std::chrono::milliseconds;
  Options options;
  options.port = acceptor_.local_endpoint().port();
  options.connections = 1;
  options.backoff_first = milliseconds(1);
  options.backoff_max = milliseconds(20);
  // Long enough for a slow machine under a sanitizer: what tests a timeout sets its own.
  options.connect_timeout = options.request_timeout = milliseconds(60'000);
  return options;
}

}  // namespace sojourn
