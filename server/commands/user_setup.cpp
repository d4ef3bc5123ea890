#include "server/commands/user_setup.h"

#include <fmt/format.h>

#include <utility>

#include "server/acl/rule_words.h"
#include "server/base/check.h"
#include "server/commands/command_traits.h"
#include "server/config/reader.h"

namespace sojourn::server {
namespace {

CommandCatalogue catalogue_of(const Registry& registry) {
  CommandCatalogue catalogue;
  for (const Command& row : registry.rows()) {
    std::optional<CommandCatalogue::Index> container;
    if (row.container != nullptr) container = row.container->index;
    const auto index = catalogue.add(std::string(row.full_name), categories_of(row), container);
    CHECK(index == row.index);
  }
  catalogue.know_of_others(Registry::only_in_redis);
  return catalogue;
}

}  // namespace

std::unique_ptr<Users> make_users(const Registry& registry, Config& config) {
  auto users = std::make_unique<Users>(catalogue_of(registry), [&config] { config.announce(); });
  follow_user_settings(*users, *config.current());
  return users;
}

Result<void> load_users(Users& users, const Settings& settings) {
  const bool all_channels = settings.acl_pubsub_all_channels;
  if (settings.aclfile.empty()) return users.add_lines(settings.user_lines, all_channels);
  if (!settings.user_lines.empty()) {
    return Error{Errc::invalid_argument,
                 "There are users in the configuration and an aclfile: which of them count would "
                 "not be clear. Keep one of both"};
  }
  const std::string path = settings.path_of(settings.aclfile);
  const auto text = read_config_file(path);
  if (text) return users.replace(*text, path, all_channels);
  return Error{Errc::invalid_argument,
               fmt::format("Error loading ACLs, opening file '{}': {}", path, text.error().detail)};
}

void follow_user_settings(Users& users, const Settings& settings) {
  users.follow_requirepass(settings.requirepass);
}

std::string file_text(const Users& users) {
  std::string text;
  for (const std::string& line : users.lines()) text.append(line) += '\n';
  return text;
}

std::vector<std::string> user_lines(const Users& users, const Settings& settings) {
  std::vector<std::string> lines;
  if (!settings.aclfile.empty()) return lines;
  for (const auto& user : users.all()) {
    if (user->name() == Users::kDefault && users.default_is_plain()) continue;
    lines.push_back(quote_each(fmt::format("user {} {}", user->name(), user->describe())));
  }
  return lines;
}

}  // namespace sojourn::server
