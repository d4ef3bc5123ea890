#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "server/net/file_descriptor.h"
#include "server/net/worker.h"

namespace sojourn::server {

struct ListeningSocket {
  FileDescriptor socket;
  bool tls;  // who connects begins with a handshake
};

// Accepts on all listening sockets, on the first worker's thread, and hands each new socket to the
// less loaded of two workers. Whom maxclients or protected mode turns away gets no further than
// here, so not a byte of his is read. Nothing a peer or the kernel does ends it, and a lack of
// descriptors does not make it spin.
//
// Threading: made before the workers run; afterwards the first worker's thread only.
class Listener {
 public:
  Listener(WorkersShared& shared, std::span<const std::unique_ptr<Worker>> workers,
           std::vector<ListeningSocket> sockets);

  void close();

 private:
  struct Socket {
    boost::asio::posix::stream_descriptor descriptor;
    bool tls;
  };

  void watch(Socket& socket);
  // False when accepting should rest a while.
  bool accept_some(Socket& socket);
  bool may_continue_after(int error);
  void admit(FileDescriptor accepted, bool tls);
  void reject(const FileDescriptor& accepted, std::string_view error, bool tls);
  Worker& choose_worker();

  WorkersShared& shared_;
  std::span<const std::unique_ptr<Worker>> workers_;
  std::vector<Socket> sockets_;
  boost::asio::steady_timer rest_;
  std::minstd_rand random_;
  std::chrono::steady_clock::time_point complained_at_{};
};

}  // namespace sojourn::server
