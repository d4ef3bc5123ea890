#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "server/base/clock.h"

namespace sojourn::server {

class Entry;

// The fields of a hash, small (packed into its entry, in order of insertion) or large (a table of
// its own). Reading only; changes go through Transaction, which has taken away, or hidden, the
// fields whose deadlines had passed when it gave the entry.
class HashView {
 public:
  using Field = std::pair<std::string_view, std::string_view>;  // name, value

  explicit HashView(const Entry& entry) : entry_(&entry) {}

  std::size_t size() const;
  std::optional<std::string_view> get(std::string_view field) const;
  void for_each(
      const std::function<void(std::string_view field, std::string_view value)>& visit) const;
  // With their deadlines, kNever for none. Fields that are due may be among them where the entry
  // was not had from a Transaction.
  void for_each_until(const std::function<void(std::string_view field, std::string_view value,
                                               Time deadline)>& visit) const;
  // kNever also when there is no such field.
  Time deadline(std::string_view field) const;
  // Some field, each equally likely: `random` is any 64-bit number.
  Field random(std::uint64_t random) const;
  // Visits some fields and returns where to go on, 0 at the end. A field that is there from the
  // first call to the last is visited at least once. Visits about `count` fields, in a hash that
  // lost most of its own fewer; a small hash whole.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count,
                     const std::function<void(std::string_view, std::string_view)>& visit) const;

 private:
  const Entry* entry_;
};

}  // namespace sojourn::server
