#include "server/store/watermark.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>

#include "server/store/data_directory.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kFile = "watermark";
// Without changes only the time moves; then the file is written this rarely.
constexpr Millis kIdleStep{10'000};

std::string figures(const Watermark& watermark) {
  return fmt::format("watermark 1\nsequence {}\ntime {}\n", watermark.sequence,
                     unix_ms(watermark.time));
}

// Takes "name number\n" off the front of the text.
template <class Number>
bool take(std::string_view& text, std::string_view name, Number& number) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.starts_with('\n')) return false;
  text.remove_prefix(1);
  return true;
}

template <class Number>
void raise(std::atomic<Number>& highest, Number value) {
  Number seen = highest.load(std::memory_order_relaxed);
  while (seen < value && !highest.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

std::string encode_watermark(const Watermark& watermark) {
  const std::string text = figures(watermark);
  return fmt::format("{}checksum {:016x}\n", text, XXH3_64bits(text.data(), text.size()));
}

std::optional<Watermark> decode_watermark(std::string_view text) {
  Watermark watermark;
  std::string_view rest = text;
  int version = 0;
  std::int64_t time_ms = 0;
  if (!take(rest, "watermark ", version) || !take(rest, "sequence ", watermark.sequence) ||
      !take(rest, "time ", time_ms)) {
    return std::nullopt;
  }
  watermark.time = from_unix_ms(time_ms);
  if (encode_watermark(watermark) != text) return std::nullopt;
  return watermark;
}

Result<FoundWatermark> read_watermark(rocksdb::FileSystem& files, const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, kFile);
  if (files.FileExists(path, {}, nullptr).IsNotFound()) return FoundWatermark{};
  const Result<std::string> text = read_small_file(files, path);
  if (!text) return text.error();
  const std::optional<Watermark> watermark = decode_watermark(*text);
  if (!watermark) return FoundWatermark{WatermarkFile::damaged, {}};
  return FoundWatermark{WatermarkFile::found, *watermark};
}

WatermarkKeeper::WatermarkKeeper(rocksdb::FileSystem& files, std::string directory, Watermark first,
                                 Log& log)
    : files_(files),
      directory_(std::move(directory)),
      log_(log),
      sequence_(first.sequence),
      time_ms_(unix_ms(first.time)),
      written_(first) {}

Result<std::unique_ptr<WatermarkKeeper>> WatermarkKeeper::start(rocksdb::FileSystem& files,
                                                                std::string directory,
                                                                Watermark first,
                                                                std::chrono::milliseconds interval,
                                                                Log& log) {
  std::unique_ptr<WatermarkKeeper> keeper(
      new WatermarkKeeper(files, std::move(directory), first, log));
  if (auto written = keeper->write(first); !written) return written.error();
  keeper->thread_ = std::thread(&WatermarkKeeper::keep, keeper.get(), interval);
  return keeper;
}

WatermarkKeeper::~WatermarkKeeper() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_wanted_.notify_all();
  thread_.join();
}

void WatermarkKeeper::note_durable(StoreSequence sequence) { raise(sequence_, sequence); }

void WatermarkKeeper::note_time(Time time) { raise(time_ms_, unix_ms(time)); }

Result<void> WatermarkKeeper::write(const Watermark& watermark) {
  return write_durably(files_, directory_, std::string(kFile), encode_watermark(watermark));
}

void WatermarkKeeper::keep(std::chrono::milliseconds interval) {
  std::unique_lock lock(mutex_);
  bool stopping = false;
  while (!stopping) {
    stopping = stop_wanted_.wait_for(lock, interval, [this] { return stopping_; });
    const Watermark now = current();
    const bool worth_it = now.sequence != written_.sequence ||
                          now.time - written_.time >= kIdleStep ||
                          (stopping && now.time != written_.time);
    if (!worth_it) continue;
    lock.unlock();
    write_or_complain(now);
    lock.lock();
  }
}

// A watermark that is not written makes a later loss harder to notice, and loses nothing: the store
// goes on, and tries again at the next turn.
void WatermarkKeeper::write_or_complain(const Watermark& watermark) {
  const auto done = write(watermark);
  if (done) {
    written_ = watermark;
    complained_ = false;
  } else if (!complained_) {
    complained_ = true;
    log_.warning("The watermark cannot be kept up to date: {}", done.error().detail);
  }
}

}  // namespace sojourn::server
