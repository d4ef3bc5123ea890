#include "bench/load/request_maker.h"

#include <array>
#include <cstring>

namespace sojourn::load {
namespace {

constexpr std::string_view kGetHead = "*2\r\n$3\r\nGET\r\n$37\r\nsess:";
constexpr std::string_view kSetHead = "*5\r\n$3\r\nSET\r\n$37\r\nsess:";
constexpr std::string_view kExpireHead = "*3\r\n$6\r\nEXPIRE\r\n$37\r\nsess:";
// The SHA-1 of RENEW_SCRIPT in servers.py.
constexpr std::string_view kEvalshaHead =
    "*5\r\n$7\r\nEVALSHA\r\n$40\r\n6495baf3506985e20697ca569bed48e5d87cea8c\r\n$1\r\n1\r\n"
    "$37\r\nsess:";
constexpr std::string_view kReadHashHead = "*2\r\n$7\r\nHGETALL\r\n$37\r\nsess:";
constexpr std::string_view kChangeHashHead = "*4\r\n$4\r\nHSET\r\n$37\r\nsess:";
constexpr std::string_view kMakeHashHead = "*10\r\n$4\r\nHSET\r\n$37\r\nsess:";
constexpr std::string_view kUsed = "$16\r\nlastAccessedTime\r\n$13\r\n";
constexpr std::uint64_t kUsedMs = 1'700'000'000'000;  // and a little, at random
constexpr std::string_view kOtherFields =
    "$12\r\ncreationTime\r\n$13\r\n1699999999999\r\n"
    "$19\r\nmaxInactiveInterval\r\n$4\r\n1800\r\n";
constexpr std::string_view kFourFields = "8\r\n";  // as HGETALL's reply begins
constexpr std::size_t kDigits = 32;
constexpr std::uint64_t kGetsForEachSet = 10;
constexpr std::uint64_t kSecondHalf = 0x5e55105e55105e55;

std::string word(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

constexpr std::array<std::array<char, 2>, 256> hex_pairs() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t i = 0; i < 256; ++i) pairs[i] = {digits[i >> 4], digits[i & 15]};
  return pairs;
}
constexpr auto kHexPairs = hex_pairs();

char* write_hex(std::uint64_t number, char* to) {
  for (int shift = 56; shift >= 0; shift -= 8, to += 2) {
    std::memcpy(to, kHexPairs[(number >> shift) & 0xff].data(), 2);
  }
  return to;
}

void append_digits(std::uint64_t key, std::string& out) {
  std::array<char, kDigits> digits;
  write_hex(mixed(~key ^ kSecondHalf), write_hex(mixed(key + 1), digits.data()));
  out.append(digits.data(), digits.size());
}

std::uint64_t mark_of(std::uint64_t key) { return mixed(key ^ kSecondHalf); }

}  // namespace

RequestMaker::RequestMaker(const Options& options, std::uint64_t seed, std::uint64_t first)
    : workload_(options.workload),
      fill_(options.fill),
      value_bytes_(options.value_bytes),
      choice_(options.keys, options.zipf),
      random_(seed),
      next_filled_(first),
      set_middle_("\r\n$" + std::to_string(options.value_bytes) + "\r\n"),
      set_tail_("\r\n" + word("EX") + word(std::to_string(options.ttl.count()))),
      expire_tail_("\r\n" + word(std::to_string(options.ttl.count()))),
      attribute_(word("sessionAttr:user") + "$" + std::to_string(options.value_bytes) + "\r\n") {}

Asked RequestMaker::append(std::optional<Asked> previous, std::string& out) {
  if (fill_) {
    return workload_ == Workload::hash
               ? append_hash_command(Asked::Command::make_hash, next_filled_++, out)
               : append_set(next_filled_++, out);
  }
  switch (workload_) {
    case Workload::set:
      return append_set(choice_.next(random_), out);
    case Workload::mix:
      if (random_.below(kGetsForEachSet + 1) == 0) return append_set(choice_.next(random_), out);
      break;
    case Workload::touch:
      if (previous && previous->command == Asked::Command::get) {
        return append_expire(previous->key, out);
      }
      break;
    case Workload::hash:
      if (previous && previous->command == Asked::Command::read_hash) {
        return append_hash_command(Asked::Command::change_hash, previous->key, out);
      }
      return append_hash_command(Asked::Command::read_hash, choice_.next(random_), out);
    case Workload::evalsha:
      return append_evalsha(choice_.next(random_), out);
    case Workload::get:
      break;
  }
  return append_get(choice_.next(random_), out);
}

Asked RequestMaker::append_get(std::uint64_t key, std::string& out) {
  out += kGetHead;
  append_digits(key, out);
  out += "\r\n";
  return {Asked::Command::get, key};
}

Asked RequestMaker::append_set(std::uint64_t key, std::string& out) {
  out += kSetHead;
  append_digits(key, out);
  out += set_middle_;
  append_value(key, out);
  out += set_tail_;
  return {Asked::Command::set, key};
}

Asked RequestMaker::append_expire(std::uint64_t key, std::string& out) {
  out += kExpireHead;
  append_digits(key, out);
  out += expire_tail_;
  return {Asked::Command::expire, key};
}

// It answers what GET does.
Asked RequestMaker::append_evalsha(std::uint64_t key, std::string& out) {
  out += kEvalshaHead;
  append_digits(key, out);
  out += expire_tail_;
  return {Asked::Command::get, key};
}

Asked RequestMaker::append_hash_command(Asked::Command command, std::uint64_t key,
                                        std::string& out) {
  const bool read = command == Asked::Command::read_hash;
  const bool make = command == Asked::Command::make_hash;
  out += read ? kReadHashHead : make ? kMakeHashHead : kChangeHashHead;
  append_digits(key, out);
  out += "\r\n";
  if (read) return {command, key};
  out += kUsed;
  out += std::to_string(kUsedMs + random_.below(1'000'000));
  out += "\r\n";
  if (make) {
    out += kOtherFields;
    out += attribute_;
    append_value(key, out);
    out += "\r\n";
  }
  return {command, key};
}

void RequestMaker::append_value(std::uint64_t key, std::string& out) {
  const std::size_t begin = out.size();
  out.resize(begin + value_bytes_);
  char* to = out.data() + begin;
  const char* const end = to + value_bytes_;
  std::uint64_t next = mark_of(key);
  for (; end - to >= 8; to += 8) {
    std::memcpy(to, &next, 8);
    next = random_.next();
  }
  std::memcpy(to, &next, static_cast<std::size_t>(end - to));
}

Verdict RequestMaker::judge(const Asked& asked, const ScannedReply& reply) const {
  using Shape = ScannedReply::Shape;
  if (reply.shape == Shape::error) return Verdict::error;
  switch (asked.command) {
    case Asked::Command::get: {
      if (reply.shape == Shape::nothing) return Verdict::missing;
      const std::uint64_t mark = mark_of(asked.key);
      const bool ours = reply.shape == Shape::bytes && reply.text.size() == value_bytes_ &&
                        std::memcmp(reply.text.data(), &mark, sizeof mark) == 0;
      return ours ? Verdict::right : Verdict::wrong;
    }
    case Asked::Command::set:
      return reply.shape == Shape::line && reply.text == "+OK" ? Verdict::right : Verdict::wrong;
    case Asked::Command::expire:
      if (reply.shape == Shape::line && reply.text == ":0") return Verdict::missing;
      return reply.shape == Shape::line && reply.text == ":1" ? Verdict::right : Verdict::wrong;
    default:
      return judge_hash(asked, reply);
  }
}

Verdict RequestMaker::judge_hash(const Asked& asked, const ScannedReply& reply) const {
  using Shape = ScannedReply::Shape;
  if (asked.command == Asked::Command::read_hash) {
    if (reply.shape != Shape::array) return Verdict::wrong;
    if (reply.text == "0\r\n") return Verdict::missing;
    const std::size_t value = reply.text.find(attribute_);  // fields come in any order
    const std::uint64_t mark = mark_of(asked.key);
    const bool ours = reply.text.starts_with(kFourFields) && value != reply.text.npos &&
                      reply.text.substr(value + attribute_.size(), sizeof mark) ==
                          std::string_view(reinterpret_cast<const char*>(&mark), sizeof mark);
    return ours ? Verdict::right : Verdict::wrong;
  }
  if (reply.shape != Shape::line) return Verdict::wrong;
  if (asked.command == Asked::Command::make_hash) {
    return reply.text == ":4" ? Verdict::right : Verdict::wrong;
  }
  // The field is there already, unless the session is not.
  if (reply.text == ":1") return Verdict::missing;
  return reply.text == ":0" ? Verdict::right : Verdict::wrong;
}

}  // namespace sojourn::load
