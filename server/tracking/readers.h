#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/tracking/reader.h"

namespace sojourn::server {

// Who has read which key since it changed last.
//
// Threading: any thread. The locks here are the innermost ones: nothing is called with one held but
// what add() is given.
class Readers {
 public:
  // Keys that nobody changes are read by connections that come and go: those for whom `gone` says
  // so are forgotten now and then.
  using Gone = std::function<bool(std::uint64_t connection)>;

  void add(const TrackedName& key, Reader reader, const Gone& gone);
  // Those who have read it; from now on nobody has.
  std::vector<Reader> take(const TrackedName& key);
  // The same of some key, one of those that share `near`'s part of the table if there are any.
  struct Taken {
    std::string key;
    std::vector<Reader> readers;
  };
  std::optional<Taken> take_any(std::uint64_t near);
  void clear();

  std::size_t keys() const { return keys_.load(std::memory_order_relaxed); }
  // A reader counts for each key.
  std::size_t items() const { return items_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kStripeBits = 6;

  struct Name {
    std::string text;
    std::uint64_t hash;
  };
  struct HashOf {
    using is_transparent = void;
    template <class T>
    std::size_t operator()(const T& name) const {
      return name.hash;
    }
  };
  struct SameName {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.hash == b.hash && a.text == b.text;
    }
  };
  // In the order of the connections' numbers, so that to find one is quick though many read a key.
  using Of = std::vector<Reader>;
  using Table = std::unordered_map<Name, Of, HashOf, SameName>;
  struct alignas(64) Stripe {
    std::mutex mutex;
    Table table;
    std::atomic<std::size_t> count{0};
  };

  Stripe& stripe_of(std::uint64_t hash) { return stripes_[hash >> (64 - kStripeBits)]; }
  void forget_gone(Of& readers, const Gone& gone);
  Taken take_out(Stripe& stripe, Table::iterator found);

  std::array<Stripe, std::size_t{1} << kStripeBits> stripes_;
  alignas(64) std::atomic<std::size_t> keys_{0};
  std::atomic<std::size_t> items_{0};
};

}  // namespace sojourn::server
