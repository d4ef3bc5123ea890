#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/result.h"
#include "server/config/settings.h"

namespace sojourn::server {

struct Directive;

// What the command line asked for.
struct Invocation {
  enum class Action : std::uint8_t { serve, help, version, check_config } action = Action::serve;
  std::string config_file;  // absolute; empty if none
};

// The server's settings in Redis's configuration syntax, one row per directive
// (effective_directives.cpp, kept_directives.cpp). Readers take a snapshot and keep it for a turn;
// CONFIG SET puts a new one in place. Threading: any thread, but for read(), notes() and
// on_change(), which belong to start-up.
class Config {
 public:
  Config();  // the defaults

  // `sojournd [FILE] [--directive value ...]`, "-" for standard input; `arguments` without the
  // program's name. The error's detail is what start-up prints: file, line, the line's text, and
  // what was expected there.
  static Result<std::pair<Invocation, std::unique_ptr<Config>>> parse(
      std::span<const char* const> arguments);
  static std::string help();

  // Reads lines of Redis's syntax, all or none; `origin` names them in errors. Lines add to what
  // was read before.
  Result<void> read(std::string_view text, std::string_view origin);
  // What the log should say at start: directives of Redis that were given and have no meaning here,
  // with why, and settings that are weaker than they may look.
  const std::vector<std::string>& notes() const { return notes_; }

  std::shared_ptr<const Settings> current() const;
  // Changes with every CONFIG SET: a reader that has this generation's snapshot need not ask again.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Makes it change: something else that readers keep is another now (users).
  void announce() { generation_.fetch_add(1, std::memory_order_release); }

  // CONFIG GET: names and values of directives that match any of the glob patterns, in order; no
  // name twice. Values in Redis's form (memory in bytes, yes/no).
  std::vector<std::pair<std::string, std::string>> get(
      std::span<const std::string_view> patterns) const;
  // CONFIG SET: all of them or none. `local`: from a connection of this machine, which
  // enable-protected-configs may tell apart. The error's detail is Redis's reply without "-":
  // "ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config".
  Result<void> set(std::span<const std::pair<std::string_view, std::string_view>> changes,
                   bool local = false);
  // CONFIG REWRITE: writes changed settings into the file it came from, keeping its comments and
  // order; atomically (new file, fsync, rename). The error's detail is Redis's reply without "-".
  Result<void> rewrite();
  // Asked by set() about the settings it would put in place, if it names one of TLS, of the same
  // value too: the files may be others by now. An error's detail says why not, as Redis does; then
  // nothing changes. In the caller's thread. Register before serving.
  void before_tls_change(std::function<Result<void>(const Settings&)> try_out);
  // True if set() of these reads files, which a worker should not wait for.
  static bool reads_files(std::span<const std::pair<std::string_view, std::string_view>> changes);
  // Called with the new settings after each set(), in the caller's thread, to apply what is not
  // read from snapshots (log level, fsync mode). One call at a time, in the order of the changes;
  // must not call set(). Register before serving.
  void on_change(std::function<void(const Settings&)> apply);
  // Gives rewrite() the `user` lines that are to stand in the file, instead of those it has. Must
  // not call set(). Register before serving; without it such lines stay as they are.
  void on_rewrite(std::function<std::vector<std::string>(const Settings&)> user_lines);

 private:
  friend class InvocationParser;
  void publish(Settings settings);

  std::mutex changing_;       // held by set() and rewrite() from start to end
  mutable std::mutex mutex_;  // guards current_
  std::shared_ptr<const Settings> current_;
  std::atomic<std::uint64_t> generation_{1};
  std::vector<const Directive*> given_;  // by lines, in order of first appearance
  std::vector<std::string> notes_;
  std::vector<std::function<void(const Settings&)>> on_change_;
  std::function<Result<void>(const Settings&)> try_tls_;
  std::function<std::vector<std::string>(const Settings&)> user_lines_;
  std::string file_;
};

}  // namespace sojourn::server
