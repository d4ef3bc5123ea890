#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/net/file_descriptor.h"

namespace sojourn::server {

// A client's end of a socket, bytes and nothing else. Waiting for what does not come fails the
// test.
class Peer {
 public:
  static Peer tcp(std::uint16_t port);
  static Peer unix_socket(const std::string& path);

  void send(std::string_view bytes);
  // As much as the sockets hold without anybody reading replies; returns how much that was.
  std::size_t send_until_full(std::string_view bytes, std::chrono::milliseconds patience);
  void end_sending();
  // Sends an inline request and returns its reply's one line.
  std::string ask(std::string_view line);

  std::string read(std::size_t bytes);  // exactly so many
  std::string read_line();              // up to CRLF, without it
  std::string read_to_end();            // until the server closes
  bool is_closed() { return read_to_end().empty(); }
  // Nothing to read now. Right only when it is known that what would come has come.
  bool silent();

 private:
  explicit Peer(FileDescriptor socket) : socket_(std::move(socket)) {}
  bool fill();  // false at the end

  FileDescriptor socket_;
  std::string received_;
};

// A request as clients send it.
template <class... Words>
std::string request(const Words&... words) {
  std::string text = "*" + std::to_string(sizeof...(words)) + "\r\n";
  const auto add = [&](std::string_view word) {
    text.append("$").append(std::to_string(word.size())).append("\r\n");
    text.append(word).append("\r\n");
  };
  (add(words), ...);
  return text;
}

}  // namespace sojourn::server
