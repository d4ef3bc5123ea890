#include "server/commands/command_traits.h"

#include <array>
#include <utility>

namespace sojourn::server {
namespace {

constexpr std::array<std::pair<Flags, std::string_view>, 16> kFlagNames{{
    {kWrite, "write"},
    {kReadOnly, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kPubSub, "pubsub"},
    {kNoScript, "noscript"},
    {kBlocking, "blocking"},
    {kLoading, "loading"},
    {kStale, "stale"},
    {kSkipMonitor, "skip_monitor"},
    {kSkipSlowlog, "skip_slowlog"},
    {kFast, "fast"},
    {kNoAuth, "no_auth"},
    {kNoAsyncLoading, "no_async_loading"},
    {kNoMulti, "no_multi"},
    {kNoMandatoryKeys, "no_mandatory_keys"},
}};

constexpr std::array<std::pair<KeyUse, std::string_view>, 8> kKeyUseNames{{
    {kRO, "RO"},
    {kRW, "RW"},
    {kOW, "OW"},
    {kRM, "RM"},
    {kAccess, "access"},
    {kUpdate, "update"},
    {kInsert, "insert"},
    {kDelete, "delete"},
}};

bool has(const Command& row, std::uint64_t flags) { return (row.flags & flags) != 0; }

}  // namespace

std::vector<std::string_view> flag_names(const Command& row) {
  std::vector<std::string_view> names;
  for (const auto& [flag, name] : kFlagNames) {
    if (has(row, flag)) names.push_back(name);
  }
  if (row.keys.counted != 0) names.push_back("movablekeys");
  if (has(row, kAllowBusy)) names.push_back("allow_busy");
  return names;
}

Categories categories_of(const Command& row) {
  using enum Category;
  const bool container = row.run == nullptr;
  Categories categories = 0;
  const auto add = [&](bool in, Category category) {
    if (in) categories |= bit_of(category);
  };
  add(has(row, kKeyspace), keyspace);
  add(has(row, kReadOnly) && row.group != Group::scripting, read);
  add(has(row, kWrite), write);
  add(row.group == Group::set, set);
  add(row.group == Group::sorted_set, sortedset);
  add(row.group == Group::hash, hash);
  add(row.group == Group::string, string);
  add(has(row, kPubSub), pubsub);
  add(has(row, kAdmin | kAdminCategory), admin);
  add(has(row, kFast), fast);
  add(!has(row, kFast), slow);
  add(has(row, kBlocking), blocking);
  add(has(row, kAdmin | kDangerous), dangerous);
  add(has(row, kConnection), connection);
  add(has(row, kTransactionCategory), transaction);
  add(row.group == Group::scripting && !container, scripting);
  return categories;
}

std::vector<std::string_view> acl_categories(const Command& row) {
  const Categories categories = categories_of(row);
  const auto all = category_names();
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if ((categories & bit_of(static_cast<Category>(i))) != 0) names.push_back(all[i]);
  }
  return names;
}

std::vector<std::string_view> key_flags(KeyUse use) {
  std::vector<std::string_view> names;
  for (const auto& [flag, name] : kKeyUseNames) {
    if ((use & flag) != 0) names.push_back(name);
  }
  return names;
}

std::vector<std::string> tips(const Command& row) {
  std::vector<std::string> tips;
  const auto add = [&](bool is_one, std::string_view what, std::string_view how) {
    if (is_one) tips.push_back(std::string(what).append(how));
  };
  add(has(row, kTouchesRandomKeys), "nondeterministic_output", "");
  add(has(row, kUnordered), "nondeterministic_output_order", "");
  add(!row.spread.request.empty(), "request_policy:", row.spread.request);
  add(!row.spread.response.empty(), "response_policy:", row.spread.response);
  return tips;
}

std::vector<std::string_view> doc_flags(const Command& row) {
  std::vector<std::string_view> flags;
  if (!row.deprecated.since.empty()) flags.push_back("deprecated");
  if (has(row, kDebug) && row.container == nullptr) flags.push_back("syscmd");
  return flags;
}

std::string_view group_name(Group group) {
  switch (group) {
    case Group::connection:
      return "connection";
    case Group::transactions:
      return "transactions";
    case Group::generic:
      return "generic";
    case Group::string:
      return "string";
    case Group::hash:
      return "hash";
    case Group::set:
      return "set";
    case Group::sorted_set:
      return "sorted-set";
    case Group::pubsub:
      return "pubsub";
    case Group::server:
      return "server";
    case Group::scripting:
      return "scripting";
    case Group::cluster:
      return "cluster";
  }
  return "";
}

std::string_view type_name(Argument::Type type) {
  using Type = Argument::Type;
  switch (type) {
    case Type::string:
      return "string";
    case Type::integer:
      return "integer";
    case Type::real:
      return "double";
    case Type::key:
      return "key";
    case Type::pattern:
      return "pattern";
    case Type::unix_time:
      return "unix-time";
    case Type::pure_token:
      return "pure-token";
    case Type::oneof:
      return "oneof";
    case Type::block:
      return "block";
  }
  return "";
}

}  // namespace sojourn::server
