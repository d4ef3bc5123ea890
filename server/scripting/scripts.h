#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocol/reply_writer.h"
#include "server/base/result.h"
#include "server/scripting/script_host.h"

namespace sojourn::server {

// A script that is known: compiled, and found by the SHA-1 of its text.
struct Script {
  std::string sha;             // 40 hexadecimal digits, small letters
  bool has_flags = false;      // its first line is "#!lua ..."
  bool no_writes = false;      // may only read
  bool allow_oom = false;      // runs, and may write, although memory is out
  int function = 0;            // where the machine keeps it
  bool kept = false;           // SCRIPT LOAD: stays until SCRIPT FLUSH
  std::uint64_t last_use = 0;  // of those that EVAL brought
};

// The server's scripts and the one Lua they run in, one script at a time.
//
// What a script may do is bounded: it sees Redis's API and the harmless part of Lua's libraries,
// cannot change what the next script will see, and has kMemoryMax bytes beside the scripts that are
// known. It may take as long as it likes: when it takes more than a few milliseconds it is set
// aside now and then (see Step::set_aside), so that its own worker can serve others, too; and who
// waits for it is told after a while.
//
// Threading: as marked.
class Scripts {
 public:
  static constexpr std::size_t kMemoryMax = 256u << 20;
  // Of scripts that EVAL brought, the ones used longest ago are forgotten; their texts come again.
  static constexpr std::size_t kEvaluatedMax = 500;

  // `redis_version` is what scripts are told; it must outlive this.
  explicit Scripts(std::string_view redis_version);
  ~Scripts();
  Scripts(const Scripts&) = delete;
  Scripts& operator=(const Scripts&) = delete;

  // --- one thread at a time: who holds a growing Transaction ---
  // The script of this text, compiled unless it is known. `kept`: until flush(). Fails with an
  // error reply. Holds until the next load() or flush().
  Result<const Script*> load(std::string_view text, bool kept);
  const Script* find(std::string_view sha) const;  // any case; nullptr when it is not known
  void flush();

  enum class Step : std::uint8_t {
    ended,      // reply() is the reply
    set_aside,  // it goes on with go_on(), by the same thread, soon
    given_up,   // as give_up() or stop() wanted; there is no reply
  };
  struct Request {
    std::span<const std::string_view> keys;
    std::span<const std::string_view> arguments;
    protocol::Version version = protocol::Version::resp2;  // of the reply
    std::chrono::milliseconds long_after{5000};            // 0: it never is
  };
  // Views need hold until it returns only; the host until the script ends.
  Step run(const Script& script, const Request& request, ScriptHost& host);
  Step go_on();
  std::string_view reply() const;
  void drop_reply();  // gives its memory back, if it is large
  // From within ScriptHost::call(). The first is to be asked before anything is changed: false when
  // the script was killed in time. After the second there is no reply: see Step::given_up.
  bool begin_to_write();
  void give_up();
  // Nobody wants it any more. False if it has written and has to go on; otherwise it ends with the
  // next go_on().
  bool end_unless_it_wrote();

  // --- any thread ---
  // What a script that runs means to others.
  enum class Standing : std::uint8_t {
    none,
    slow,  // what it holds is held for long; everything else is served
    busy,  // it runs for so long that everybody is told, not served
  };
  Standing standing() const { return standing_.load(std::memory_order_relaxed); }
  bool runs_long() const { return standing() == Standing::busy; }
  enum class Kill : std::uint8_t { done, no_script, has_written };
  Kill kill();  // of one that runs long
  // The server stops: a script that is slow is given up from now on, whatever it has done.
  void stop() { stopping_.store(true, std::memory_order_release); }
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  struct Figures {
    std::size_t scripts = 0;
    std::size_t script_bytes = 0;  // what they take beside the machine
    std::size_t machine_bytes = 0;
  };
  Figures figures() const;

 private:
  struct Machine;
  // Of the script that runs, all in one word: who kills it must not meet another one.
  enum : std::uint32_t { kRuns = 1, kWrote = 2, kSlow = 4, kLong = 8, kToEnd = 16 };
  std::atomic<std::uint32_t> state_{0};
  std::atomic<bool> stopping_{false};
  // What state_ means to others: every request of every worker asks for it, so it has a cache line
  // that no script writes to which is done in no time.
  alignas(64) std::atomic<Standing> standing_{Standing::none};
  alignas(64) std::unique_ptr<Machine> machine_;
};

}  // namespace sojourn::server
