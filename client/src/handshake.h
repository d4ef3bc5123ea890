#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sojourn/options.h"

namespace sojourn::detail {

// The greeting of a new connection as a state machine without a socket:
//
//   HELLO 3 [AUTH u p] [SETNAME n]  --ok-->  [SELECT] CLIENT SETINFO x2, setup  --> done
//     `--unknown command, NOPROTO-->  [AUTH] [CLIENT SETNAME] [SELECT] CLIENT SETINFO x2, setup
//
// Send to_send() when it is not empty, hand every reply to on_reply(), until done() or failed().
// An old server that does not know CLIENT SETINFO is no failure.
class Handshake {
 public:
  explicit Handshake(const Options& options);

  // What is to be sent now; the next call returns nothing until there is more.
  std::string to_send();
  void on_reply(const Reply& reply);
  // The name of the command that the next reply answers.
  std::string_view awaited() const;

  bool done() const { return state_ == State::done; }
  bool failed() const { return state_ == State::failed; }
  // After failed(): the server's text without its quotation of what was sent (a password, maybe).
  const std::string& failure() const { return failure_; }
  // After failed(): waiting may help (the server is loading, or has too many clients).
  bool transient() const { return transient_; }

 private:
  enum class State { hello, settings, done, failed };

  void start_settings(bool greeted);
  void push_auth();
  void on_hello(const Reply& reply);
  void fail(const Reply& reply);

  const Options& options_;
  State state_ = State::hello;
  Request request_;
  std::vector<bool> optional_;  // of each command in request_: may it be answered by an error?
  std::size_t answered_ = 0;
  bool unsent_ = true;
  bool transient_ = false;
  std::string failure_;
};

// The text of a server's error without the arguments that some servers quote in it.
std::string without_arguments(std::string_view error);

}  // namespace sojourn::detail
