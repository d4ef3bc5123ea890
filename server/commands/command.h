#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sojourn::server {

class Call;

// How many words a request of a command has, its name (and subcommand) included; in Redis's terms
// the arity is positive for exactly, negative for at least.
struct Arity {
  std::int16_t words = 0;
};
constexpr Arity exactly(int words) { return {static_cast<std::int16_t>(words)}; }
constexpr Arity at_least(int words) { return {static_cast<std::int16_t>(-words)}; }

// What the gates, ACL categories and COMMAND INFO need to know of a command.
enum Flags : std::uint64_t {
  kNone = 0,
  kWrite = 1ull << 0,     // may change what is stored: needs good storage, waits for the journal
  kReadOnly = 1ull << 1,  // reads what is stored
  kDenyOom = 1ull << 2,   // may make it larger: refused when memory is out
  kAdmin = 1ull << 3,
  kDangerous = 1ull << 4,  // ACL category only
  kFast = 1ull << 5,       // O(1) or O(log n)
  kNoAuth = 1ull << 6,     // allowed before authentication
  kLoading = 1ull << 7,    // COMMAND INFO only: Sojourn always serves
  kStale = 1ull << 8,      // COMMAND INFO only
  kNoScript = 1ull << 9,
  kNoMulti = 1ull << 10,
  kPubSub = 1ull << 11,
  kSkipSlowlog = 1ull << 12,
  kSkipMonitor = 1ull << 13,
  // Looks at all keys (SCAN, KEYS, DBSIZE, RANDOMKEY): waits until warm.
  kWholeKeyspace = 1ull << 14,
  kConnection = 1ull << 15,         // ACL category @connection
  kDebug = 1ull << 16,              // behind enable-debug-command
  kNeverPaused = 1ull << 17,        // runs during CLIENT PAUSE (CLIENT itself, AUTH, HELLO, ...)
  kKeyspace = 1ull << 18,           // ACL category @keyspace
  kTouchesRandomKeys = 1ull << 19,  // COMMAND INFO: what it returns, nobody can foretell
  kHealth = 1ull << 20,         // asks whether all is well (PING): an error once storage has failed
  kAdminCategory = 1ull << 21,  // ACL category @admin without the flag
  kAllowBusy = 1ull << 22,      // runs while a script runs for long, unless it has keys
  kNoAsyncLoading = 1ull << 23,  // COMMAND INFO only
  kSecretWords = 1ull << 24,     // its words are not for the slow log (AUTH)
  // --- in transactions ---
  kTransactionCategory = 1ull << 25,  // ACL category @transaction
  kNotQueued = 1ull << 26,            // runs at once between MULTI and EXEC
  kRunsQueue = 1ull << 27,            // runs what is queued (EXEC)
  // Looks at, or changes, more than keys its row declares: where it is queued, EXEC holds all
  // shards; see Call::held().
  kAllShards = 1ull << 28,
  kSelects = 1ull << 29,    // what is queued behind it runs in another database
  kWaits = 1ull << 30,      // may ask to be run again later, which EXEC cannot: not queued
  kUnordered = 1ull << 31,  // COMMAND INFO: what it returns has no order
  // --- publish and subscribe ---
  kWhileSubscribed = 1ull << 32,  // for a subscriber in RESP2, too
  kPushes = 1ull << 33,           // its replies are pushes: sent although no reply is wanted
  kPublishes = 1ull << 34,        // waits while published messages pile up
  // --- what others see ---
  kChangesConnection = 1ull << 41,  // CLIENT LIST shows it otherwise afterwards
  kSecretOption = 1ull << 42,       // of kSecretWords: only the two words behind its option AUTH
  // --- waiting for others ---
  // Holds its own connection until something happens, its time is up or CLIENT UNBLOCK ends it; in
  // EXEC it answers at once. See Call::may_wait().
  kBlocking = 1ull << 40,
  // --- scripts ---
  kGrows = 1ull << 35,  // takes more than the keys it names: runs in a growing Transaction
  kNoMandatoryKeys = 1ull << 36,  // COMMAND INFO only
  kSaysItself = 1ull << 43,       // looks for itself whether CLIENT PAUSE WRITE means it
  // --- values that are away ---
  // Asks no more of its keys than whether they are there, of what type and until when; whatever it
  // writes, it writes whole. With one of the options of its keys (SET ... GET) it does need values.
  kKeysOnly = 1ull << 44,
  kMovesDeadlines = 1ull << 45,  // one of those, and writes nothing else: see Need::touch
};
constexpr Flags operator|(Flags a, Flags b) {
  return static_cast<Flags>(static_cast<std::uint64_t>(a) | static_cast<std::uint64_t>(b));
}

// What a command does with a key, in the words of Redis's key specifications.
enum KeyUse : std::uint8_t {
  // One of these: what becomes of the key,
  kRO = 1u << 0,  // nothing
  kRW = 1u << 1,  // it is changed
  kOW = 1u << 2,  // it is overwritten, whatever it held
  kRM = 1u << 3,  // it is removed
  // and any of these: what becomes of the user's data in it. None: only its type, size or presence
  // is told.
  kAccess = 1u << 4,  // returned or copied
  kUpdate = 1u << 5,
  kInsert = 1u << 6,  // added, nothing that is there is changed
  kDelete = 1u << 7,
};
constexpr KeyUse operator|(KeyUse a, KeyUse b) {
  return static_cast<KeyUse>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}

// Which words of a request are keys: first, first + step, ... up to last (negative: counted from
// the end). The one table that execution, COMMAND GETKEYS and access control use.
struct KeySpec {
  std::int16_t first = 0;  // 0: no keys
  std::int16_t last = 0;
  std::int16_t step = 0;
  KeyUse use = kRO;            // of all keys, or of the first one if use_rest is given
  KeyUse use_rest = KeyUse{};  // of the second and later ones (RENAME, COPY)
  // Not empty: the use is less unless the request has one of these options, which stand with spaces
  // between them (SET ... GET).
  std::string_view options = {};
  KeyUse use_without_option = KeyUse{};
  std::string_view notes = {};  // for people
  // Not 0: the word that says how many keys stand behind it (SINTERCARD). `first` to `last` are
  // then keys before it, if they are, and the counted ones are used as use_rest says.
  std::int16_t counted = 0;
};
inline constexpr KeySpec no_keys{};
constexpr KeySpec one_key(KeyUse use) { return {1, 1, 1, use}; }
constexpr KeySpec one_key_unless(std::string_view options, KeyUse less, KeyUse use) {  // SET
  return {1, 1, 1, use, {}, options, less};
}
constexpr KeySpec all_keys(KeyUse use) { return {1, -1, 1, use}; }          // DEL, MGET
constexpr KeySpec every_second_key(KeyUse use) { return {1, -1, 2, use}; }  // MSET
constexpr KeySpec two_keys(KeyUse first, KeyUse second) { return {1, 2, 1, first, second}; }
constexpr KeySpec first_and_rest(KeyUse first, KeyUse rest) { return {1, -1, 1, first, rest}; }
constexpr KeySpec counted_keys(KeyUse use) {  // SINTERCARD
  KeySpec keys{2, 2, 1, use, use};
  keys.counted = 1;
  return keys;
}
constexpr KeySpec first_and_counted(KeyUse first, KeyUse counted) {  // ZUNIONSTORE
  KeySpec keys{1, 1, 1, first, counted};
  keys.counted = 2;
  return keys;
}
constexpr KeySpec key_at(int word, KeyUse use) {  // OBJECT ENCODING
  return {static_cast<std::int16_t>(word), static_cast<std::int16_t>(word), 1, use};
}
constexpr KeySpec noted(std::string_view notes, KeySpec keys) {
  keys.notes = notes;
  return keys;
}

// Which words behind the name are channels, for access control.
enum class ChannelWords : std::uint8_t {
  none,
  first,     // PUBLISH
  all,       // SUBSCRIBE
  patterns,  // all, and each is a pattern (PSUBSCRIBE)
};

// How a client of a cluster asks its nodes, and makes one reply of theirs: in Redis's words, which
// COMMAND INFO tells as tips. Empty where the keys of a request say all.
struct Spread {
  std::string_view request = {};
  std::string_view response = {};
};

// Of what is there for those who know nothing newer.
struct Deprecation {
  std::string_view since = {};  // as of Command::since; "" of what is not
  std::string_view replaced_by = {};
};

enum class Group : std::uint8_t {
  connection,
  transactions,
  generic,
  string,
  hash,
  set,
  sorted_set,
  pubsub,
  server,
  scripting,
  cluster,
};

// Everything the server knows of a command. One word, lower case; a container (CLIENT, CONFIG) has
// subcommands, whose words count from the container's name.
struct Command {
  std::string_view name;
  Arity arity;
  Flags flags = kNone;
  Spread spread = {};
  KeySpec keys = no_keys;
  KeySpec slot_words = no_keys;  // no keys, but words that choose a slot (SSUBSCRIBE)
  ChannelWords channel_words = ChannelWords::none;
  Group group = Group::generic;
  void (*run)(Call&) = nullptr;  // of a container: when its name stands alone; mostly null
  std::string_view since;        // the Redis version that introduced it, "0.1" for our own
  Deprecation deprecated = {};
  std::string_view complexity = {};  // "O(1)"; of a container that cannot run alone none
  std::string_view syntax = {};      // what follows the name, see syntax.h; "" for nothing
  std::string_view summary;          // one sentence with a full stop
  std::span<const Command> subcommands = {};

  // Filled in by the registry, in its own copy of the row; rows leave them out.
  std::string_view full_name = {};     // "get", "client|kill"
  const Command* container = nullptr;  // of a subcommand
  std::uint16_t index = 0;             // its place in WorkerMetrics::per_command

  // How many words of a request name it.
  constexpr int name_words() const { return container != nullptr ? 2 : 1; }
};

// Checked when compiled: a row that does not fit makes the static_assert beside its table fail.
constexpr bool well_formed(const Command& row) {
  if (row.name.empty() || row.summary.empty() || row.since.empty()) return false;
  for (char c : row.name) {
    if (c >= 'A' && c <= 'Z') return false;
  }
  if (row.summary.back() != '.') return false;
  if (row.run == nullptr && row.subcommands.empty()) return false;
  if (row.complexity.empty() && row.subcommands.empty()) return false;
  if (row.arity.words == 0) return false;
  if ((row.flags & kWrite) != 0 && (row.flags & kReadOnly) != 0) return false;
  if (row.keys.first != 0 && (row.keys.step <= 0 || row.keys.use == 0)) return false;
  for (const Command& sub : row.subcommands) {
    if (!sub.subcommands.empty() || !well_formed(sub)) return false;
  }
  return true;
}
constexpr bool well_formed(std::span<const Command> rows) {
  for (const Command& row : rows) {
    if (!well_formed(row)) return false;
  }
  return true;
}

}  // namespace sojourn::server
