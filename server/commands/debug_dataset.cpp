// What DEBUG does with all the data there is: a digest of it, and made-up keys.

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "server/cache/hash_view.h"
#include "server/cache/scored_member.h"
#include "server/commands/call.h"
#include "server/commands/debug.h"
#include "server/commands/errors.h"
#include "server/commands/services.h"
#include "server/commands/unfinished.h"

namespace sojourn::server {
namespace {

// Redis's digest of a dataset (its debug.c): SHA-1 sums, chained where order matters and combined
// by exclusive or where it does not. The same data have the same digest here and there.
class Digest {
 public:
  // The same parts in any order make the same digest.
  void add(std::string_view part) {
    std::array<unsigned char, SHA_DIGEST_LENGTH> sum;
    SHA1(reinterpret_cast<const unsigned char*>(part.data()), part.size(), sum.data());
    for (std::size_t i = 0; i < sum.size(); ++i) sum_[i] ^= sum[i];
  }
  void add(const Digest& part) { add(part.bytes()); }
  void append(std::string_view part) {
    add(part);
    const auto chained = sum_;
    SHA1(chained.data(), chained.size(), sum_.data());
  }
  void append_number(std::uint32_t number) {
    static_assert(std::endian::native == std::endian::little);
    const std::uint32_t big_endian = __builtin_bswap32(number);
    append({reinterpret_cast<const char*>(&big_endian), sizeof big_endian});
  }

  std::string hex() const {
    std::string text;
    for (const unsigned char byte : sum_) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(sum_.data()), sum_.size()};
  }

  std::array<unsigned char, SHA_DIGEST_LENGTH> sum_{};
};

std::uint32_t redis_type(ValueType type) {
  constexpr std::uint32_t kString = 0, kSet = 2, kSortedSet = 3, kHash = 4;
  switch (type) {
    case ValueType::set:
      return kSet;
    case ValueType::sorted_set:
      return kSortedSet;
    case ValueType::hash:
      return kHash;
    default:
      return kString;
  }
}

void add_fields(Digest& digest, const Entry& entry, Time now) {
  const ValueType type = entry.type();
  HashView(entry).for_each_until(
      [&](std::string_view field, std::string_view value, Time deadline) {
        if (deadline <= now) return;
        if (type == ValueType::set) return digest.add(field);
        Digest of_field;
        of_field.append(field);
        of_field.append(type == ValueType::sorted_set ? fmt::format("{:.17g}", decode_score(value))
                                                      : std::string(value));
        if (deadline != kNever) of_field.add("!!hexpire!!");
        digest.add(of_field);
      });
}

void append_value(Digest& digest, const Entry& entry, Time now) {
  digest.append_number(redis_type(entry.type()));
  if (entry.has_fields()) {
    add_fields(digest, entry, now);
  } else {
    digest.append(entry.string());
  }
  if (entry.has_deadline()) digest.add("!!expire!!");
}

// False when what it holds is away and cannot be read.
bool append_value_of(Digest& digest, const Keyspace& keyspace, const Entry& entry,
                     std::uint16_t database, Time now) {
  return !keyspace.with_value(
      entry, database, [&](const Entry& with_value) { append_value(digest, with_value, now); });
}

struct DigestSoFar : Unfinished {
  Digest digest;
  std::uint16_t database = 0;
  bool database_begun = false;
  bool whole = true;
  std::size_t shard = 0;
};

constexpr std::size_t kKeysInATurn = 500;

void digest_some(Call& call, DigestSoFar& so_far) {
  so_far.shard = call.services.keyspace.walk(
      so_far.database, so_far.shard, kKeysInATurn,
      [&](const Entry& entry) {
        if (!so_far.database_begun) so_far.digest.append_number(so_far.database);
        so_far.database_begun = true;
        Digest of_key;
        of_key.append(entry.key());
        so_far.whole =
            append_value_of(of_key, call.services.keyspace, entry, so_far.database, call.now) &&
            so_far.whole;
        so_far.digest.add(of_key);
      },
      call.held());
}

}  // namespace

void debug_digest(Call& call) {
  auto& so_far = call.so_far<DigestSoFar>();
  digest_some(call, so_far);
  if (so_far.shard == Keyspace::kNoShard) {
    ++so_far.database;
    so_far.database_begun = false;
    so_far.shard = 0;
  }
  if (so_far.database < call.services.keyspace.databases()) return call.next_turn();
  if (!so_far.whole) return call.refuse(kUnreadable);
  call.reply.simple(so_far.digest.hex());
}

void debug_digest_value(Call& call) {
  const protocol::Words names = call.words().subspan(2);
  Keyspace& keyspace = call.services.keyspace;
  std::vector<std::string> digests;
  for (const std::string_view name : names) {
    const std::array keys{keyspace.key(call.connection.database, name)};
    std::optional<Transaction> own;
    if (call.held() == nullptr) own.emplace(keyspace, keys, call.now);
    if (own && !own->began()) return call.run_again_at(call.now);
    Digest digest;
    const Entry* entry = (own ? *own : *call.held()).peek(keys[0]);
    if (entry != nullptr &&
        !append_value_of(digest, keyspace, *entry, keys[0].database, call.now)) {
      return call.refuse(kUnreadable);
    }
    digests.push_back(digest.hex());
  }
  call.reply.array(digests.size());
  for (const std::string& digest : digests) call.reply.simple(digest);
}

namespace {

struct PopulatedSoFar : Unfinished {
  std::int64_t count = 0;
};

std::int64_t not_negative(Args& args, std::int64_t max) {
  constexpr std::string_view kOutOfRange = "ERR value is out of range, must be positive";
  const std::int64_t number = args.integer(kOutOfRange);
  if (number < 0 || number > max) args.fail(kOutOfRange);
  return number;
}

// "value:7", or as much of it as there is room for, and zero bytes behind it.
std::string made_up_value(std::int64_t number, std::optional<std::int64_t> bytes) {
  std::string value = fmt::format("value:{}", number);
  if (bytes) value.resize(static_cast<std::size_t>(*bytes));
  return value;
}

// False when somebody holds the key for long.
bool put_if_absent(Call& call, std::string name, std::string value) {
  Keyspace& keyspace = call.services.keyspace;
  const std::array keys{keyspace.key(call.connection.database, call.keep(std::move(name)))};
  std::optional<Transaction> own;
  if (call.held() == nullptr) own.emplace(keyspace, keys, call.now);
  if (own && !own->began()) return false;
  Transaction& transaction = own ? *own : *call.held();
  if (transaction.peek(keys[0]) != nullptr) return true;
  transaction.put_string(keys[0], call.keep(std::move(value)), kNever);
  if (own) call.hold_until(own->finish());
  return true;
}

}  // namespace

void debug_populate(Call& call) {
  constexpr std::int64_t kValueBytesMax = 512 * 1024 * 1024;  // Redis's for a string
  constexpr std::size_t kBytesInATurn = 256 * 1024;
  Args args = call.args();
  const std::int64_t count = not_negative(args, std::numeric_limits<std::int64_t>::max());
  const std::string_view prefix = args.empty() ? "key" : args.word();
  std::optional<std::int64_t> bytes;
  if (!args.empty()) bytes = not_negative(args, kValueBytesMax);
  if (!args.done()) return call.refuse(args.error());
  auto& so_far = call.so_far<PopulatedSoFar>();
  std::size_t written = 0;
  for (std::size_t i = 0; i < kKeysInATurn && written < kBytesInATurn; ++i, ++so_far.count) {
    if (so_far.count == count) return call.reply.ok();
    if (!put_if_absent(call, fmt::format("{}:{}", prefix, so_far.count),
                       made_up_value(so_far.count, bytes))) {
      break;
    }
    written += static_cast<std::size_t>(bytes.value_or(0));
  }
  call.next_turn();
}

}  // namespace sojourn::server
