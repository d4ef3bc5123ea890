#include "server/acl/acl_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sojourn::server {
namespace {

// As in Redis: only the newest are compared with what comes.
constexpr std::size_t kComparedMax = 10;
constexpr Millis kAlikeWithin{60'000};
constexpr std::size_t kTextBytesMax = 1024;

bool alike(const AclLog::Entry& known, const AclLog::Entry& fresh) {
  const Millis apart =
      known.updated > fresh.updated ? known.updated - fresh.updated : fresh.updated - known.updated;
  return known.reason == fresh.reason && known.context == fresh.context && apart <= kAlikeWithin &&
         known.object == fresh.object && known.object_hash == fresh.object_hash &&
         known.user == fresh.user;
}

void cut(std::string& text) {
  if (text.size() <= kTextBytesMax) return;
  text.resize(kTextBytesMax);
  text.shrink_to_fit();
}

}  // namespace

void AclLog::add(Entry entry, std::size_t entries_max) {
  counts_[static_cast<std::size_t>(entry.reason)].fetch_add(1, std::memory_order_relaxed);
  cut(entry.object);
  cut(entry.user);
  cut(entry.connection);
  const std::lock_guard lock(mutex_);
  const auto end = std::next(entries_.begin(),
                             static_cast<std::ptrdiff_t>(std::min(kComparedMax, entries_.size())));
  const auto same =
      std::find_if(entries_.begin(), end, [&](const Entry& known) { return alike(known, entry); });
  if (same != end) {
    entry.created = same->created;
    entry.count = same->count + 1;
    entry.id = same->id;
    entries_.erase(same);
  } else {
    entry.created = entry.updated;
    entry.id = next_id_++;
  }
  entries_.push_front(std::move(entry));
  if (entries_.size() > entries_max) entries_.resize(entries_max);
}

std::vector<AclLog::Entry> AclLog::latest(std::size_t count) const {
  const std::lock_guard lock(mutex_);
  const auto end =
      std::next(entries_.begin(), static_cast<std::ptrdiff_t>(std::min(count, entries_.size())));
  return {entries_.begin(), end};
}

void AclLog::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::string_view name_of(AclLog::Reason reason) {
  switch (reason) {
    case AclLog::Reason::command:
      return "command";
    case AclLog::Reason::key:
      return "key";
    case AclLog::Reason::channel:
      return "channel";
    case AclLog::Reason::authentication:
      return "auth";
  }
  return "";
}

std::string_view name_of(AclLog::Context context) {
  switch (context) {
    case AclLog::Context::toplevel:
      return "toplevel";
    case AclLog::Context::multi:
      return "multi";
    case AclLog::Context::lua:
      return "lua";
  }
  return "";
}

}  // namespace sojourn::server
