#include "sojourn/sessions.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "client/src/handshake.h"

namespace sojourn {
namespace {

constexpr std::size_t kIdBytes = 32;

std::array<std::uint8_t, kIdBytes> random_bytes() {
  std::array<std::uint8_t, kIdBytes> bytes{};
  ssize_t got = 0;
  do {
    got = ::getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  // Up to 256 bytes come whole or not at all. No session is better than one that can be guessed.
  if (got != static_cast<ssize_t>(bytes.size())) std::abort();
  return bytes;
}

// The only reply of the call, or why there is none that can be used.
Result<Reply> only_reply(Result<Replies> result) {
  if (!result) return result.error();
  Reply& reply = result->front();
  // Some errors quote the arguments, and here these are ids and what a session holds.
  if (reply.is_error()) return Error(Errc::server_error, detail::without_arguments(reply.text));
  return std::move(reply);
}

template <typename T>
Result<T> read_as(Result<Replies> result) {
  Result<Reply> reply = only_reply(std::move(result));
  if (!reply) return reply.error();
  return std::move(*reply).template as<T>();
}

Result<bool> read_update(Result<Replies> result) {
  const Result<Reply> reply = only_reply(std::move(result));
  if (!reply) return reply.error();
  return !reply->is_null();
}

Result<bool> read_renew(Result<Replies> result) {
  const Result<Reply> reply = only_reply(std::move(result));
  if (reply) return true;
  const Error error = reply.error();
  if (error.code == Errc::server_error && error.detail == "ERR no such key") return false;
  return error;
}

}  // namespace

Sessions::Sessions(Client& client) : Sessions(client, Options()) {}

Sessions::Sessions(Client& client, Options options)
    : client_(client), options_(std::move(options)) {}

std::string Sessions::new_id() {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string id;
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : random_bytes()) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 6; held -= 6) id += kAlphabet[bits >> (held - 6) & 63];
  }
  if (held > 0) id += kAlphabet[bits << (6 - held) & 63];
  return id;
}

std::string Sessions::key(std::string_view id) const { return options_.prefix + std::string(id); }

auto Sessions::ask_load(std::string_view id) const -> Ask<std::optional<std::string>> {
  return {Request().push("GET", key(id)).idempotent(), read_as<std::optional<std::string>>};
}

auto Sessions::ask_save(std::string_view id, std::string_view bytes, Ttl ttl) const -> Ask<void> {
  const auto time = ttl.value_or(options_.idle);
  return {Request().push("SET", key(id), bytes, "PX", time), read_as<void>};
}

auto Sessions::ask_update(std::string_view id, std::string_view bytes, Ttl ttl) const -> Ask<bool> {
  const auto time = ttl.value_or(options_.idle);
  return {Request().push("SET", key(id), bytes, "XX", "PX", time), read_update};
}

auto Sessions::ask_touch(std::string_view id, Ttl ttl) const -> Ask<bool> {
  const auto time = ttl.value_or(options_.idle);
  return {Request().push("PEXPIRE", key(id), time).idempotent(), read_as<bool>};
}

auto Sessions::ask_renew(std::string_view old_id, std::string_view new_id) const -> Ask<bool> {
  return {Request().push("RENAME", key(old_id), key(new_id)), read_renew};
}

auto Sessions::ask_end(std::string_view id) const -> Ask<void> {
  return {Request().push("DEL", key(id)).idempotent(), read_as<void>};
}

}  // namespace sojourn
