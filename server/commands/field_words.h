#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/commands/call.h"

// Words that the commands on deadlines of hash fields share. Each function returns nothing, and has
// refused the request, when what it looks for is not there.
namespace sojourn::server {

// "FIELDS numfields field [field ...]" from word `at` to the last: the fields.
std::optional<protocol::Words> fields_from(
    Call& call, std::size_t at,
    std::string_view no_number = "ERR Number of fields must be a positive integer");

// How a request says until when: EX, PX, EXAT, PXAT.
struct FieldExpiryWord {
  std::string_view name;
  Millis unit;
  bool absolute;
};
const FieldExpiryWord* field_expiry_word(std::string_view word);  // null if it is none

// A number of units from now, or from the epoch if it is absolute. It may lie in the past, but not
// before the epoch, nor further ahead than Redis can say.
std::optional<Time> field_deadline(Call& call, std::string_view number, Millis unit, bool absolute);

// Some fields' deadlines were moved to this one, which ended them if it has passed: tells of it.
void event_of_field_deadline(Call& call, const Key& key, Time deadline);

}  // namespace sojourn::server
