#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/cache/journal.h"
#include "tests/support/recording_store.h"

namespace sojourn::server {

using namespace std::chrono_literals;

using Names = std::vector<std::string>;

// Time enough for anything that happens at all, on a machine that is busy with other things.
inline constexpr auto kDeadline = 20s;

template <class Condition>
bool eventually(Condition condition) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    never.wait_for(lock, 1ms);
  }
  return true;
}

inline constexpr std::string_view kWarmUp = "warm-up";

// Changes are meta rows here: their names are what the tests look for on disk, in order.
inline Names names(const RecordingStore::Written& batch) {
  Names found;
  for (const auto& change : batch.changes) {
    const bool of_the_journal = change.key.starts_with("next_") || change.key == kWarmUp;
    if (!of_the_journal) found.push_back(change.key);
  }
  return found;
}

inline Names names(const RecordingStore& store) {
  Names found;
  for (const auto& batch : store.written()) {
    for (auto& name : names(batch)) found.push_back(std::move(name));
  }
  return found;
}

// A journal over a store that records what reaches it, and can be held back or made to fail.
class JournalTest : public ::testing::Test {
 protected:
  // Without syncs of its own accord, unless a test wants them.
  static Journal::Options quiet() {
    Journal::Options options;
    options.sync_interval = 1h;
    options.retry_first = 1ms;
    options.retry_most = 5ms;
    return options;
  }
  static Journal::Options always() {
    auto options = quiet();
    options.fsync = AppendFsync::always;
    return options;
  }

  void open(Journal::Options options = quiet()) {
    const int prepares_before = store_.prepares_begun();
    auto opened = Journal::open(store_, options, log_);
    ASSERT_TRUE(opened) << opened.error().detail;
    journal_ = std::move(*opened);
    if (journal_->state() != StorageState::ok) return;
    // The committer, who wrote the first numbers, must have left the writer's place.
    ASSERT_TRUE(eventually([&] {
      turn(kWarmUp);
      return store_.written().back().by == std::this_thread::get_id();
    }));
    ASSERT_TRUE(eventually([&] { return store_.prepares_begun() > prepares_before; }));
    ASSERT_TRUE(journal_->flush());
    syncs_at_start_ = store_.syncs();
  }
  // Whatever a failed test left held: the journal's threads can end.
  void TearDown() override {
    store_.hold_writes(false);
    store_.hold_syncs(false);
    store_.hold_prepares(false);
  }
  bool a_sync_begins() const {
    return eventually([&] { return store_.syncs_begun() > syncs_at_start_; });
  }
  JournalPosition append(std::string_view name) {
    Journal::Unit unit(*journal_);
    unit.put_meta(name, "");
    return unit.position();
  }
  // A turn of a worker that makes one change.
  JournalPosition turn(std::string_view name) {
    const auto position = append(name);
    journal_->end_turn();
    return position;
  }
  bool released(JournalPosition position) const { return journal_->released() >= position; }
  // A worker whose turn hangs in the store until hold_writes(false).
  std::thread stuck_worker(std::string_view name) {
    const int before = store_.writes_begun();
    store_.hold_writes(true);
    std::thread worker([this, name] { turn(name); });
    EXPECT_TRUE(eventually([&] { return store_.writes_begun() > before; }));
    return worker;
  }

  RecordingStore store_;
  Log log_{-1};
  std::unique_ptr<Journal> journal_;
  int syncs_at_start_ = 0;
};

}  // namespace sojourn::server
