#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "protocol/request_parser.h"
#include "sojourn/options.h"

namespace sojourn {

// One connection as the server's end sees it. Every call blocks, and does nothing more once the
// connection is gone.
class Peer {
 public:
  using Command = std::vector<std::string>;

  // With a context: TLS, once shake_hands() has been called.
  Peer(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls);

  bool shake_hands();
  std::string told_name();  // by the client, for the server (SNI)
  Command read();           // the next command; empty when the client has gone
  void send(std::string_view bytes);
  void greet();            // answers HELLO and the two CLIENT SETINFO
  void answer_all();       // "+<last word>" to every command until the client goes
  void wait_until_gone();  // reads until the client goes
  void close();            // from any thread

 private:
  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> stream_;
  protocol::RequestParser parser_;
  std::string in_;
};

// A server that follows a script: called for each connection, on a thread of its own, with the
// connection's number from 0 on. The connection closes when the script returns.
class FakeServer {
 public:
  using Script = std::function<void(Peer&, int)>;

  explicit FakeServer(Script script, std::shared_ptr<boost::asio::ssl::context> tls = nullptr);
  ~FakeServer();

  // Where it is, with times short enough for a test.
  Options options() const;
  int connections() const { return accepted_; }

 private:
  void accept();

  Script script_;
  const std::shared_ptr<boost::asio::ssl::context> tls_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::atomic<int> accepted_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::list<Peer> peers_;             // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
  std::thread accepting_;
};

}  // namespace sojourn
