#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/load/key_choice.h"
#include "bench/load/options.h"
#include "bench/load/reply_scan.h"

namespace sojourn::load {

enum class Verdict {
  right,
  missing,  // no such session
  error,    // the server said so
  wrong,    // anything else: another session's value, another length, another type
};

// What was asked, so that the reply can be judged.
struct Asked {
  enum class Command : std::uint8_t { get, set, expire, read_hash, change_hash, make_hash };

  Command command;
  std::uint64_t key;
};

// Writes the requests of one thread and judges their replies. The n-th session's key is `sess:` and
// 32 hexadecimal digits; its value is random bytes that nothing can compress, and begins with 8
// bytes that tell whose it is. Where sessions are hashes they have the fields of a small one of
// Spring's: two times, an interval, and one attribute, which is the value.
class RequestMaker {
 public:
  // Of the sessions, a filling maker stores those in [first, first + requests).
  RequestMaker(const Options& options, std::uint64_t seed, std::uint64_t first);

  // Appends the next request. The connection's requests come in turn: `previous` is what it was
  // asked last, if anything.
  Asked append(std::optional<Asked> previous, std::string& out);

  Verdict judge(const Asked& asked, const ScannedReply& reply) const;

 private:
  Asked append_get(std::uint64_t key, std::string& out);
  Asked append_set(std::uint64_t key, std::string& out);
  Asked append_evalsha(std::uint64_t key, std::string& out);
  Asked append_expire(std::uint64_t key, std::string& out);
  Asked append_hash_command(Asked::Command command, std::uint64_t key, std::string& out);
  Verdict judge_hash(const Asked& asked, const ScannedReply& reply) const;
  void append_value(std::uint64_t key, std::string& out);

  const Workload workload_;
  const bool fill_;
  const std::size_t value_bytes_;
  KeyChoice choice_;
  Random random_;
  std::uint64_t next_filled_;
  std::string set_middle_;  // between key and value
  std::string set_tail_;
  std::string expire_tail_;
  std::string attribute_;  // of a hash: what stands before the value
};

}  // namespace sojourn::load
