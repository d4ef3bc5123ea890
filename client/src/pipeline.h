#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/src/load.h"
#include "sojourn/detail/core.h"

namespace sojourn::detail {

using TimePoint = std::chrono::steady_clock::time_point;

// One request on its way, and who waits for it.
struct Call {
  CallId id = 0;
  Request request;
  std::unique_ptr<Completion> completion;  // null once it has been told
  Load load{};
  std::optional<TimePoint> deadline{};

  Replies replies{};           // so far
  std::size_t bytes_sent = 0;  // handed to the network
  TimePoint taken_at{};        // when it was first given out for sending
};

// The calls of one connection in their order, as a state machine without a socket or a clock:
//
//   add -> waiting -> fill -> on the wire -> answer, answer ... -> told
//
// Replies come in the order of the commands, so the oldest call on the wire gets them. A call whose
// time is up after it was given out is told so and keeps its place, or its replies would be taken
// for another's.
//
// Completions are called from within, and must not call back.
class Pipeline {
 public:
  void add(Call call);

  // Appends waiting calls to `out` until it holds `bytes_max` or more, the first in any case.
  void fill(std::string& out, std::size_t bytes_max, TimePoint now);
  // The network took so many more of the bytes given out.
  void sent(std::size_t bytes);

  // The name of the command that the next reply answers; empty if none is awaited.
  std::string_view awaited() const;
  // False: the reply answers nothing that was asked.
  [[nodiscard]] bool answer(Reply reply);

  // The connection is gone. Calls that may be sent again become waiting calls, the others fail.
  void lose(const Error& error);
  // Calls not yet given out fail with `waiting`. Those given out fail with Errc::timeout. True: one
  // of these was given out after `heard`, when the server last said anything; it is as good as
  // gone.
  [[nodiscard]] bool expire(TimePoint now, TimePoint heard, const Error& waiting);
  void cancel(CallId id);
  void fail_waiting(const Error& error);
  void fail_all(const Error& error);

  std::optional<TimePoint> next_deadline() const;
  bool has_waiting() const { return on_wire_ < calls_.size(); }
  bool empty() const { return calls_.empty(); }

 private:
  static void tell(Call& call, Result<Replies> result);
  static Fate fate(const Call& call);
  static void give_up(Call& call, Errc code);
  template <typename Which>
  void drop_waiting(Which which, const Error& error);

  std::deque<Call> calls_;  // [0, on_wire_) were given out, the rest wait
  std::size_t on_wire_ = 0;
  std::size_t sending_ = 0;  // the first of them not wholly sent
  // Bytes of calls that are gone since their answer came before sent() told of them.
  std::size_t answered_unsent_bytes_ = 0;
};

}  // namespace sojourn::detail
