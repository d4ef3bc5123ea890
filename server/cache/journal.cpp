#include "server/cache/journal.h"

#include <utility>

#include "server/cache/journal_core.h"

namespace sojourn::server {

Journal::Journal(Store* store, Options options, Log* log)
    : enabled_(store != nullptr), core_(std::make_shared<Core>(store, options, log)) {}

Result<std::unique_ptr<Journal>> Journal::open(Store& store, Options options, Log& log) {
  std::unique_ptr<Journal> journal(new Journal(&store, options, &log));
  if (auto restored = journal->core_->restore(); !restored) return restored.error();
  journal->core_->start();
  journal->core_->reserve_numbers();
  if (!journal->flush() && journal->state() == StorageState::failed) {
    return Error{Errc::storage, journal->failure()};
  }
  return journal;
}

std::unique_ptr<Journal> Journal::none() {
  return std::unique_ptr<Journal>(new Journal(nullptr, Options{}, nullptr));
}

Journal::~Journal() { stop(); }

Journal::Stopped Journal::stop() { return core_->stop(); }

void Journal::end_turn() {
  if (enabled_) core_->end_turn();
}

JournalPosition Journal::appended() const { return core_->appended(); }
JournalPosition Journal::written() const { return core_->progress().written(); }
std::uint64_t Journal::written_version() const { return core_->written_version(); }
JournalPosition Journal::synced() const { return core_->progress().synced(); }
JournalPosition Journal::released() const { return core_->progress().released(); }

bool Journal::flush() { return !enabled_ || core_->flush().get(); }

void Journal::when_synced(JournalPosition position, std::function<void(bool)> done) {
  core_->progress().when_synced(position, std::move(done));
  if (enabled_) core_->commit_soon();
}

bool Journal::over_budget() const { return core_->over_budget(); }
std::size_t Journal::pending_bytes() const { return core_->pending_bytes(); }
StorageState Journal::state() const { return core_->progress().state(); }
std::string Journal::failure() const { return core_->progress().failure(); }
void Journal::set_fsync(AppendFsync fsync) { core_->progress().set_fsync(fsync); }
AppendFsync Journal::fsync() const { return core_->progress().fsync(); }
Time Journal::last_sync() const { return core_->progress().last_sync(); }
void Journal::on_progress(std::function<void()> wake) {
  core_->progress().on_progress(std::move(wake));
}

}  // namespace sojourn::server
