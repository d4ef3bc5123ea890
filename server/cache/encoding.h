#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/cache/entry.h"

namespace sojourn::server {

// Beyond these Redis holds a collection in a larger form. What Sojourn does is the same either way:
// only what OBJECT ENCODING tells depends on them.
enum class EncodingLimit : std::uint8_t {
  hash_fields,   // hash-max-listpack-entries
  hash_bytes,    // hash-max-listpack-value
  set_integers,  // set-max-intset-entries
  set_members,   // set-max-listpack-entries
  set_bytes,     // set-max-listpack-value
  zset_members,  // zset-max-listpack-entries
  zset_bytes,    // zset-max-listpack-value
};
inline constexpr std::size_t kEncodingLimits = 7;

// All of them, with Redis's defaults. Threading: any thread.
class EncodingLimits {
 public:
  std::uint64_t operator[](EncodingLimit limit) const {
    return limits_[static_cast<std::size_t>(limit)].load(std::memory_order_relaxed);
  }
  void set(EncodingLimit limit, std::uint64_t value) {
    limits_[static_cast<std::size_t>(limit)].store(value, std::memory_order_relaxed);
  }

  // The form of a new collection that is about to get `expected` fields, this one first.
  FieldsForm at_first(ValueType type, std::string_view first, std::size_t expected) const;
  // The form of one in this form that is about to get `expected` fields,
  FieldsForm before(ValueType type, FieldsForm form, std::size_t expected) const;
  // and has just got this new one, or a new value for it; `size`: with it.
  FieldsForm after(ValueType type, FieldsForm form, std::size_t size, std::string_view name,
                   std::string_view value) const;

 private:
  std::array<std::atomic<std::uint64_t>, kEncodingLimits> limits_{512, 64, 512, 128, 64, 128, 64};
};

}  // namespace sojourn::server
