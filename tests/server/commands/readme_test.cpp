#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "server/commands/command_traits.h"
#include "server/commands/registry.h"
#include "server/commands/syntax.h"

namespace sojourn::server {
namespace {

const std::filesystem::path kReadme = SOJOURN_COMMANDS_README;
constexpr std::string_view kTableBegins = "| Command | Group | Since | What it does |\n";

std::string read_readme() {
  std::ifstream file(kReadme);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string row_of(const Command& row, std::string_view name) {
  std::string usage(name);
  std::transform(usage.begin(), usage.end(), usage.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  if (!row.syntax.empty()) usage.append(" ").append(usage_of(row));
  return "| `" + escaped(usage) + "` | " + std::string(group_name(row.group)) + " | " +
         std::string(row.since) + " | " + escaped(row.summary) + " |\n";
}

// What the registry says, by group and name.
std::string table() {
  const Registry registry;
  std::vector<const Command*> commands(registry.all().begin(), registry.all().end());
  std::sort(commands.begin(), commands.end(), [](const Command* a, const Command* b) {
    return std::pair(a->group, a->name) < std::pair(b->group, b->name);
  });
  std::string out(kTableBegins);
  out += "|---|---|---|---|\n";
  for (const Command* command : commands) {
    if (command->run != nullptr) out += row_of(*command, command->name);
    for (const Command& sub : command->subcommands) {
      out += row_of(sub, std::string(command->name).append(" ").append(sub.name));
    }
  }
  return out;
}

// The table is the README's last part. With SOJOURN_UPDATE_README set it is written anew.
TEST(CommandsReadme, TableIsWhatTheRegistrySays) {
  const std::string readme = read_readme();
  const std::size_t begins = readme.find(kTableBegins);
  ASSERT_NE(begins, std::string::npos) << "no table in " << kReadme;
  if (std::getenv("SOJOURN_UPDATE_README") != nullptr) {
    std::ofstream(kReadme) << readme.substr(0, begins) << table();
    return;
  }
  EXPECT_EQ(readme.substr(begins), table())
      << "run this test with SOJOURN_UPDATE_README=1 to bring the table up to date";
}

}  // namespace
}  // namespace sojourn::server
