#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace sojourn {

namespace detail {

template <typename T>
inline constexpr bool kIsByte =
    std::same_as<T, char> || std::same_as<T, unsigned char> || std::same_as<T, std::byte>;

template <typename T>
inline constexpr bool kIsDuration = false;
template <typename Rep, typename Period>
inline constexpr bool kIsDuration<std::chrono::duration<Rep, Period>> = true;

template <typename T>
concept ByteRange = std::ranges::contiguous_range<T> && std::ranges::sized_range<T> &&
    kIsByte<std::remove_cv_t<std::ranges::range_value_t<T>>>;

template <typename T>
concept PairLike = requires {
  std::tuple_size<std::remove_cvref_t<T>>::value;
};

// The words of one command while it is put together: views into the caller's arguments, and into
// `numbers` for those that had to be written out.
class Words {
 public:
  template <typename T>
  void add(const T& value) {
    using Plain = std::remove_cvref_t<T>;
    if constexpr (std::convertible_to<const T&, std::string_view>) {
      words_.push_back(std::string_view(value));
    } else if constexpr (kIsDuration<Plain>) {
      add_number(std::chrono::ceil<std::chrono::milliseconds>(value).count());
    } else if constexpr (std::same_as<Plain, bool> || std::same_as<Plain, char>) {
      static_assert(!sizeof(Plain), "neither bool nor char: say which string or number is meant");
    } else if constexpr (std::integral<Plain> || std::floating_point<Plain>) {
      add_number(value);
    } else if constexpr (ByteRange<T>) {
      words_.emplace_back(reinterpret_cast<const char*>(std::ranges::data(value)),
                          std::ranges::size(value));
    } else if constexpr (std::ranges::range<const T>) {
      static_assert(std::is_reference_v<std::ranges::range_reference_t<const T>>,
                    "a range of temporaries: words are views, so put them into a container");
      for (const auto& element : value) add(element);
    } else if constexpr (PairLike<T>) {
      std::apply([this](const auto&... parts) { (add(parts), ...); }, value);
    } else {
      static_assert(!sizeof(Plain), "not a string, number, duration, bytes, or a range of these");
    }
  }

  std::span<const std::string_view> view() const { return words_; }
  void reserve(std::size_t count) { words_.reserve(count); }

 private:
  template <typename Number>
  void add_number(Number number) {
    std::array<char, 64>& text = numbers_.emplace_back();
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    words_.emplace_back(text.data(), static_cast<std::size_t>(end - text.data()));
  }

  std::vector<std::string_view> words_;
  std::list<std::array<char, 64>> numbers_;
};

}  // namespace detail

// One or more commands, sent together and answered together. The server runs them in order with no
// other request of this client on the same connection between them, so MULTI ... EXEC belongs into
// one request; it does not make them one transaction by itself.
//
// A plain value: copy it, keep it, send it again. Not for two threads at once.
class Request {
 public:
  // Appends one command. A word may be
  //   a string or string_view        as it is, binary-safe
  //   a range of bytes               one word: vector<unsigned char>, span<const std::byte>
  //   an integer, a floating point   in decimal
  //   a duration                     in milliseconds, rounded up: it belongs behind PX or PEXPIRE
  //   a range, a map, a pair         its elements, one after another
  template <typename... Arguments>
  Request& push(std::string_view name, const Arguments&... arguments) {
    detail::Words words;
    words.reserve(1 + sizeof...(arguments));
    words.add(name);
    (words.add(arguments), ...);
    push_words(words.view());
    return *this;
  }

  // Appends one command from its words, of which the first is its name.
  void push_words(std::span<const std::string_view> words);

  // Appends the commands of another request.
  void append(const Request& other);

  // All commands may be run twice with no harm: after a lost connection the whole request is sent
  // again until its time is up. Without it, what may have happened is never sent a second time.
  Request& idempotent(bool yes = true) {
    idempotent_ = yes;
    return *this;
  }
  bool is_idempotent() const { return idempotent_; }

  // The time for this request in place of Options::request_timeout; zero means no limit.
  Request& timeout(std::chrono::milliseconds time) {
    timeout_ = time;
    return *this;
  }
  std::optional<std::chrono::milliseconds> timeout() const { return timeout_; }

  std::size_t size() const { return ends_.size(); }  // commands
  bool empty() const { return ends_.empty(); }
  std::string_view bytes() const { return bytes_; }  // as they go over the wire
  // Of the commands, how many end within the first `count` bytes.
  std::size_t commands_within(std::size_t count) const;
  // The first word of a command.
  std::string_view name(std::size_t command) const;
  void clear();

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;  // of each command, in bytes_
  std::optional<std::chrono::milliseconds> timeout_;
  bool idempotent_ = false;
};

}  // namespace sojourn
