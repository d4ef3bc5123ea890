#include "client/src/pipeline.h"

#include <algorithm>
#include <utility>

namespace sojourn::detail {
namespace {

Error with_fate(Error error, Fate fate) {
  error.fate = fate;
  return error;
}

bool is_due(const Call& call, TimePoint now) {
  return call.completion != nullptr && call.deadline.has_value() && *call.deadline <= now;
}

}  // namespace

void Pipeline::tell(Call& call, Result<Replies> result) {
  // First, so that who is told may start another call at once in its place.
  call.load = Load();
  if (const auto completion = std::exchange(call.completion, nullptr)) {
    completion->complete(std::move(result));
  }
}

Fate Pipeline::fate(const Call& call) {
  // An answer may be read before the write that asked for it is known to be done.
  return {.answered = call.replies.size(),
          .sent = std::max(call.request.commands_within(call.bytes_sent), call.replies.size())};
}

void Pipeline::add(Call call) { calls_.push_back(std::move(call)); }

void Pipeline::fill(std::string& out, std::size_t bytes_max, TimePoint now) {
  while (has_waiting()) {
    Call& call = calls_[on_wire_];
    if (!out.empty() && out.size() + call.request.bytes().size() > bytes_max) break;
    out += call.request.bytes();
    call.taken_at = now;
    ++on_wire_;
  }
}

void Pipeline::sent(std::size_t bytes) {
  const std::size_t of_answered = std::min(bytes, answered_unsent_bytes_);
  answered_unsent_bytes_ -= of_answered;
  bytes -= of_answered;
  while (bytes > 0 && sending_ < on_wire_) {
    Call& call = calls_[sending_];
    const std::size_t size = call.request.bytes().size();
    const std::size_t part = std::min(bytes, size - call.bytes_sent);
    call.bytes_sent += part;
    bytes -= part;
    if (call.bytes_sent == size) ++sending_;
  }
}

std::string_view Pipeline::awaited() const {
  if (on_wire_ == 0) return {};
  return calls_.front().request.name(calls_.front().replies.size());
}

bool Pipeline::answer(Reply reply) {
  if (on_wire_ == 0) return false;
  Call& call = calls_.front();
  // Nobody will read the replies of a call that gave up; only their number counts.
  call.replies.push_back(call.completion != nullptr ? std::move(reply) : Reply());
  if (call.replies.size() < call.request.size()) return true;
  tell(call, std::move(call.replies));
  answered_unsent_bytes_ += call.request.bytes().size() - call.bytes_sent;
  calls_.pop_front();
  --on_wire_;
  if (sending_ > 0) --sending_;
  return true;
}

void Pipeline::lose(const Error& error) {
  std::deque<Call> kept;
  for (std::size_t i = 0; i < on_wire_; ++i) {
    Call& call = calls_[i];
    if (call.completion == nullptr) continue;
    // What was wrong with a reply concerns the call it answered, not those behind it.
    const bool own_reply = i == 0 && error.code != Errc::connection_lost;
    const Fate became = fate(call);
    if (became.nothing_happened() || (call.request.is_idempotent() && !own_reply)) {
      call.replies.clear();
      call.bytes_sent = 0;
      kept.push_back(std::move(call));
    } else {
      const Error told = own_reply ? error : Error(Errc::connection_lost, error.detail);
      tell(call, with_fate(told, became));
    }
  }
  std::move(calls_.begin() + static_cast<std::ptrdiff_t>(on_wire_), calls_.end(),
            std::back_inserter(kept));
  calls_ = std::move(kept);
  on_wire_ = 0;
  sending_ = 0;
  answered_unsent_bytes_ = 0;
}

void Pipeline::give_up(Call& call, Errc code) {
  // Its bytes may sit in the buffer still and go out later. It keeps its place, so its load too.
  Load load = std::move(call.load);
  tell(call, Error(code, {}, {.answered = call.replies.size(), .sent = call.request.size()}));
  call.load = std::move(load);
  call.replies.assign(call.replies.size(), Reply());
}

bool Pipeline::expire(TimePoint now, TimePoint heard, const Error& waiting) {
  bool silent = false;
  for (std::size_t i = 0; i < on_wire_; ++i) {
    Call& call = calls_[i];
    if (!is_due(call, now)) continue;
    give_up(call, Errc::timeout);
    silent = silent || heard <= call.taken_at;
  }
  drop_waiting([now](const Call& call) { return is_due(call, now); }, waiting);
  return silent;
}

void Pipeline::cancel(CallId id) {
  for (std::size_t i = 0; i < on_wire_; ++i) {
    if (calls_[i].id == id && calls_[i].completion != nullptr) {
      return give_up(calls_[i], Errc::cancelled);
    }
  }
  drop_waiting([id](const Call& call) { return call.id == id; }, Error(Errc::cancelled));
}

void Pipeline::fail_waiting(const Error& error) {
  drop_waiting([](const Call&) { return true; }, error);
}

void Pipeline::fail_all(const Error& error) {
  for (std::size_t i = 0; i < on_wire_; ++i) tell(calls_[i], with_fate(error, fate(calls_[i])));
  on_wire_ = 0;
  fail_waiting(error);
  sending_ = 0;
  answered_unsent_bytes_ = 0;
}

template <typename Which>
void Pipeline::drop_waiting(Which which, const Error& error) {
  const auto first = calls_.begin() + static_cast<std::ptrdiff_t>(on_wire_);
  const auto dropped = std::stable_partition(first, calls_.end(),
                                             [&which](const Call& call) { return !which(call); });
  for (auto call = dropped; call != calls_.end(); ++call) tell(*call, error);
  calls_.erase(dropped, calls_.end());
}

std::optional<TimePoint> Pipeline::next_deadline() const {
  std::optional<TimePoint> next;
  for (const Call& call : calls_) {
    if (call.completion == nullptr || !call.deadline) continue;
    if (!next || *call.deadline < *next) next = call.deadline;
  }
  return next;
}

}  // namespace sojourn::detail
