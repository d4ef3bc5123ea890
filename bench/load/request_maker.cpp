#include "bench/load/request_maker.h"

#include <array>
#include <cstring>

namespace sojourn::load {
namespace {

constexpr std::string_view kGetHead = "*2\r\n$3\r\nGET\r\n$37\r\nsess:";
constexpr std::string_view kSetHead = "*5\r\n$3\r\nSET\r\n$37\r\nsess:";
constexpr std::string_view kExpireHead = "*3\r\n$6\r\nEXPIRE\r\n$37\r\nsess:";
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
      value_bytes_(options.value_bytes),
      choice_(options.keys, options.zipf),
      random_(seed),
      next_filled_(first),
      set_middle_("\r\n$" + std::to_string(options.value_bytes) + "\r\n"),
      set_tail_("\r\n" + word("EX") + word(std::to_string(options.ttl.count()))),
      expire_tail_("\r\n" + word(std::to_string(options.ttl.count()))) {}

Asked RequestMaker::append(std::optional<Asked> previous, std::string& out) {
  switch (workload_) {
    case Workload::fill:
      return append_set(next_filled_++, out);
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
  }
  return Verdict::wrong;
}

}  // namespace sojourn::load
