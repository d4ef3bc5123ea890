#include <fmt/format.h>

#include <random>
#include <string>

#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

constexpr int kFloors = 4;
constexpr int kWindows = 9;

// An inn at night: some of its guests are still awake.
std::string draw_inn(std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string inn =
      "             ___________\n            /           \\\n   ________/   SOJOURN   \\________\n";
  for (int floor = 0; floor < kFloors; ++floor) {
    inn += "  |";
    for (int window = 0; window < kWindows; ++window) inn += random() % 3 == 0 ? " ▓ " : " ░ ";
    inn += "   |\n";
  }
  inn += "  |____________|  |____________|\n";
  return inn;
}

}  // namespace

void lolwut(Call& call) {
  Args args = call.args();
  std::uint32_t seed = static_cast<std::uint32_t>(unix_ms(call.now));
  if (args.left() >= 2 && args.option("VERSION")) seed = static_cast<std::uint32_t>(args.integer());
  if (args.failed()) return call.refuse(args.error());
  call.reply.verbatim("txt", fmt::format("{}\nSojourn ver. {}\n", draw_inn(seed), kVersion));
}

}  // namespace sojourn::server
