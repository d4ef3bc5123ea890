#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sojourn/client.h"

namespace sojourn {

// The sessions of a web application, so that its clones keep none. A session is a string of bytes
// under an id; it ends by itself when it has not been saved or touched for the idle time.
//
// Threading: as Client, which must outlive this.
// Durability: a function that returned no error was confirmed by the server; how much a power cut
// may take back is the server's `appendfsync`.
// Failures: load, touch and end are sent again after a lost connection until their time is up.
// save, update and renew are not: a second save could bring back what ended in between. If their
// Error::fate says that they may have happened, load() tells.
// Secrecy: no error's detail holds an id.
//
// Each function has a twin, async_load and so on, that takes a completion token behind the same
// arguments and gives it the same Result.
class Sessions {
 public:
  using Ttl = std::optional<std::chrono::milliseconds>;  // in place of the idle time

  struct Options {
    std::string prefix = "sess:";
    std::chrono::milliseconds idle = std::chrono::minutes(30);
  };

  explicit Sessions(Client& client);
  Sessions(Client& client, Options options);

  // 256 random bits from the kernel as 43 letters, digits, '-' and '_': fit for a cookie.
  static std::string new_id();

  // The session's bytes, nothing if there is none. Does not touch it.
  Result<std::optional<std::string>> load(std::string_view id) { return wait(ask_load(id)); }

  // Makes the session, or replaces its bytes and its time to live.
  Result<void> save(std::string_view id, std::string_view bytes, Ttl ttl = {}) {
    return wait(ask_save(id, bytes, ttl));
  }

  // As save, but only while the session lives. False: it ended meanwhile, by a logout perhaps, and
  // stays ended. What a request that has loaded a session should use at its end.
  Result<bool> update(std::string_view id, std::string_view bytes, Ttl ttl = {}) {
    return wait(ask_update(id, bytes, ttl));
  }

  // Gives the session its whole time again. False: there is none.
  Result<bool> touch(std::string_view id, Ttl ttl = {}) { return wait(ask_touch(id, ttl)); }

  // Moves the session, with the time it has left, to another id: at every login, so that an id from
  // before it is worth nothing. False: there is none under the old id.
  Result<bool> renew(std::string_view old_id, std::string_view new_id) {
    return wait(ask_renew(old_id, new_id));
  }

  // Ends the session. That it had ended already is as good.
  Result<void> end(std::string_view id) { return wait(ask_end(id)); }

  template <typename Token>
  auto async_load(std::string_view id, Token&& token) {
    return start(ask_load(id), std::forward<Token>(token));
  }
  template <typename Token>
  auto async_save(std::string_view id, std::string_view bytes, Ttl ttl, Token&& token) {
    return start(ask_save(id, bytes, ttl), std::forward<Token>(token));
  }
  template <typename Token>
  auto async_update(std::string_view id, std::string_view bytes, Ttl ttl, Token&& token) {
    return start(ask_update(id, bytes, ttl), std::forward<Token>(token));
  }
  template <typename Token>
  auto async_touch(std::string_view id, Ttl ttl, Token&& token) {
    return start(ask_touch(id, ttl), std::forward<Token>(token));
  }
  template <typename Token>
  auto async_renew(std::string_view old_id, std::string_view new_id, Token&& token) {
    return start(ask_renew(old_id, new_id), std::forward<Token>(token));
  }
  template <typename Token>
  auto async_end(std::string_view id, Token&& token) {
    return start(ask_end(id), std::forward<Token>(token));
  }

 private:
  // What to send, and what its answer means.
  template <typename T>
  struct Ask {
    Request request;
    Result<T> (*read)(Result<Replies>);
  };

  Ask<std::optional<std::string>> ask_load(std::string_view id) const;
  Ask<void> ask_save(std::string_view id, std::string_view bytes, Ttl ttl) const;
  Ask<bool> ask_update(std::string_view id, std::string_view bytes, Ttl ttl) const;
  Ask<bool> ask_touch(std::string_view id, Ttl ttl) const;
  Ask<bool> ask_renew(std::string_view old_id, std::string_view new_id) const;
  Ask<void> ask_end(std::string_view id) const;
  std::string key(std::string_view id) const;

  template <typename T>
  Result<T> wait(const Ask<T>& ask) {
    return ask.read(client_.exec(ask.request));
  }
  template <typename T, typename Token>
  auto start(Ask<T> ask, Token&& token) {
    return client_.async_exec_as<Result<T>>(std::move(ask.request), ask.read,
                                            std::forward<Token>(token));
  }

  Client& client_;
  Options options_;
};

}  // namespace sojourn
