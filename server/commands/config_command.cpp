#include <string>
#include <utility>
#include <vector>

#include "server/commands/awaited_call.h"
#include "server/commands/gates.h"
#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {
void config_get(Call& call) {
  const auto settings = call.services.config.get(call.words().subspan(2));
  call.reply.map(settings.size());
  for (const auto& [name, value] : settings) {
    call.reply.bulk(name);
    call.reply.bulk(value);
  }
}

namespace {

using Changes = std::vector<std::pair<std::string_view, std::string_view>>;

// With words of its own: the request's are not there for as long as an errand takes.
std::function<std::string()> errand_of_setting(Config& config, const Changes& changes, bool local) {
  std::vector<std::pair<std::string, std::string>> kept(changes.begin(), changes.end());
  return [&config, kept = std::move(kept), local]() -> std::string {
    const auto result = config.set(Changes(kept.begin(), kept.end()), local);
    return result ? "" : result.error().detail;
  };
}

}  // namespace

void config_set(Call& call) {
  const auto words = call.words().subspan(2);
  if (words.size() % 2 != 0) return call.refuse("ERR syntax error");
  Changes changes;
  for (std::size_t i = 0; i < words.size(); i += 2) changes.emplace_back(words[i], words[i + 1]);
  // An EXEC cannot wait; and certificates are small files.
  if (!call.connection.multi && Config::reads_files(changes)) {
    const bool set = await(call, [&] {
      return call.services.errands->send(
          errand_of_setting(call.services.config, changes, is_local(call.connection)));
    });
    if (set) call.reply.ok();
    return;
  }
  if (const auto result = call.services.config.set(changes, is_local(call.connection)); !result) {
    return call.refuse(result.error().detail);
  }
  call.reply.ok();
}

void config_resetstat(Call& call) {
  constexpr Millis kStep{10};
  if (!call.services.keyspace.reset_stats(call.held())) return call.run_again_at(call.now + kStep);
  call.services.metrics.reset();
  call.services.gauges->reset_peak();
  call.reply.ok();
}

void config_rewrite(Call& call) {
  const bool written = await(call, [&] {
    // The file is synced before it takes the old one's place.
    return call.services.errands->send([&config = call.services.config]() -> std::string {
      const auto result = config.rewrite();
      return result ? "" : result.error().detail;
    });
  });
  if (written) call.reply.ok();
}

}  // namespace sojourn::server
