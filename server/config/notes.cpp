#include "server/config/notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace sojourn::server {
namespace {

// Shorter passwords can be guessed at the speed at which a server answers.
constexpr std::size_t kPasswordBytesMin = 16;

std::vector<std::string> without_meaning(std::span<const Directive* const> given) {
  std::vector<std::pair<std::string_view, std::vector<std::string_view>>> names_by_reason;
  for (const Directive* row : given) {
    if (!row->without_meaning()) continue;
    const auto group = std::find_if(names_by_reason.begin(), names_by_reason.end(),
                                    [&](const auto& entry) { return entry.first == row->summary; });
    if (group != names_by_reason.end()) {
      group->second.push_back(row->name);
    } else {
      names_by_reason.push_back({row->summary, {row->name}});
    }
  }
  std::vector<std::string> notes;
  for (const auto& [reason, names] : names_by_reason) {
    notes.push_back(fmt::format("No effect: {} ({})", fmt::join(names, ", "), reason));
  }
  return notes;
}

}  // namespace

std::vector<std::string> notes_for(std::span<const Directive* const> given,
                                   const Settings& settings) {
  std::vector<std::string> notes = without_meaning(given);
  if (!settings.appendonly) {
    notes.push_back(
        "appendonly no: nothing is kept on disk, by snapshots neither; every session ends with "
        "this process");
  }
  if (settings.spills_nowhere()) notes.push_back(std::string(kNothingToSpillTo));
  if (settings.maxmemory_policy != kSpill && settings.maxmemory_policy != "noeviction") {
    notes.push_back(fmt::format(
        "maxmemory-policy {}: no session is evicted; at maxmemory writes are refused, as with "
        "noeviction",
        settings.maxmemory_policy));
  }
  if (settings.output_limit.hard_bytes == 0 && settings.output_limit.soft_bytes == 0) {
    notes.push_back(
        "client-output-buffer-limit normal 0 0 0: one client that does not read may fill "
        "connection-buffers-budget");
  }
  if (!settings.requirepass.empty() && settings.requirepass.size() < kPasswordBytesMin) {
    notes.push_back(
        fmt::format("requirepass has fewer than {} characters: it can be guessed by trying",
                    kPasswordBytesMin));
  }
  if (settings.accept_data_loss) {
    notes.push_back("accept-data-loss: missing changes on disk do not stop this start");
  }
  return notes;
}

}  // namespace sojourn::server
