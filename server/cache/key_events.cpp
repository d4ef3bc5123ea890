#include "server/cache/key_events.h"

#include <utility>

namespace sojourn::server {
namespace {

constexpr std::string_view kLetters = "g$lshzxetdnm";  // in the order of KeyEventClass
constexpr std::string_view kLettersOfA = "g$lshzxetd";

}  // namespace

WantedKeyEvents WantedKeyEvents::parse(std::string_view value) {
  WantedKeyEvents wanted;
  for (const char letter : value) {
    const std::size_t place = kLetters.find(letter);
    if (letter == 'A') {
      wanted.classes |= (1u << kLettersOfA.size()) - 1;
    } else if (place != kLetters.npos) {
      wanted.classes |= 1u << place;
    }
    wanted.by_key |= letter == 'K';
    wanted.by_event |= letter == 'E';
  }
  return wanted;
}

void KeyEvents::want(const WantedKeyEvents& wanted) {
  const std::lock_guard lock(mutex_);
  forms_ = wanted;
  wanted_.store(wanted.told(), std::memory_order_relaxed);
}

void KeyEvents::queue(std::vector<KeyEvent> events, JournalPosition after) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({std::move(events), after});
}

void KeyEvents::tell() {
  const std::lock_guard one_at_a_time(telling_);
  std::vector<Batch> batches;
  WantedKeyEvents wanted;
  {
    const std::lock_guard lock(mutex_);
    batches.swap(queue_);
    wanted = forms_;
  }
  if (!tell_) return;
  for (const Batch& batch : batches) {
    for (const KeyEvent& event : batch.events) tell_(event, wanted, batch.after);
  }
}

}  // namespace sojourn::server
