#pragma once

#include <cstddef>
#include <span>

#include "protocol/reply_writer.h"
#include "server/cache/sorted_set_view.h"

namespace sojourn::server {

class Call;

// The handlers behind the table of sorted_sets.cpp, by file.

// sorted_set_add.cpp
void zadd(Call& call);
void zincrby(Call& call);

// sorted_set_ranges.cpp
void zcount(Call& call);
void zlexcount(Call& call);
void zrange(Call& call);
void zrangebyscore(Call& call);
void zrangebylex(Call& call);
void zrevrange(Call& call);
void zrevrangebyscore(Call& call);
void zrevrangebylex(Call& call);
void zrangestore(Call& call);
void zremrangebyrank(Call& call);
void zremrangebyscore(Call& call);
void zremrangebylex(Call& call);
void zpopmin(Call& call);
void zpopmax(Call& call);
void zmpop(Call& call);

// sorted_set_algebra.cpp. Plain sets take part too: their members have the score 1.
void zunion(Call& call);
void zinter(Call& call);
void zdiff(Call& call);
void zintercard(Call& call);
void zunionstore(Call& call);
void zinterstore(Call& call);
void zdiffstore(Call& call);

// The key's sorted set. Nothing: there is none, or it was refused as something else.
struct FoundSortedSet {
  const Entry* entry = nullptr;
  bool refused = false;

  std::size_t size() const { return entry != nullptr ? SortedSetView(*entry).size() : 0; }
};
FoundSortedSet sorted_set_to_read(Call& call);
FoundSortedSet sorted_set_to_change(Call& call);

// Members on their way into a reply, with their scores or without.
class MemberReplies {
 public:
  MemberReplies(protocol::ReplyWriter& reply, bool with_scores)
      : reply_(reply), with_scores_(with_scores) {}

  void start(std::size_t members) {
    // RESP3 pairs each member with its score; RESP2 has them in one flat array.
    reply_.array(with_scores_ && !pairs() ? 2 * members : members);
  }
  void add(const ScoredMember& member) {
    if (with_scores_ && pairs()) reply_.array(2);
    reply_.bulk(member.member);
    if (with_scores_) reply_.real(member.score);
  }
  void add_all(std::span<const ScoredMember> members) {
    start(members.size());
    for (const ScoredMember& member : members) add(member);
  }

 private:
  bool pairs() const { return reply_.version() == protocol::Version::resp3; }

  protocol::ReplyWriter& reply_;
  bool with_scores_;
};

// The first key holds these members from now on, or nothing if there are none; replies how many.
// `event`: what is told of it.
void store_scored(Call& call, std::span<const ScoredMember> members, std::string_view event);

}  // namespace sojourn::server
