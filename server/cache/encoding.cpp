#include "server/cache/encoding.h"

#include <algorithm>

#include "server/base/numbers.h"

namespace sojourn::server {

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
  const bool set = type == ValueType::set;
  const EncodingLimit limit = form == FieldsForm::integers ? EncodingLimit::set_integers
                              : set                        ? EncodingLimit::set_members
                                                           : EncodingLimit::hash_fields;
  return expected > (*this)[limit] ? FieldsForm::table : form;
}

FieldsForm EncodingLimits::after(ValueType type, FieldsForm form, std::size_t size,
                                 std::string_view name, std::string_view value) const {
  // A set of integers that gets another member becomes a compact one, if it is small enough.
  if (form == FieldsForm::integers && !parse_integer(name)) form = FieldsForm::compact;
  form = before(type, form, size);
  if (form != FieldsForm::compact) return form;
  const bool set = type == ValueType::set;
  const std::uint64_t bytes = (*this)[set ? EncodingLimit::set_bytes : EncodingLimit::hash_bytes];
  return std::max(name.size(), value.size()) > bytes ? FieldsForm::table : form;
}

}  // namespace sojourn::server
