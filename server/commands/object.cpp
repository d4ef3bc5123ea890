#include <utility>

#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/generic.h"
#include "server/config/settings.h"

namespace sojourn::server {
namespace {

// Redis keeps a string of up to this many bytes in one piece with its header.
constexpr std::size_t kEmbeddedBytesMax = 44;
// The digits of the longest 64-bit integer, with its sign.
constexpr std::size_t kIntegerBytesMax = 20;

std::string_view form_name(ValueType type, FieldsForm form, bool timed) {
  switch (form) {
    case FieldsForm::compact:
      return timed ? "listpackex" : "listpack";
    case FieldsForm::integers:
      return "intset";
    case FieldsForm::table:
    case FieldsForm::unread:  // who asks has had it read
      break;
  }
  return type == ValueType::sorted_set ? "skiplist" : "hashtable";
}

// The entry asked about; replies and returns null when there is none.
const Entry* asked(Call& call) {
  const Entry* entry =
      call.tx().find(call.keys()[0], {.counted = true, .used = false, .told = false});
  if (entry == nullptr) call.reply.null();
  return entry;
}

}  // namespace

std::string_view encoding_name(const Entry& entry) {
  if (entry.has_fields()) return form_name(entry.type(), entry.fields_form(), entry.timed());
  const std::string_view text = entry.string();
  if (entry.form() == StringForm::built) return "raw";
  const bool may_be_integer = entry.form() == StringForm::plain && text.size() <= kIntegerBytesMax;
  if (may_be_integer && parse_integer(text)) return "int";
  return text.size() <= kEmbeddedBytesMax ? "embstr" : "raw";
}

void apply_encoding_limits(const Settings& settings, Keyspace& keyspace) {
  using Limit = EncodingLimit;
  for (const auto& [limit, value] : {
           std::pair{Limit::hash_fields, settings.hash_max_listpack_entries},
           std::pair{Limit::hash_bytes, settings.hash_max_listpack_value},
           std::pair{Limit::set_integers, settings.set_max_intset_entries},
           std::pair{Limit::set_members, settings.set_max_listpack_entries},
           std::pair{Limit::set_bytes, settings.set_max_listpack_value},
           std::pair{Limit::zset_members, settings.zset_max_listpack_entries},
           std::pair{Limit::zset_bytes, settings.zset_max_listpack_value},
       }) {
    keyspace.set_encoding_limit(limit, value);
  }
}

void object_encoding(Call& call) {
  if (const Entry* entry = asked(call)) call.reply.bulk(encoding_name(*entry));
}

void object_refcount(Call& call) {
  if (asked(call) != nullptr) call.reply.integer(1);
}

void object_idletime(Call& call) {
  if (const Entry* entry = asked(call)) call.reply.integer(entry->idle(call.now).count());
}

void object_freq(Call& call) {
  if (asked(call) == nullptr) return;
  call.refuse(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

}  // namespace sojourn::server
