#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/cache/hash_view.h"

namespace sojourn::server {

// The members of a set, small or large: it is held as a hash whose values are empty. Reading only;
// changes go through Transaction.
class SetView {
 public:
  explicit SetView(const Entry& entry) : fields_(entry) {}

  std::size_t size() const { return fields_.size(); }
  bool contains(std::string_view member) const { return fields_.get(member).has_value(); }
  template <class Visit>
  void for_each(Visit&& visit) const {
    fields_.for_each([&](std::string_view member, std::string_view) { visit(member); });
  }
  // As HashView's.
  std::string_view random(std::uint64_t random) const { return fields_.random(random).first; }
  template <class Visit>
  std::uint64_t scan(std::uint64_t cursor, std::size_t count, Visit&& visit) const {
    return fields_.scan(cursor, count,
                        [&](std::string_view member, std::string_view) { visit(member); });
  }
  const HashView& fields() const { return fields_; }

 private:
  HashView fields_;
};

}  // namespace sojourn::server
