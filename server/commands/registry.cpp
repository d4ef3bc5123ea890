#include "server/commands/registry.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "server/base/check.h"
#include "server/base/numbers.h"
#include "server/observe/metrics.h"

namespace sojourn::server {
namespace {

// Eight bytes at once; only 'A' to 'Z' change.
constexpr std::uint64_t lower_case_8(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const std::uint64_t low_bits = bytes & (0x7f * kOnes);
  const std::uint64_t above_z = low_bits + (0x7f - 'Z') * kOnes;
  const std::uint64_t from_a = low_bits + (0x80 - 'A') * kOnes;
  const std::uint64_t upper = (from_a ^ above_z) & ~bytes & (0x80 * kOnes);
  return bytes | (upper >> 2);
}

template <class T>
std::uint64_t load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// 1 to 8 bytes, zeros behind them, without a loop or a call: overlapping loads agree where they
// meet.
std::uint64_t load_padded(const char* bytes, std::size_t size) {
  if (size == 8) return load<std::uint64_t>(bytes);
  if (size >= 4) {
    return load<std::uint32_t>(bytes) | load<std::uint32_t>(bytes + size - 4) << (8 * (size - 4));
  }
  if (size >= 2) {
    return load<std::uint16_t>(bytes) | load<std::uint16_t>(bytes + size - 2) << (8 * (size - 2));
  }
  return load<std::uint8_t>(bytes);
}
static_assert(std::endian::native == std::endian::little);

std::size_t count_rows(std::span<const std::span<const Command>> families) {
  std::size_t count = 0;
  for (const auto& family : families) {
    for (const Command& row : family) count += 1 + row.subcommands.size();
  }
  return count;
}

}  // namespace

Registry::Registry()
    : Registry(std::array{connection_commands(), transaction_commands(), generic_commands(),
                          string_commands(), compare_commands(), hash_commands(),
                          field_deadline_commands(), timed_field_commands(), set_commands(),
                          sorted_set_commands(), pubsub_commands(), server_commands(),
                          debug_commands(), latency_commands(), wait_commands(), monitor_commands(),
                          cluster_commands(), acl_commands(), script_commands()}) {}

Registry::Registry(std::span<const std::span<const Command>> families) {
  const std::size_t count = count_rows(families);
  CHECK(count <= WorkerMetrics::kCommandsMax);
  rows_.reserve(count);  // rows point at one another
  full_names_.reserve(count);
  for (const auto& family : families) {
    for (const Command& row : family) {
      Command& copy = rows_.emplace_back(row);
      copy.index = static_cast<std::uint16_t>(rows_.size() - 1);
      copy.full_name = full_names_.emplace_back(row.name);
      for (const Command& sub : row.subcommands) {
        Command& sub_copy = rows_.emplace_back(sub);
        sub_copy.index = static_cast<std::uint16_t>(rows_.size() - 1);
        sub_copy.container = &copy;
        sub_copy.full_name =
            full_names_.emplace_back(std::string(row.name).append("|").append(sub.name));
      }
      copy.subcommands = {&copy + 1, row.subcommands.size()};
      all_.push_back(&copy);
      names_.emplace_back(row.name);
    }
  }
  rebuild();
}

Registry::Name Registry::fold(std::string_view name) {
  Name folded;
  folded.size = name.size();
  const char* bytes = name.data();
  std::size_t left = name.size();
  for (std::uint64_t& word : folded.words) {
    if (left == 0) break;
    const std::size_t size = std::min<std::size_t>(left, 8);
    word = lower_case_8(load_padded(bytes, size));
    bytes += size;
    left -= size;
  }
  return folded;
}

std::size_t Registry::slot_of(const Name& name) const {
  const std::uint64_t mixed =
      (name.words[0] ^ std::rotl(name.words[1], 23) ^ std::rotl(name.words[2], 41) ^
       std::rotl(name.words[3], 7) ^ name.size) *
      0x9e3779b97f4a7c15;
  return (mixed >> 32) & (slots_.size() - 1);
}

const Command* Registry::find(std::string_view name) const {
  if (name.size() > kNameMax) [[unlikely]] {
    for (const auto& [long_name, command] : long_names_) {
      if (equal_any_case(long_name, name)) return command;
    }
    return nullptr;
  }
  const Name folded = fold(name);
  for (std::size_t i = slot_of(folded);; i = (i + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[i];
    if (slot.command == nullptr) return nullptr;
    if (slot.name == folded) return slot.command;
  }
}

const Command* Registry::find_sub(const Command& container, std::string_view name) {
  for (const Command& sub : container.subcommands) {
    if (equal_any_case(sub.name, name)) return &sub;
  }
  return nullptr;
}

const Command* Registry::find_row(std::span<const std::string_view> words) const {
  const Command* command = find(words.front());
  if (command == nullptr || command->subcommands.empty() || words.size() == 1) return command;
  return find_sub(*command, words[1]);
}

const Command* Registry::find_full_name(std::string_view full_name) const {
  const std::size_t bar = full_name.find('|');
  const Command* command = find(full_name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return find_sub(*command, full_name.substr(bar + 1));
}

Result<void> Registry::rename(std::string_view from, std::string_view to) {
  const Command* command = find(from);
  if (command == nullptr) {
    return Error{Errc::invalid_argument, "No such command in rename-command"};
  }
  if (!to.empty() && find(to) != nullptr) {
    return Error{Errc::invalid_argument, "Target command name already exists"};
  }
  const auto place = std::find(all_.begin(), all_.end(), command) - all_.begin();
  if (to.empty()) {
    all_.erase(all_.begin() + place);
    names_.erase(names_.begin() + place);
  } else {
    names_[static_cast<std::size_t>(place)] = to;
  }
  rebuild();
  return {};
}

void Registry::insert(std::string_view name, const Command* command) {
  if (name.size() > kNameMax) {
    long_names_.emplace_back(name, command);
    return;
  }
  const Name folded = fold(name);
  std::size_t i = slot_of(folded);
  while (slots_[i].command != nullptr) {
    CHECK(slots_[i].name != folded);  // two rows of one name
    i = (i + 1) & (slots_.size() - 1);
  }
  slots_[i] = {folded, command};
}

void Registry::rebuild() {
  long_names_.clear();
  // Four slots a name, so that a look-up seldom sees a second one.
  slots_.assign(std::bit_ceil(names_.size() * 4 + 1), Slot{});
  for (std::size_t i = 0; i < names_.size(); ++i) insert(names_[i], all_[i]);
}

}  // namespace sojourn::server
