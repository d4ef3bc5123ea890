#include "client/src/handshake.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace sojourn::detail {
namespace {

bool contains(std::string_view text, std::string_view lower_case) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return !std::ranges::search(text, lower_case, same).empty();
}

bool speaks_only_resp2(const Reply& reply) {
  return reply.error_code() == "NOPROTO" || contains(reply.text, "unknown command");
}

bool passes_with_time(const Reply& reply) {
  static constexpr std::array<std::string_view, 4> kCodes{"LOADING", "BUSY", "MASTERDOWN",
                                                          "TRYAGAIN"};
  return std::ranges::find(kCodes, reply.error_code()) != kCodes.end() ||
         contains(reply.text, "max number of clients");
}

}  // namespace

std::string without_arguments(std::string_view error) {
  const std::size_t quoted = error.find(", with args beginning with");
  return std::string(error.substr(0, quoted));
}

Handshake::Handshake(const Options& options) : options_(options) {
  if (options_.protocol < 3) {
    start_settings(false);
    return;
  }
  std::vector<std::string_view> words{"HELLO", "3"};
  if (!options_.password.empty() || !options_.username.empty()) {
    words.insert(
        words.end(),
        {"AUTH", options_.username.empty() ? std::string_view("default") : options_.username,
         options_.password});
  }
  if (!options_.client_name.empty()) words.insert(words.end(), {"SETNAME", options_.client_name});
  request_.push_words(words);
  optional_ = {false};
}

std::string Handshake::to_send() {
  if (!std::exchange(unsent_, false)) return {};
  return std::string(request_.bytes());
}

std::string_view Handshake::awaited() const {
  return answered_ < request_.size() ? request_.name(answered_) : std::string_view();
}

void Handshake::on_reply(const Reply& reply) {
  if (state_ == State::hello) return on_hello(reply);
  if (state_ != State::settings) return;
  if (reply.is_error() && !optional_[answered_]) return fail(reply);
  if (++answered_ == request_.size()) state_ = State::done;
}

void Handshake::on_hello(const Reply& reply) {
  if (!reply.is_error()) return start_settings(true);
  if (speaks_only_resp2(reply)) return start_settings(false);
  fail(reply);
}

void Handshake::start_settings(bool greeted) {
  state_ = State::settings;
  request_.clear();
  answered_ = 0;
  if (!greeted) {
    push_auth();
    if (!options_.client_name.empty()) request_.push("CLIENT", "SETNAME", options_.client_name);
  }
  if (options_.database != 0) request_.push("SELECT", options_.database);
  optional_.assign(request_.size(), false);
  request_.push("CLIENT", "SETINFO", "LIB-NAME", "sojourn-cpp");
  request_.push("CLIENT", "SETINFO", "LIB-VER", SOJOURN_VERSION);
  optional_.resize(request_.size(), true);
  for (std::size_t i = 0; i < options_.setup.size(); ++i) optional_.push_back(false);
  request_.append(options_.setup);
  unsent_ = true;
}

void Handshake::push_auth() {
  if (!options_.username.empty()) {
    request_.push("AUTH", options_.username, options_.password);
  } else if (!options_.password.empty()) {
    // One word: all that servers before ACLs understand.
    request_.push("AUTH", options_.password);
  }
}

void Handshake::fail(const Reply& reply) {
  state_ = State::failed;
  transient_ = passes_with_time(reply);
  failure_ = without_arguments(reply.text);
}

}  // namespace sojourn::detail
