#pragma once

namespace sojourn::server {

class Call;

// The handlers behind the table of sets.cpp that compare sets. A STORE form puts its result in the
// place of whatever the destination held, or deletes it when there is none, all as one change.
void sinter(Call& call);
void sintercard(Call& call);
void sinterstore(Call& call);
void sunion(Call& call);
void sunionstore(Call& call);
void sdiff(Call& call);
void sdiffstore(Call& call);

}  // namespace sojourn::server
