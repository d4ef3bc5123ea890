#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_parser.h"

namespace sojourn::server {

// A line's words as redis-cli splits it: "a\x00\r\n" and 'it\'s' are one word each. A line whose
// quotes do not fit is a bug in the test and ends it.
std::vector<std::string> cli_words(std::string_view line);

// A reply as redis-cli shows it on a terminal, but that a string which is the whole reply stands
// bare:
//   alice   (nil)   (integer) 1   (error) ERR syntax error   1) "a"   1# "field" => "value"
std::string show(const protocol::Reply& reply);

}  // namespace sojourn::server
