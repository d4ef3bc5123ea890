#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sojourn/client.h"
#include "sojourn/detail/near_store.h"

namespace sojourn {

// The strings of keys, kept in this process until the server says that they have changed (CLIENT
// TRACKING): a value that is read often costs one request for each of its changes.
//
// Freshness: what get() returns was the key's value when it was read, and nothing that has come
// from the server since says otherwise; and no thread gets an older value than it got before. A
// value whose reading crossed such a word is returned, and not kept. When the connection is lost
// all is dropped; what a network that fell silent withholds is served no longer than
// Limits::age_max. A change of one's own, through another client, is seen when the server's word of
// it arrives: forget() it to see it at once.
// The server must have RESP3 and tracking: Sojourn, or Redis 6 and later; else every get() fails
// with Errc::refused.
//
// Threading: as Client. It has one connection of its own, and a thread unless it is given an
// executor; a handler must not destroy it.
class NearCache {
 public:
  using Value = std::optional<std::string>;  // nothing: there is no such key
  using Figures = detail::NearStore::Figures;

  struct Limits {
    std::size_t entries_max = 10'000;
    std::size_t bytes_max = 64u * 1024 * 1024;  // about; those used longest ago go first
    std::chrono::milliseconds age_max = std::chrono::seconds(30);  // zero: no limit
  };

  // As for a Client, but that there is one connection, and that it speaks RESP3.
  explicit NearCache(Options options = {});
  NearCache(Options options, Limits limits);
  NearCache(boost::asio::any_io_executor executor, Options options, Limits limits);

  // The key's string, from here or from the server. Fails with Errc::server_error if it holds
  // something else.
  Result<Value> get(std::string_view key);

  // The token gets a Result<Value>; the handler is never called from inside.
  template <typename Token>
  auto async_get(std::string_view key, Token&& token) {
    return boost::asio::async_initiate<Token, void(Result<Value>)>(
        [this](auto handler, std::string wanted) {
          if (std::optional<Value> kept = store_->find(wanted)) {
            return tell(std::move(handler), std::move(*kept));
          }
          ask(std::move(handler), wanted);
        },
        token, std::string(key));
  }

  // It is read anew next time.
  void forget(std::string_view key) { store_->drop(key); }
  void forget_all() { store_->drop_all(); }

  Figures figures() const { return store_->figures(); }
  // As Client::close(); nothing is kept any more.
  void close();

 private:
  static Options with_tracking(Options options, const std::shared_ptr<detail::NearStore>& store);
  static Request request_for(std::string_view key);

  template <typename Handler>
  void tell(Handler handler, Value value) {
    const auto executor = boost::asio::get_associated_executor(handler, client_.get_executor());
    boost::asio::post(executor, [handler = std::move(handler), value = std::move(value)]() mutable {
      std::move(handler)(Result<Value>(std::move(value)));
    });
  }
  template <typename Handler>
  void ask(Handler handler, std::string_view key) {
    client_.async_exec_as<Result<Value>>(
        request_for(key),
        [reading = store_->begin(key)](Result<Replies> result) {
          return reading->take(std::move(result));
        },
        std::move(handler));
  }

  const std::shared_ptr<detail::NearStore> store_;  // the other owner is the client's connection
  Client client_;
};

}  // namespace sojourn
