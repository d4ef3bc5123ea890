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

// Accepts on all listening sockets, on the first worker's thread, and hands each new socket to the
// less loaded of two workers. Whom maxclients or protected mode turns away gets no further than
// here, so not a byte of his is read. Nothing a peer or the kernel does ends it, and a lack of
// descriptors does not make it spin.
//
// Threading: made before the workers run; afterwards the first worker's thread only.
class Listener {
 public:
  Listener(WorkersShared& shared, std::span<const std::unique_ptr<Worker>> workers,
           std::vector<FileDescriptor> sockets);

  void close();

 private:
  using Socket = boost::asio::posix::stream_descriptor;

  void watch(Socket& socket);
  // False when accepting should rest a while.
  bool accept_some(Socket& socket);
  bool may_continue_after(int error);
  void admit(FileDescriptor accepted);
  void reject(const FileDescriptor& accepted, std::string_view error);
  Worker& choose_worker();

  WorkersShared& shared_;
  std::span<const std::unique_ptr<Worker>> workers_;
  std::vector<Socket> sockets_;
  boost::asio::steady_timer rest_;
  std::minstd_rand random_;
  std::chrono::steady_clock::time_point complained_at_{};
};

}  // namespace sojourn::server
