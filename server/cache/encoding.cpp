#include "server/cache/encoding.h"

#include <algorithm>

#include "server/base/numbers.h"

namespace sojourn::server {
namespace {

struct CompactLimits {
  EncodingLimit fields;
  EncodingLimit bytes;
};
CompactLimits compact_limits(ValueType type) {
  switch (type) {
    case ValueType::set:
      return {EncodingLimit::set_members, EncodingLimit::set_bytes};
    case ValueType::sorted_set:
      return {EncodingLimit::zset_members, EncodingLimit::zset_bytes};
    default:
      return {EncodingLimit::hash_fields, EncodingLimit::hash_bytes};
  }
}

}  // namespace

FieldsForm EncodingLimits::at_first(ValueType type, std::string_view first,
                                    std::size_t expected) const {
  const bool set = type == ValueType::set;
  if (set && expected <= (*this)[EncodingLimit::set_integers] && parse_integer(first)) {
    return FieldsForm::integers;
  }
  return before(type, FieldsForm::compact, expected);
}

FieldsForm EncodingLimits::before(ValueType type, FieldsForm form, std::size_t expected) const {
  if (form == FieldsForm::table) return form;
  const EncodingLimit limit =
      form == FieldsForm::integers ? EncodingLimit::set_integers : compact_limits(type).fields;
  return expected > (*this)[limit] ? FieldsForm::table : form;
}

FieldsForm EncodingLimits::after(ValueType type, FieldsForm form, std::size_t size,
                                 std::string_view name, std::string_view value) const {
  // A set of integers that gets another member becomes a compact one, if it is small enough.
  if (form == FieldsForm::integers && !parse_integer(name)) form = FieldsForm::compact;
  form = before(type, form, size);
  if (form != FieldsForm::compact) return form;
  // A score is no text of any length.
  const std::size_t longest =
      type == ValueType::sorted_set ? name.size() : std::max(name.size(), value.size());
  return longest > (*this)[compact_limits(type).bytes] ? FieldsForm::table : form;
}

}  // namespace sojourn::server
