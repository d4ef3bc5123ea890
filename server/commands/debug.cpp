#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>

#include "server/commands/awaited_call.h"
#include "server/commands/generic.h"
#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {

// Redis sleeps with all its clients; here only this connection waits.
void debug_sleep(Call& call) {
  Time& until = call.connection.slept_until;
  if (until == Time{}) {
    Args args = call.args();
    const double seconds = static_cast<double>(args.real());
    constexpr double kSecondsMax = 24 * 60 * 60;
    if (!(seconds >= 0 && seconds <= kSecondsMax)) args.fail("ERR value is out of range");
    if (!args.done()) return call.refuse(args.error());
    until = call.now + Millis(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
  }
  if (call.now < until) return call.run_again_at(until);
  until = Time{};
  call.reply.ok();
}

void debug_set_active_expire(Call& call) {
  Args args = call.args();
  const std::int64_t on = args.integer();
  if (!args.done()) return call.refuse(args.error());
  call.services.keyspace.set_active_expiry(on != 0);
  call.reply.ok();
}

void debug_jmap(Call& call) { call.reply.ok(); }

void debug_reload(Call& call) {
  const bool synced = await(call, [&] {
    auto awaited = std::make_shared<Awaited>();
    Journal& journal = call.services.keyspace.journal();
    journal.when_synced(journal.appended(), [awaited](bool ok) {
      if (!ok) awaited->error = "ERR Error trying to load the dataset, check server logs";
      awaited->done.store(true, std::memory_order_release);
    });
    return awaited;
  });
  if (synced) call.reply.ok();
}

// The key is no key of the row: DEBUG is nobody's to give key permissions for.
void debug_object(Call& call) {
  Keyspace& keyspace = call.services.keyspace;
  constexpr Millis kStep{10};
  if (!keyspace.warm()) return call.run_again_at(call.now + kStep);
  const std::array keys{keyspace.key(call.connection.database, call.words()[2])};
  std::optional<Transaction> own;
  if (call.held() == nullptr) own.emplace(keyspace, keys, call.now);
  Transaction& transaction = own ? *own : *call.held();
  const Entry* entry = transaction.peek(keys[0]);
  if (entry == nullptr) return call.refuse("ERR no such key");
  call.reply.simple(fmt::format(
      "Value at:{} refcount:1 encoding:{} serializedlength:{} lru:{} "
      "lru_seconds_idle:{}",
      static_cast<const void*>(entry), encoding_name(*entry), keyspace.entry_bytes_of(*entry),
      entry->version(), entry->idle(call.now).count()));
}

}  // namespace sojourn::server
