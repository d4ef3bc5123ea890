#include "server/commands/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "server/base/glob.h"
#include "server/base/numbers.h"
#include "server/cache/hash_view.h"
#include "server/cache/scored_member.h"
#include "server/commands/errors.h"
#include "server/commands/generic.h"
#include "server/commands/long_array.h"
#include "server/commands/services.h"

namespace sojourn::server {

bool ScanOptions::fits(std::string_view name) const {
  return !pattern || *pattern == "*" || glob_match(*pattern, name);
}

std::uint64_t scan_cursor(Args& args) {
  const std::string text(args.word());
  char* end = nullptr;
  errno = 0;
  const std::uint64_t cursor = std::strtoull(text.c_str(), &end, 10);
  const bool leading_space = std::isspace(static_cast<unsigned char>(*text.c_str())) != 0;
  if (leading_space || *end != '\0' || errno == ERANGE) args.fail("ERR invalid cursor");
  return cursor;
}

ScanOptions scan_options(Args& args, ScanOf what) {
  ScanOptions options;
  while (!args.empty() && !args.failed()) {
    if (args.option("COUNT")) {
      const std::string_view number = args.word();
      if (args.failed()) break;
      const std::optional<std::int64_t> count = parse_integer(number);
      if (!count) {
        args.fail(kNotAnInteger);
      } else if (*count < 1) {
        args.fail(kSyntaxError);
      } else {
        options.count = std::min(static_cast<std::size_t>(*count), kScanAtOnce);
      }
    } else if (args.option("MATCH")) {
      options.pattern = args.word();
    } else if (what == ScanOf::keys && args.option("TYPE")) {
      options.type = args.word();
    } else {
      args.fail(kSyntaxError);
    }
  }
  return options;
}

void CountedReplies::bulk(std::string_view bytes) {
  writer_.bulk(bytes);
  ++count_;
}

void CountedReplies::finish_array() {
  reply_.array(count_);
  reply_.raw(body_);
}

void scan(Call& call) {
  Args args = call.args();
  const std::uint64_t cursor = scan_cursor(args);
  const ScanOptions options = scan_options(args, ScanOf::keys);
  if (!args.done()) return call.refuse(args.error());
  CountedReplies names(call.reply);
  const std::optional<std::uint64_t> next = call.services.keyspace.scan(
      call.connection.database, cursor, options.count,
      [&](const Entry& entry) {
        if (options.type && !equal_any_case(*options.type, type_name(entry.type()))) return;
        if (options.fits(entry.key())) names.bulk(entry.key());
      },
      call.held());
  if (!next) return call.run_again_at(call.now);
  call.reply.array(2);
  call.reply.bulk(std::to_string(*next));
  names.finish_array();
}

namespace {

// Redis prints the score of a small set with the digits it needs, that of a large one with 17.
std::string score_text(const Entry& entry, double score) {
  if (entry.fields_form() == FieldsForm::table) return fmt::format("{:.17g}", score);
  return protocol::print_real(score);
}

}  // namespace

void scan_fields(Call& call, ValueType type) {
  Args args = call.args();
  const Key key = args.key();
  const std::uint64_t cursor = scan_cursor(args);
  if (args.failed()) return call.refuse(args.error());
  const Entry* entry = call.look(key);
  if (call.refuse_unless(entry, type)) return;
  if (entry == nullptr) {
    call.reply.array(2);
    call.reply.bulk("0");
    return call.reply.array(0);
  }
  // Redis looks at the options only once it has found a hash.
  const ScanOptions options = scan_options(args, ScanOf::fields);
  if (!args.done()) return call.refuse(args.error());
  CountedReplies fields(call.reply);
  const std::uint64_t next = HashView(*entry).scan(
      cursor, options.count, [&](std::string_view name, std::string_view value) {
        if (!options.fits(name)) return;
        fields.bulk(name);
        if (type == ValueType::hash) fields.bulk(value);
        if (type == ValueType::sorted_set) fields.bulk(score_text(*entry, decode_score(value)));
      });
  call.reply.array(2);
  call.reply.bulk(std::to_string(next));
  fields.finish_array();
}

namespace {

struct KeysSoFar : Unfinished {
  explicit KeysSoFar(protocol::Version version) : names(version) {}
  std::size_t bytes() const override { return names.bytes(); }

  std::size_t shard = 0;
  LongArray names;
};

}  // namespace

// Redis answers with the keys of one moment. Here others go on meanwhile, SWAPDB among them.
void keys(Call& call) {
  constexpr std::size_t kLookedAtInATurn = 250;  // some 40 us
  const ScanOptions options{.pattern = call.words()[1], .type = {}};
  auto& so_far = call.so_far<KeysSoFar>(call.reply.version());
  if (so_far.shard != Keyspace::kNoShard) {
    so_far.shard = call.services.keyspace.walk(
        call.connection.database, so_far.shard, kLookedAtInATurn,
        [&](const Entry& entry) {
          if (options.fits(entry.key())) so_far.names.bulk(entry.key());
        },
        call.held());
    if (so_far.shard != Keyspace::kNoShard) return call.next_turn();
  }
  if (!so_far.names.write_some(call.reply)) call.next_turn();
}

}  // namespace sojourn::server
