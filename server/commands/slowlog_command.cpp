#include <limits>

#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {

void slowlog_get(Call& call) {
  constexpr std::string_view kBadCount = "ERR count should be greater than or equal to -1";
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  if (call.words().size() > 3) return call.refuse_subcommand();
  Args args = call.args();
  std::int64_t count = args.empty() ? 10 : args.integer(-1, kMax, kBadCount);
  if (args.failed()) return call.refuse(kBadCount);
  if (count == -1) count = kMax;

  const auto entries = call.services.slowlog.latest(static_cast<std::size_t>(count));
  call.reply.array(entries.size());
  for (const SlowLog::Entry& entry : entries) {
    call.reply.array(6);
    call.reply.unsigned_integer(entry.id);
    call.reply.integer(unix_ms(entry.at) / 1000);
    call.reply.integer(entry.took.count());
    call.reply.array(entry.words.size());
    for (const std::string& word : entry.words) call.reply.bulk(word);
    call.reply.bulk(entry.peer);
    call.reply.bulk(entry.connection_name);
  }
}

void slowlog_len(Call& call) { call.reply.unsigned_integer(call.services.slowlog.size()); }

void slowlog_reset(Call& call) {
  call.services.slowlog.reset();
  call.reply.ok();
}

}  // namespace sojourn::server
