#pragma once

#include <memory>

#include "server/base/result.h"
#include "server/config/settings.h"

struct ssl_ctx_st;

namespace sojourn::server {

// What the tls-* settings and the files they name make of a handshake: the server's certificate and
// key, whom it believes, which protocols and ciphers it speaks. Each connection keeps the one it
// began with.
//
// Threading: any thread; it does not change.
class TlsContext {
 public:
  // Reads the files. The error says which of them, or which setting, is wrong and why.
  static Result<std::shared_ptr<const TlsContext>> make(const Settings& settings);

  ssl_ctx_st* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  using Pointer = std::unique_ptr<ssl_ctx_st, Free>;

  explicit TlsContext(Pointer context) : context_(std::move(context)) {}

  Pointer context_;
};

}  // namespace sojourn::server
