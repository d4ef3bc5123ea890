#pragma once

namespace sojourn::server {

class Call;

// HRANDFIELD key [count [WITHVALUES]]: a positive count asks for different fields, a negative one
// for that many draws. Replies have a bound: an unbounded one would be memory for the asking.
void hrandfield(Call& call);

}  // namespace sojourn::server
