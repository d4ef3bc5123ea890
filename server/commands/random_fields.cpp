#include "server/commands/random_fields.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "server/base/hash_secret.h"
#include "server/cache/scored_member.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"

namespace sojourn::server {
namespace {

// A reply of more than this is refused: Redis's bound for one string, as proto-max-bulk-len has it.
constexpr std::uint64_t kReplyBytesMax = 512u * 1024 * 1024;
// The shortest element of a reply: "$0", an empty line, and their line ends.
constexpr std::uint64_t kElementBytesMin = 6;

// Fields on their way into the reply.
class FieldReplies {
 public:
  FieldReplies(protocol::ReplyWriter& reply, ValueType type, bool with_values)
      : reply_(reply), type_(type), with_values_(with_values) {}

  void start(std::size_t fields) {
    // RESP3 pairs each field with its value; RESP2 has them in one flat array.
    reply_.array(with_values_ && !pairs() ? 2 * fields : fields);
  }
  void add(std::string_view name, std::string_view value) {
    if (with_values_ && pairs()) reply_.array(2);
    reply_.bulk(name);
    if (!with_values_) return;
    type_ == ValueType::sorted_set ? reply_.real(decode_score(value)) : reply_.bulk(value);
  }
  std::size_t bytes() const { return reply_.out().size() - begin_; }
  void take_back() { reply_.out().resize(begin_); }

 private:
  bool pairs() const { return reply_.version() == protocol::Version::resp3; }

  protocol::ReplyWriter& reply_;
  ValueType type_;
  bool with_values_;
  std::size_t begin_ = reply_.out().size();
};

// `count` fields, the same one perhaps several times. False, and nothing written, when that would
// be too much: this alone can answer with more than the hash holds.
bool draw(const HashView& hash, std::uint64_t count, FieldReplies& replies) {
  if (count > kReplyBytesMax / kElementBytesMin) return false;
  Random random;
  replies.start(count);
  for (; count > 0; --count) {
    const auto [name, value] = hash.random(random.next());
    replies.add(name, value);
    if (replies.bytes() > kReplyBytesMax) {
      replies.take_back();
      return false;
    }
  }
  return true;
}

std::vector<HashView::Field> all_fields(const HashView& hash) {
  std::vector<HashView::Field> fields;
  fields.reserve(hash.size());
  hash.for_each(
      [&](std::string_view name, std::string_view value) { fields.emplace_back(name, value); });
  return fields;
}

void add_chosen(const HashView& hash, std::size_t count, FieldReplies& replies) {
  replies.start(count);
  for (const auto& [name, value] : choose_fields(hash, count)) replies.add(name, value);
}

void add_all(const HashView& hash, FieldReplies& replies) {
  replies.start(hash.size());
  hash.for_each([&](std::string_view name, std::string_view value) { replies.add(name, value); });
}

void one_field(Call& call, ValueType type) {
  const Entry* entry = call.look(call.keys()[0]);
  if (call.refuse_unless(entry, type)) return;
  if (entry == nullptr) return call.reply.null();
  call.reply.bulk(HashView(*entry).random(Random{}.next()).first);
}

// `count` from the request's words on; with values where this word asks for them.
void some_fields(Call& call, ValueType type, std::string_view values_word) {
  using Integer = std::numeric_limits<std::int64_t>;
  Args args = call.args();
  const Key key = args.key();
  const std::int64_t count =
      args.integer(-Integer::max(), Integer::max(),
                   "ERR value is out of range, value must between -9223372036854775807 and "
                   "9223372036854775807");
  const bool with_values = !values_word.empty() && args.option(values_word);
  if (!args.done()) return call.refuse(args.error());
  if (with_values && (count > Integer::max() / 2 || count < -Integer::max() / 2)) {
    return call.refuse(kOutOfRange);
  }
  const Entry* entry = call.look(key);
  if (call.refuse_unless(entry, type)) return;
  if (entry == nullptr || count == 0) return call.reply.array(0);

  const HashView fields(*entry);
  FieldReplies replies(call.reply, type, with_values);
  if (count < 0) {
    if (!draw(fields, static_cast<std::uint64_t>(-count), replies)) call.refuse(kOutOfRange);
  } else if (static_cast<std::uint64_t>(count) < fields.size()) {
    add_chosen(fields, static_cast<std::size_t>(count), replies);
  } else {
    add_all(fields, replies);
  }
}

}  // namespace

// Few are drawn until they differ, many are shuffled to the front.
std::vector<HashView::Field> choose_fields(const HashView& hash, std::size_t count) {
  count = std::min(count, hash.size());
  Random random;
  if (count > hash.size() / 3) {
    std::vector<HashView::Field> fields = all_fields(hash);
    for (std::size_t i = 0; i < count; ++i) {
      std::swap(fields[i], fields[i + random.below(fields.size() - i)]);
    }
    fields.resize(count);
    return fields;
  }
  std::vector<HashView::Field> fields;
  std::unordered_set<std::string_view, SecretHash> seen;
  while (fields.size() < count) {
    const HashView::Field field = hash.random(random.next());
    if (seen.insert(field.first).second) fields.push_back(field);
  }
  return fields;
}

void hrandfield(Call& call) {
  if (call.words().size() == 2) return one_field(call, ValueType::hash);
  some_fields(call, ValueType::hash, "WITHVALUES");
}

void srandmember(Call& call) {
  if (call.words().size() == 2) return one_field(call, ValueType::set);
  if (call.words().size() > 3) return call.refuse(kSyntaxError);
  some_fields(call, ValueType::set, {});
}

void zrandmember(Call& call) {
  if (call.words().size() == 2) return one_field(call, ValueType::sorted_set);
  some_fields(call, ValueType::sorted_set, "WITHSCORES");
}

}  // namespace sojourn::server
