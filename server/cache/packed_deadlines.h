#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "server/base/clock.h"

namespace sojourn::server {

// The timed form of a packed hash, whose fields may have deadlines: see packed_hash.h. It has the
// order that Redis's "listpackex" has.
namespace packed_deadlines {

// Whether the bytes, a packed hash's, have this form.
bool timed(std::string_view packed);
// A packed hash's bytes in this form; as they are if they have it.
std::string timed_form(std::string_view packed);

// Of all its fields, those whose deadline has passed too; kNever if none has one. Any packed hash.
Time nearest(std::string_view packed);

// What follows is for the timed form only.
// The bytes with the field and its deadline set, kNever for none; and whether it was there.
std::pair<std::string, bool> with(std::string_view packed, std::string_view field,
                                  std::string_view value, Time deadline);
// The bytes without the fields that are due, and how many those were.
std::pair<std::string, std::size_t> without_due(std::string_view packed, Time now);
bool all_due(std::string_view packed, Time now);

}  // namespace packed_deadlines
}  // namespace sojourn::server
