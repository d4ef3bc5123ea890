#include "server/scripting/scripts.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <unordered_map>
#include <utility>

#include "server/base/check.h"
#include "server/scripting/fiber.h"
#include "server/scripting/machine.h"
#include "server/scripting/sha1.h"
#include "server/scripting/shebang.h"
#include "server/scripting/tick_clock.h"

namespace sojourn::server {
namespace {

using Steady = TickClock;

constexpr char kChunkName[] = "@user_script";
constexpr std::string_view kKilled = "Script killed by user with SCRIPT KILL...";
constexpr std::string_view kStopped = "the server stops";
constexpr int kInstructionsBetweenLooks = 1000;  // some ten microseconds
// Of a script with values so large that a single instruction may take milliseconds.
constexpr int kLargeBetweenLooks = 50;
constexpr std::size_t kLargeBytes = 4u << 20;
constexpr std::chrono::milliseconds kSlice{5};      // after which it is set aside for a turn
constexpr std::chrono::hours kLongMax{24 * 36500};  // nanoseconds hold three times as much
constexpr std::size_t kShaBytes = 40;
constexpr int kRunsBetweenCollections = 50;
constexpr std::size_t kGarbageMax = 8u << 20;  // more is collected at once; see collect_garbage()
constexpr std::size_t kNoBound = std::numeric_limits<std::size_t>::max();

void* allocate(void* data, void* old, std::size_t old_bytes, std::size_t bytes) {
  auto& context = *static_cast<LuaContext*>(data);
  if (bytes == 0) {
    std::free(old);
    context.bytes -= old_bytes;
    return nullptr;
  }
  const std::size_t more = bytes > old_bytes ? bytes - old_bytes : 0;
  if (more > context.bytes_left()) return nullptr;
  // Large values are work, too. A script that is to end here finds no memory, but what its end
  // takes.
  if (more > 0 && !context.ending && !context.spend(more)) return nullptr;
  void* const made = std::realloc(old, bytes);
  if (made != nullptr) context.bytes += bytes - old_bytes;
  return made;
}

// Nothing is called but within lua_pcall and its like.
int panic(lua_State*) { CHECK(!"a Lua error that nobody catches"); }

// While this stands Lua finds memory: for what it does where nobody catches its errors.
class Unbounded {
 public:
  explicit Unbounded(LuaContext& context)
      : context_(context), bytes_max_(std::exchange(context.bytes_max, kNoBound)) {}
  ~Unbounded() { context_.bytes_max = bytes_max_; }
  Unbounded(const Unbounded&) = delete;
  Unbounded& operator=(const Unbounded&) = delete;

 private:
  LuaContext& context_;
  const std::size_t bytes_max_;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

}  // namespace

struct Scripts::Machine {
  explicit Machine(Scripts& scripts, std::string_view redis_version)
      : scripts(scripts), redis_version(redis_version) {
    context.bytes_max = kMemoryMax;
    context.machine = this;
    lua = lua_newstate(allocate, &context);
    CHECK(lua != nullptr);
    lua_atpanic(lua, panic);
    CHECK(lua_cpcall(lua, open, this) == 0);
    machine_bytes = live_bytes = context.bytes;
  }
  ~Machine() {
    while (!fiber.ended()) {
      context.ending = true;
      context.why = kStopped;
      fiber.go_on();
    }
    lua_close(lua);
  }

  static Machine& of(lua_State* lua) { return *static_cast<Machine*>(context_of(lua).machine); }
  // Any function called with this as its only argument.
  static Machine& from_argument(lua_State* lua) {
    auto* const machine = static_cast<Machine*>(lua_touserdata(lua, 1));
    lua_settop(lua, 0);
    return *machine;
  }
  static int open(lua_State* lua) {
    Machine& machine = from_argument(lua);
    push_sandbox(lua, machine.redis_version);
    machine.globals = luaL_ref(lua, LUA_REGISTRYINDEX);
    // Lua's parser does not hold on to the name of what it parses; here it is held for ever.
    lua_pushstring(lua, kChunkName);
    luaL_ref(lua, LUA_REGISTRYINDEX);
    // Nor is there memory, perhaps, for what Lua says when an error meets another.
    lua_pushliteral(lua, "error in error handling");
    luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
  }

  // --- known scripts ---
  static int compile(lua_State* lua);
  const Script* add(std::string sha, const Shebang& shebang, bool kept);
  void forget_one();

  // --- the script that runs ---
  static void run_in_fiber(void* machine) { static_cast<Machine*>(machine)->run_all(); }
  void run_all();
  static int run_protected(lua_State* lua);
  void push_words(const char* name, std::span<const std::string_view> words);
  void end();
  void collect_garbage();
  void collect_all();
  static int forget_words(lua_State* lua);
  static void look(lua_State* lua, lua_Debug*);
  static void look(LuaContext& context);
  int instructions_to_next_look() const;
  void look_at_time();
  void become_slow();
  void become_long();
  void end_if_wanted();
  bool is(std::uint32_t bit) const {
    return (scripts.state_.load(std::memory_order_acquire) & bit) != 0;
  }
  Step step();
  void publish_figures();

  Scripts& scripts;
  const std::string_view redis_version;
  LuaContext context;
  lua_State* lua = nullptr;
  int globals = 0;
  std::size_t machine_bytes = 0;
  std::size_t live_bytes = 0;  // after all garbage was collected last
  std::unordered_map<std::string, Script, TextHash, std::equal_to<>> known;
  std::size_t evaluated = 0;  // of them, those that are not kept
  std::uint64_t uses = 0;
  std::string_view compiling;  // compile()'s argument
  int compiled = 0;            // and its result
  std::uint32_t seeds = std::random_device{}();

  Fiber fiber;
  const Script* script = nullptr;
  const Request* request = nullptr;  // until the script begins
  protocol::Version version = protocol::Version::resp2;
  std::chrono::milliseconds long_after{};
  Steady::time_point began{};
  Steady::time_point slice_began{};
  bool given_up = false;
  int runs = 0;
  std::string reply;
  std::atomic<std::size_t> known_count{0};
  std::atomic<std::size_t> total_bytes{0};
};

// --- known scripts ---

int Scripts::Machine::compile(lua_State* lua) {
  Machine& machine = from_argument(lua);
  const std::string_view text = machine.compiling;
  if (text.starts_with(LUA_SIGNATURE[0])) return luaL_error(lua, "user_script:1: bytecode");
  if (luaL_loadbuffer(lua, text.data(), text.size(), kChunkName) != 0) return lua_error(lua);
  machine.compiled = luaL_ref(lua, LUA_REGISTRYINDEX);
  return 0;
}

void Scripts::Machine::publish_figures() {
  known_count.store(known.size(), std::memory_order_relaxed);
  total_bytes.store(context.bytes, std::memory_order_relaxed);
}

// Of 500 the one that was used longest ago.
void Scripts::Machine::forget_one() {
  const Unbounded unbounded(context);
  auto oldest = known.end();
  for (auto at = known.begin(); at != known.end(); ++at) {
    if (at->second.kept) continue;
    if (oldest == known.end() || at->second.last_use < oldest->second.last_use) oldest = at;
  }
  luaL_unref(lua, LUA_REGISTRYINDEX, oldest->second.function);
  known.erase(oldest);
  --evaluated;
}

const Script* Scripts::Machine::add(std::string sha, const Shebang& shebang, bool kept) {
  if (!kept && evaluated >= kEvaluatedMax) forget_one();
  evaluated += kept ? 0 : 1;
  Script& script = known[sha];
  script = {.sha = sha,
            .has_flags = shebang.there,
            .no_writes = shebang.no_writes,
            .allow_oom = shebang.allow_oom,
            .function = compiled,
            .kept = kept,
            .last_use = ++uses};
  publish_figures();
  return &script;
}

Scripts::Scripts(std::string_view redis_version)
    : machine_(std::make_unique<Machine>(*this, redis_version)) {}
Scripts::~Scripts() = default;

Result<const Script*> Scripts::load(std::string_view text, bool kept) {
  Machine& machine = *machine_;
  std::string sha = sha1_hex(text);
  if (const auto found = machine.known.find(sha); found != machine.known.end()) {
    Script& script = found->second;
    if (kept && !script.kept) {
      script.kept = true;
      --machine.evaluated;
    }
    script.last_use = ++machine.uses;
    return &script;
  }
  const auto shebang = read_shebang(text);
  if (!shebang) return shebang.error();
  machine.compiling = text.substr(shebang->bytes);
  machine.context.bytes_max = machine.machine_bytes + kMemoryMax;
  if (lua_cpcall(machine.lua, Machine::compile, &machine) != 0) {
    std::string why("ERR Error compiling script (new function): ");
    why += to_view(machine.lua, -1);
    lua_pop(machine.lua, 1);
    machine.collect_garbage();
    return Error{Errc::invalid_argument, std::move(why)};
  }
  return machine.add(std::move(sha), *shebang, kept);
}

const Script* Scripts::find(std::string_view sha) const {
  if (sha.size() != kShaBytes) return nullptr;
  std::array<char, kShaBytes> lower;
  std::transform(sha.begin(), sha.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  const auto found = machine_->known.find(std::string_view(lower.data(), lower.size()));
  return found != machine_->known.end() ? &found->second : nullptr;
}

void Scripts::flush() {
  Machine& machine = *machine_;
  const Unbounded unbounded(machine.context);
  for (const auto& [sha, script] : machine.known) {
    luaL_unref(machine.lua, LUA_REGISTRYINDEX, script.function);
  }
  machine.known.clear();
  machine.evaluated = 0;
  machine.collect_all();
  machine.publish_figures();
}

// --- running ---

void Scripts::Machine::push_words(const char* name, std::span<const std::string_view> words) {
  lua_createtable(lua, static_cast<int>(words.size()), 0);
  for (std::size_t i = 0; i < words.size(); ++i) {
    push_view(lua, words[i]);
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua, -2, name);
}

int Scripts::Machine::run_protected(lua_State* lua) {
  Machine& machine = from_argument(lua);
  lua_pushcfunction(lua, error_with_place);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, machine.globals);
  machine.push_words("KEYS", machine.request->keys);
  machine.push_words("ARGV", machine.request->arguments);
  lua_pop(lua, 1);
  machine.context.look = look;  // not before: the request's words may be gone once it is left
  lua_rawgeti(lua, LUA_REGISTRYINDEX, machine.script->function);
  const int status = lua_pcall(lua, 0, 1, 1);
  BoundedText reply(lua, std::move(machine.reply));
  if (status == 0) {
    write_value(lua, reply, machine.version);
  } else {
    protocol::ReplyWriter(reply.buffer(), machine.version)
        .error(describe_error(lua, machine.script->sha));
  }
  machine.reply = std::move(reply).take();
  return 0;
}

// On the fiber's stack.
void Scripts::Machine::run_all() {
  lua_sethook(lua, look, LUA_MASKCOUNT, kInstructionsBetweenLooks);
  const bool whole = lua_cpcall(lua, run_protected, this) == 0;
  context.look = nullptr;
  if (whole) return;
  const Unbounded unbounded(context);
  reply.clear();
  protocol::ReplyWriter(reply, version).error(describe_error(lua, script->sha));
  lua_pop(lua, 1);
}

// Every so many instructions, on whatever thread of Lua's runs.
void Scripts::Machine::look(lua_State* lua, lua_Debug*) {
  Machine& machine = of(lua);
  look(machine.context);
  const int next = machine.instructions_to_next_look();
  if (next != lua_gethookcount(lua)) lua_sethook(lua, look, LUA_MASKCOUNT, next);
  if (machine.context.ending) end_script(lua, machine.context.why);
}

int Scripts::Machine::instructions_to_next_look() const {
  // Whoever catches the end of a script gets no further than to its next instruction.
  if (context.ending) return 1;
  const std::size_t used = kMemoryMax - std::min(context.bytes_left(), kMemoryMax);
  return used < kLargeBytes ? kInstructionsBetweenLooks : kLargeBetweenLooks;
}

// After so much work; who did it ends the script, if that is to be.
void Scripts::Machine::look(LuaContext& context) {
  if (!context.ending) static_cast<Machine*>(context.machine)->look_at_time();
}

void Scripts::Machine::look_at_time() {
  const Steady::time_point now = Steady::now();
  const bool becomes_long = long_after.count() != 0 && now - began >= long_after && !is(kLong);
  if (!becomes_long && now - slice_began < kSlice) return;
  total_bytes.store(context.bytes, std::memory_order_relaxed);
  if (!is(kSlow)) become_slow();
  if (becomes_long) become_long();
  fiber.leave();
  slice_began = Steady::now();
  end_if_wanted();
}

void Scripts::Machine::become_slow() {
  context.host->became_slow();
  scripts.state_.fetch_or(kSlow, std::memory_order_acq_rel);
  scripts.standing_.store(Standing::slow, std::memory_order_release);
}

void Scripts::Machine::become_long() {
  scripts.state_.fetch_or(kLong, std::memory_order_acq_rel);
  scripts.standing_.store(Standing::busy, std::memory_order_release);
  context.host->became_long();
}

void Scripts::Machine::end_if_wanted() {
  const bool stopping = scripts.stopping();
  if (!stopping && !is(kToEnd)) return;
  given_up = given_up || stopping;
  context.ending = true;
  context.why = stopping ? kStopped : kKilled;
}

Scripts::Step Scripts::Machine::step() {
  if (!fiber.ended()) return Step::set_aside;
  end();
  return given_up ? Step::given_up : Step::ended;
}

void Scripts::Machine::end() {
  // What a script held that was given up after it had written stays held: all are told until the
  // process ends.
  const bool lost = given_up && is(kWrote);
  const bool told = is(kSlow | kLong);
  scripts.state_.store(lost ? std::uint32_t{kLong} : 0, std::memory_order_release);
  if (told) {
    scripts.standing_.store(lost ? Standing::busy : Standing::none, std::memory_order_release);
  }
  collect_garbage();
  total_bytes.store(context.bytes, std::memory_order_relaxed);
}

// To collect all takes the longer the more is alive, so as much more garbage is let be.
void Scripts::Machine::collect_garbage() {
  const Unbounded unbounded(context);
  live_bytes = std::min(live_bytes, context.bytes);
  if (context.bytes - live_bytes > kGarbageMax + live_bytes / 2) {
    if (lua_cpcall(lua, forget_words, this) != 0) lua_pop(lua, 1);
    collect_all();
  } else if (++runs % kRunsBetweenCollections == 0) {
    lua_gc(lua, LUA_GCSTEP, 2);
  }
}

void Scripts::Machine::collect_all() {
  lua_gc(lua, LUA_GCCOLLECT, 0);
  live_bytes = context.bytes;
}

// What a script was called with would stay until the next one comes.
int Scripts::Machine::forget_words(lua_State* lua) {
  lua_rawgeti(lua, LUA_REGISTRYINDEX, from_argument(lua).globals);
  for (const char* name : {"KEYS", "ARGV"}) {
    lua_pushnil(lua);
    lua_setfield(lua, -2, name);
  }
  return 0;
}

Scripts::Step Scripts::run(const Script& script, const Request& request, ScriptHost& host) {
  Machine& machine = *machine_;
  CHECK(machine.fiber.ended());
  LuaContext& context = machine.context;
  context.bytes_max = context.bytes + kMemoryMax;
  context.host = &host;
  context.version = protocol::Version::resp2;
  context.json = {};
  context.random = {0x330e, static_cast<unsigned short>(++machine.seeds),
                    static_cast<unsigned short>(machine.seeds >> 16)};
  context.ending = false;
  machine.script = &script;
  machine.request = &request;
  machine.version = request.version;
  machine.long_after = std::min<std::chrono::milliseconds>(request.long_after, kLongMax);
  machine.began = machine.slice_began = Steady::now();
  machine.given_up = false;
  context.work = 0;
  state_.store(kRuns, std::memory_order_release);
  machine.fiber.start(Machine::run_in_fiber, &machine);
  return machine.step();
}

Scripts::Step Scripts::go_on() {
  machine_->fiber.go_on();
  return machine_->step();
}

std::string_view Scripts::reply() const { return machine_->reply; }

void Scripts::drop_reply() {
  if (machine_->reply.capacity() > kBufferKeptMax) std::string().swap(machine_->reply);
}

bool Scripts::begin_to_write() {
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  while ((seen & (kWrote | kToEnd)) == 0 &&
         !state_.compare_exchange_weak(seen, seen | kWrote, std::memory_order_acq_rel)) {
  }
  return (seen & kToEnd) == 0;
}

bool Scripts::end_unless_it_wrote() {
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  while ((seen & kWrote) == 0 &&
         !state_.compare_exchange_weak(seen, seen | kToEnd, std::memory_order_acq_rel)) {
  }
  return (seen & kWrote) == 0;
}

void Scripts::give_up() { machine_->given_up = true; }

Scripts::Kill Scripts::kill() {
  std::uint32_t seen = state_.load(std::memory_order_acquire);
  do {
    if ((seen & kLong) == 0) return Kill::no_script;
    if ((seen & kWrote) != 0) return Kill::has_written;
  } while (!state_.compare_exchange_weak(seen, seen | kToEnd, std::memory_order_acq_rel));
  return Kill::done;
}

Scripts::Figures Scripts::figures() const {
  const Machine& machine = *machine_;
  const std::size_t total = machine.total_bytes.load(std::memory_order_relaxed);
  return {.scripts = machine.known_count.load(std::memory_order_relaxed),
          .script_bytes = total - std::min(total, machine.machine_bytes),
          .machine_bytes = total};
}

}  // namespace sojourn::server
