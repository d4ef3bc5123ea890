#include "server/cache/hash_view.h"

#include "server/base/check.h"
#include "server/cache/entry.h"
#include "server/cache/large_hash.h"
#include "server/cache/packed_hash.h"

namespace sojourn::server {

std::size_t HashView::size() const {
  const LargeHash* const large = entry_->large_hash();
  return large != nullptr ? large->size() : packed_hash::size(entry_->value());
}

std::optional<std::string_view> HashView::get(std::string_view field) const {
  const LargeHash* const large = entry_->large_hash();
  return large != nullptr ? large->get(field) : packed_hash::get(entry_->value(), field);
}

void HashView::for_each(
    const std::function<void(std::string_view, std::string_view)>& visit) const {
  if (const LargeHash* const large = entry_->large_hash()) return large->for_each(visit);
  packed_hash::Reader reader(entry_->value());
  while (reader.next()) visit(reader.name(), reader.value());
}

void HashView::for_each_until(
    const std::function<void(std::string_view, std::string_view, Time)>& visit) const {
  if (const LargeHash* const large = entry_->large_hash()) return large->for_each_until(visit);
  packed_hash::Reader reader(entry_->value());
  while (reader.next()) visit(reader.name(), reader.value(), reader.deadline());
}

Time HashView::deadline(std::string_view field) const {
  if (!entry_->timed()) return kNever;
  if (const LargeHash* const large = entry_->large_hash()) return large->deadline(field);
  packed_hash::Reader reader(entry_->value());
  while (reader.next()) {
    if (reader.name() == field) return reader.deadline();
  }
  return kNever;
}

HashView::Field HashView::random(std::uint64_t random) const {
  if (const LargeHash* const large = entry_->large_hash()) return large->random(random);
  packed_hash::Reader reader(entry_->value());
  for (std::uint64_t skip = random % size(); reader.next(); --skip) {
    if (skip == 0) break;
  }
  return {reader.name(), reader.value()};
}

std::uint64_t HashView::scan(
    std::uint64_t cursor, std::size_t count,
    const std::function<void(std::string_view, std::string_view)>& visit) const {
  if (const LargeHash* const large = entry_->large_hash()) return large->scan(cursor, count, visit);
  for_each(visit);
  return 0;
}

}  // namespace sojourn::server
