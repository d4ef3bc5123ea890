#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "server/net/file_descriptor.h"

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace sojourn::server {

// How a TlsPeer presents itself. File names; empty: none.
struct TlsWishes {
  std::string certificate_file = {};
  std::string key_file = {};
  std::string believes_file = {};  // a CA; empty: whoever it is
  int version_max = 0;             // 0: the newest there is; or else no other
  ssl_session_st* goes_on = nullptr;
};

// A client's end of a socket with TLS. Waiting for what does not come fails the test.
class TlsPeer {
 public:
  static TlsPeer connect(std::uint16_t port, const TlsWishes& wishes = {});  // no handshake yet
  TlsPeer(TlsPeer&&) noexcept;
  TlsPeer& operator=(TlsPeer&&) noexcept;
  ~TlsPeer();

  // To its end. False if it failed: why() then says why.
  bool shake_hands();
  // Sends the hello and reads nothing.
  void say_hello();
  const std::string& why() const { return why_; }

  void send(std::string_view bytes);
  // Sends and reads at the same time; what is read, `expected` bytes of it.
  std::string exchange(std::string_view bytes, std::size_t expected);
  std::string ask(std::string_view line);
  std::string read(std::size_t bytes) { return exchange({}, bytes); }
  std::string read_line();
  std::string read_to_end();  // ended_well() says how
  bool ended_well() const { return ended_well_; }
  // Something, be it of the handshake, has come and is not read.
  bool has_news();

  // Asks for new keys on both sides; with the next bytes sent.
  void renew_keys();
  bool resumed() const;
  std::string protocol() const;
  std::string server_serial() const;
  ssl_session_st* session() const;  // to go on with; the caller frees it
  // Without goodbye; `reset`: with a TCP reset.
  void vanish(bool reset);
  int descriptor() const { return socket_.get(); }
  ssl_st* ssl() const { return ssl_.get(); }

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  struct FreeSession {
    void operator()(ssl_st* ssl) const;
  };

  TlsPeer() = default;
  // False when the connection is over.
  bool again_after(int returned);
  bool fill();

  FileDescriptor socket_;
  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
  std::unique_ptr<ssl_st, FreeSession> ssl_;
  std::string received_;
  std::string why_;
  bool ended_well_ = false;
};

}  // namespace sojourn::server
