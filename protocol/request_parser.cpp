#include "protocol/request_parser.h"

#include <algorithm>
#include <limits>

#include "protocol/inline_words.h"
#include "protocol/wire.h"

namespace sojourn::protocol {
namespace {

// Room kept for the next request; what a larger one needed is given back.
constexpr std::size_t kWordsKept = 1024;
constexpr std::size_t kUnquotedBytesKept = 256;

// Redis calls a larger number of words invalid whoever asks, and a larger word too.
constexpr std::int64_t kCountMax = std::numeric_limits<std::int32_t>::max();

// Reads "123\r\n" as it nearly always comes: up to nine digits, all of it there. Returns the
// position behind it, or null for anything else, which read_length() then judges.
inline const char* read_plain_length(const char* at, const char* end, std::size_t& length) {
  if (end - at < 3) return nullptr;
  std::size_t digit = static_cast<unsigned char>(*at) - std::size_t{'0'};
  if (digit > 9) return nullptr;
  std::size_t value = digit;
  // No length of more than one digit begins with zero.
  const char* const digits_end = digit == 0 ? at + 1 : at + std::min<std::ptrdiff_t>(9, end - at);
  for (++at; at != digits_end; ++at) {
    digit = static_cast<unsigned char>(*at) - std::size_t{'0'};
    if (digit > 9) break;
    value = value * 10 + digit;
  }
  if (end - at < 2 || !is_crlf(at)) return nullptr;
  length = value;
  return at + 2;
}

}  // namespace

struct RequestParser::LengthErrors {
  std::string_view too_long;
  std::string_view invalid;
};

const RequestParser::LengthErrors RequestParser::kCountErrors{
    .too_long = "Protocol error: too big mbulk count string",
    .invalid = "Protocol error: invalid multibulk length"};
const RequestParser::LengthErrors RequestParser::kSizeErrors{
    .too_long = "Protocol error: too big bulk count string",
    .invalid = "Protocol error: invalid bulk length"};

RequestParser::Status RequestParser::parse(std::string_view input) {
  if (stage_ == Stage::between) begin();
  if (stage_ == Stage::failed) return Status::error;
  if (input.empty()) return wait_for(1);
  if (stage_ == Stage::words) return parse_words<true>(input);
  stage_ = Stage::line;
  return input.front() == '*' ? parse_count(input) : parse_inline(input);
}

void RequestParser::reset() {
  stage_ = Stage::between;
  begin();
}

void RequestParser::begin() {
  if (next_limits_) {
    limits_ = *next_limits_;
    next_limits_.reset();
  }
  drop_large_room();
  pieces_.clear();
  word_count_ = 0;
  position_ = 0;
  scanned_ = 0;
  word_bytes_.reset();
}

void RequestParser::drop_large_room() {
  // By swapping: assigning {} would keep the memory.
  if (words_.capacity() > kWordsKept) std::vector<std::string_view>().swap(words_);
  if (pieces_.capacity() > kWordsKept) std::vector<Piece>().swap(pieces_);
  if (unquoted_.capacity() > kUnquotedBytesKept) std::string().swap(unquoted_);
}

std::size_t RequestParser::memory_bytes() const {
  const std::size_t without_memory = std::string().capacity();
  return words_.capacity() * sizeof(words_[0]) + pieces_.capacity() * sizeof(pieces_[0]) +
         unquoted_.capacity() + error_.capacity() - 2 * without_memory;
}

void RequestParser::trim() {
  if (in_request()) return;
  word_count_ = 0;
  drop_large_room();
}

RequestParser::Status RequestParser::parse_count(std::string_view input) {
  const std::optional<std::int64_t> count = read_length(input, kCountErrors);
  if (!count) return status_;
  if (*count > kCountMax) return fail(kCountErrors.invalid);
  if (*count <= 0) return found(position_);
  words_missing_ = static_cast<std::size_t>(*count);
  if (words_missing_ > limits_.words_max) {
    return fail(limits_.unauthenticated ? "Protocol error: unauthenticated multibulk length"
                                        : kCountErrors.invalid);
  }
  stage_ = Stage::words;
  take_whole_words(input);
  return parse_words<false>(input);
}

// Takes words as long as they are all there and as they should be, in one tight loop (it halves
// the time of a SET). At the first that is not, parse_words() goes on and says why.
void RequestParser::take_whole_words(std::string_view input) {
  const char* const end = input.data() + input.size();
  const char* const limit = input.data() + std::min(input.size(), limits_.request_bytes_max);
  const std::size_t word_bytes_max = limits_.word_bytes_max;
  const char* at = input.data() + position_;
  std::size_t missing = words_missing_;
  std::size_t taken = 0;
  for (; missing > 0 && at != end && *at == '$'; --missing) {
    std::size_t bytes = 0;
    const char* const word = read_plain_length(at + 1, end, bytes);
    if (word == nullptr || bytes > word_bytes_max || word > limit) break;
    if (static_cast<std::size_t>(limit - word) < bytes + 2 || !is_crlf(word + bytes)) break;
    if (taken == words_.size()) words_.resize(std::max<std::size_t>(16, taken * 2));
    words_[taken++] = {word, bytes};
    at = word + bytes + 2;
  }
  word_count_ = taken;
  words_missing_ = missing;
  position_ = static_cast<std::size_t>(at - input.data());
}

template <bool kResumed>
RequestParser::Status RequestParser::parse_words(std::string_view input) {
  while (words_missing_ > 0) {
    if (!word_bytes_) {
      if (position_ >= input.size()) break;
      if (input[position_] != '$') {
        return fail(std::string("Protocol error: expected '$', got '") + input[position_] + "'");
      }
      const std::optional<std::int64_t> size = read_length(input, kSizeErrors);
      if (!size && status_ == Status::need_more) break;
      if (!size || !check_size(*size)) return Status::error;
      word_bytes_ = static_cast<std::size_t>(*size);
    }
    if (input.size() < position_ + *word_bytes_ + 2) break;
    if (!is_crlf(input.data() + position_ + *word_bytes_)) {
      return fail("Protocol error: expected CRLF after bulk");
    }
    if constexpr (kResumed) {
      pieces_.push_back({position_, *word_bytes_});
    } else {
      keep({input.data() + position_, *word_bytes_});
    }
    position_ += *word_bytes_ + 2;
    word_bytes_.reset();
    --words_missing_;
  }
  if constexpr (kResumed) {
    if (words_missing_ == 0) recall_words(input);
  } else {
    if (words_missing_ > 0) remember_words(input);
  }
  if (words_missing_ == 0) return found(position_);
  return wait_for(word_bytes_ ? position_ + *word_bytes_ + 2 : input.size() + 1);
}

RequestParser::Status RequestParser::parse_inline(std::string_view input) {
  const std::size_t window = std::min(input.size(), limits_.inline_bytes_max + 1);
  const std::size_t end = input.substr(0, window).find('\n', scanned_);
  if (end == std::string_view::npos) {
    if (input.size() > limits_.inline_bytes_max) {
      return fail("Protocol error: too big inline request");
    }
    scanned_ = window;
    return wait_for(input.size() + 1);
  }
  std::string_view line = input.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  switch (split_inline(line, limits_.words_max, words_, unquoted_)) {
    case InlineSplit::unbalanced_quotes:
      return fail("Protocol error: unbalanced quotes in request");
    case InlineSplit::too_many_words:
      return fail(limits_.unauthenticated ? "Protocol error: unauthenticated multibulk length"
                                          : kCountErrors.invalid);
    case InlineSplit::whole:
      break;
  }
  word_count_ = words_.size();
  return found(end + 1);
}

std::optional<std::int64_t> RequestParser::read_length(std::string_view input,
                                                       const LengthErrors& errors) {
  std::size_t length = 0;
  if (const char* const behind =
          read_plain_length(input.data() + position_ + 1, input.data() + input.size(), length)) {
    position_ = static_cast<std::size_t>(behind - input.data());
    scanned_ = 0;
    return static_cast<std::int64_t>(length);
  }
  const Line line = find_line(input.substr(position_), scanned_, limits_.inline_bytes_max);
  switch (line.state) {
    case Line::State::incomplete:
      scanned_ = line.size;
      wait_for(input.size() + 1);
      return std::nullopt;
    case Line::State::too_long:
      fail(errors.too_long);
      return std::nullopt;
    case Line::State::broken:
      fail(errors.invalid);
      return std::nullopt;
    case Line::State::whole:
      break;
  }
  const std::optional<std::int64_t> value =
      parse_length(input.substr(position_ + 1, line.size - 1));
  if (!value) fail(errors.invalid);
  position_ += line.size + 2;
  scanned_ = 0;
  return value;
}

// Fails unless a word of `size` bytes at position_ stays within the limits.
bool RequestParser::check_size(std::int64_t size) {
  const auto bytes = static_cast<std::uint64_t>(size);
  if (size < 0 || (limits_.unauthenticated && bytes > Limits{}.word_bytes_max)) {
    fail(kSizeErrors.invalid);
  } else if (bytes > limits_.word_bytes_max) {
    fail(limits_.unauthenticated ? "Protocol error: unauthenticated bulk length"
                                 : kSizeErrors.invalid);
  } else if (position_ + bytes + 2 > limits_.request_bytes_max) {
    fail("Protocol error: request too large");
  } else {
    return true;
  }
  return false;
}

void RequestParser::keep(std::string_view word) {
  if (word_count_ == words_.size()) words_.resize(std::max<std::size_t>(16, word_count_ * 2));
  words_[word_count_++] = word;
}

// Turns the words found so far into offsets, since the buffer may move before the next call.
void RequestParser::remember_words(std::string_view input) {
  for (const std::string_view word : words()) {
    pieces_.push_back({static_cast<std::size_t>(word.data() - input.data()), word.size()});
  }
  word_count_ = 0;
}

void RequestParser::recall_words(std::string_view input) {
  for (const Piece& piece : pieces_) keep(input.substr(piece.offset, piece.size));
}

RequestParser::Status RequestParser::wait_for(std::size_t bytes) {
  bytes_wanted_ = bytes;
  return status_ = Status::need_more;
}

RequestParser::Status RequestParser::found(std::size_t bytes) {
  if (bytes > limits_.request_bytes_max) return fail("Protocol error: request too large");
  consumed_ = bytes;
  stage_ = Stage::between;
  return status_ = Status::request;
}

RequestParser::Status RequestParser::fail(std::string_view why) {
  error_ = why;
  word_count_ = 0;
  stage_ = Stage::failed;
  return status_ = Status::error;
}

}  // namespace sojourn::protocol
