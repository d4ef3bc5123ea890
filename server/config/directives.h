#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/result.h"
#include "server/config/settings.h"
#include "server/config/values.h"

namespace sojourn::server {

// Flags of a row.
inline constexpr std::uint16_t kImmutable = 1 << 0;  // CONFIG SET refuses it, as Redis does
inline constexpr std::uint16_t kStartOnly = 1
                                            << 1;  // fixed here once the server runs, not in Redis
inline constexpr std::uint16_t kProtected = 1 << 2;  // CONFIG SET only by enable-protected-configs
inline constexpr std::uint16_t kSecret = 1 << 3;     // its value is in no message
inline constexpr std::uint16_t kFileOnly = 1 << 4;   // CONFIG does not know it
inline constexpr std::uint16_t kAdds = 1 << 5;       // each line adds to those before it
inline constexpr std::uint16_t kSwitch = 1
                                         << 6;  // for one start: `--name` is yes, REWRITE omits it
inline constexpr std::uint16_t kOurs = 1 << 7;  // not in Redis
inline constexpr std::uint16_t kTls = 1 << 8;   // CONFIG SET tries it out, with all others of TLS

// One directive. With get and put its value lives in a field of Settings; without, the directive is
// one of Redis's that has no meaning here: what was given is kept for CONFIG GET, and `summary`
// says why it does nothing.
struct Directive {
  std::string_view name;
  Kind kind;
  std::string_view summary;
  std::uint16_t flags = 0;
  std::string_view old_name = {};  // Redis's name for it of old; both work
  Value (*get)(const Settings&) = nullptr;
  void (*put)(Settings&, const Value&) = nullptr;
  std::string_view standard = {};  // without get and put: Redis's default
  // Start-up ends, with the summary, when another value than the default is given: to ignore it
  // would break a promise the operator relies on.
  bool refused = false;

  bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
  bool without_meaning() const { return get == nullptr; }
};

// The tables, each in its own file: what the server does, and what it only knows.
std::span<const Directive> effective_directives();
std::span<const Directive> kept_directives();
// Both, in that order.
const std::vector<const Directive*>& all_directives();

// By either name, any case; nullptr if there is none.
const Directive* find_directive(std::string_view name);
// The directive somebody who wrote `name` may have meant, or nullptr.
const Directive* similar_directive(std::string_view name);

// Where a value comes from: a line adds to earlier lines where the row says so, CONFIG SET
// replaces.
enum class Origin : std::uint8_t { line, command };

// Puts the words into the settings. An error's detail is Redis's text, or why it is refused.
Result<void> apply_directive(const Directive& directive, ConfigWords words, Origin origin,
                             Settings& settings);
// The value as CONFIG GET shows it.
std::string print_directive(const Directive& directive, const Settings& settings);
// The line that sets this value in a file.
std::string directive_line(const Directive& directive, const Settings& settings);

}  // namespace sojourn::server
