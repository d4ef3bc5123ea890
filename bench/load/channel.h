#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "bench/load/options.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sojourn::load {

// A connection to the server, through TLS if the options say so. Throws std::runtime_error with a
// line for people when it cannot be made, fails or is closed by the server.
class Channel {
 public:
  explicit Channel(const Options& options);
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&&) = delete;
  ~Channel();

  int socket() const { return socket_; }
  // How many bytes went; fewer than all when the socket takes no more now.
  std::size_t send(std::string_view bytes);
  // How many bytes have come; 0 when there are none now. All that has come, unless `size` is less.
  std::size_t receive(char* into, std::size_t size);

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  struct FreeSession {
    void operator()(ssl_st* session) const;
  };

  void shake_hands();
  bool would_wait(int returned) const;

  int socket_;
  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
  std::unique_ptr<ssl_st, FreeSession> session_;  // null: without TLS
};

}  // namespace sojourn::load
