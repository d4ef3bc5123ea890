#include "sojourn/error.h"

namespace sojourn {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sojourn"; }

  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::timeout:
        return "no answer in time";
      case Errc::not_connected:
        return "not connected";
      case Errc::connection_lost:
        return "connection lost";
      case Errc::refused:
        return "refused by the server";
      case Errc::protocol:
        return "not the protocol";
      case Errc::reply_too_large:
        return "reply too large";
      case Errc::queue_full:
        return "too much pending";
      case Errc::cancelled:
        return "cancelled";
      case Errc::closed:
        return "client closed";
      case Errc::would_deadlock:
        return "would wait for itself";
      case Errc::server_error:
        return "error from the server";
      case Errc::wrong_type:
        return "reply of another type";
      case Errc::untrusted:
        return "not trusted";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

std::string Error::message() const {
  return detail.empty() ? code.message() : code.message() + ": " + detail;
}

}  // namespace sojourn
