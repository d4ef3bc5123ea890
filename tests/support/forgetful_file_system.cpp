#include "tests/support/forgetful_file_system.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

namespace disk = std::filesystem;
using rocksdb::IOStatus;

std::string normal(const std::string& path) {
  std::string plain = disk::path(path).lexically_normal().string();
  while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

std::string parent_of(const std::string& path) { return disk::path(path).parent_path().string(); }

IOStatus opened_before() { return IOStatus::IOError("it was opened before the power was cut"); }

}  // namespace

// A file that counts what was appended and what of it was synced.
class ForgetfulFileSystem::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(ForgetfulFileSystem& files, NodePtr node, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)),
        files_(files),
        node_(std::move(node)),
        boot_(files.boot_) {}

  IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                  rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(files_.mutex_);
    if (boot_ != files_.boot_) return opened_before();
    const bool counts = files_.counts();
    const IOStatus status = target()->Append(data, options, debug);
    if (status.ok() && counts) node_->written += data.size();
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                  const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    if (boot_ != files_.boot_) return opened_before();
    if (files_.counts()) node_->synced = node_->written;
    return IOStatus::OK();
  }
  IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const rocksdb::IOOptions&,
                     rocksdb::IODebugContext*) override {
    return IOStatus::OK();  // a hint, not a promise
  }
  IOStatus Truncate(std::uint64_t size, const rocksdb::IOOptions& options,
                    rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(files_.mutex_);
    if (boot_ != files_.boot_) return opened_before();
    // Only ever to cut off what was allocated ahead.
    CHECK(!files_.counts() || size == node_->written);
    return target()->Truncate(size, options, debug);
  }
  IOStatus PositionedAppend(const rocksdb::Slice&, std::uint64_t, const rocksdb::IOOptions&,
                            rocksdb::IODebugContext*) override {
    return IOStatus::NotSupported("PositionedAppend");
  }

 private:
  ForgetfulFileSystem& files_;
  const NodePtr node_;
  const std::uint64_t boot_;
};

class ForgetfulFileSystem::Directory : public rocksdb::FSDirectory {
 public:
  Directory(ForgetfulFileSystem& files, std::string path)
      : files_(files), path_(std::move(path)), boot_(files.boot_) {}

  IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    if (boot_ != files_.boot_) return opened_before();
    if (files_.counts()) files_.make_durable(path_);
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }
  IOStatus Close(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  ForgetfulFileSystem& files_;
  const std::string path_;
  const std::uint64_t boot_;
};

ForgetfulFileSystem::ForgetfulFileSystem(std::string root)
    : FileSystemWrapper(rocksdb::FileSystem::Default()),
      root_(normal(root)),
      cellar_(root_ + "/.cellar") {
  CHECK(disk::is_directory(root_));
  disk::create_directories(cellar_);
}

ForgetfulFileSystem::~ForgetfulFileSystem() {
  std::error_code ignored;
  disk::remove_all(cellar_, ignored);
}

void ForgetfulFileSystem::power_cut() {
  const std::lock_guard lock(mutex_);
  powered_ = false;
}

void ForgetfulFileSystem::cut_after(std::size_t operations) {
  const std::lock_guard lock(mutex_);
  operations_left_ = operations;
}

bool ForgetfulFileSystem::powered() const {
  const std::lock_guard lock(mutex_);
  return powered_;
}

std::size_t ForgetfulFileSystem::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

void ForgetfulFileSystem::power_on(std::optional<std::uint64_t> seed) {
  const std::lock_guard lock(mutex_);
  CHECK(!powered_);
  std::mt19937_64 random(seed.value_or(0));
  const auto up_to = [&](std::size_t most) {
    return seed ? std::uniform_int_distribution<std::size_t>(0, most)(random) : 0;
  };
  pending_.resize(up_to(pending_.size()));
  for (const Change& change : pending_) {
    if (change.node) {
      durable_[change.path] = change.node;
    } else {
      durable_.erase(change.path);
    }
  }
  pending_.clear();

  for (const std::string& name : dark_) disk::remove_all(name);
  dark_.clear();
  for (auto name = now_.rbegin(); name != now_.rend(); ++name) {
    if (!name->second->is_directory) disk::remove(name->first);
  }
  Names left;
  // In order of names, so a directory comes before what is in it.
  for (const auto& [path, node] : durable_) {
    const std::string parent = parent_of(path);
    if (parent != root_ && !left.contains(parent)) continue;
    left[path] = node;
    if (node->is_directory) {
      disk::create_directories(path);
      continue;
    }
    disk::copy_file(cellar_path(*node), path, disk::copy_options::overwrite_existing);
    node->synced += up_to(node->written - node->synced);
    node->written = node->synced;
    disk::resize_file(path, node->written);
    // A file of its own in the cellar too: the old one may still be open for writing.
    disk::remove(cellar_path(*node));
    node->number = ++last_number_;
    disk::create_hard_link(path, cellar_path(*node));
  }
  for (auto name = now_.rbegin(); name != now_.rend(); ++name) {
    if (name->second->is_directory && !left.contains(name->first)) disk::remove_all(name->first);
  }
  durable_ = left;
  now_ = std::move(left);
  clear_cellar();
  powered_ = true;
  operations_left_ = std::numeric_limits<std::size_t>::max();
  ++boot_;
}

bool ForgetfulFileSystem::counts() {
  if (operations_left_ == 0) powered_ = false;
  if (!powered_) return false;
  --operations_left_;
  ++operations_;
  return true;
}

void ForgetfulFileSystem::note(const std::string& path, NodePtr node) {
  if (!powered_) {
    if (node) dark_.insert(path);
    return;
  }
  if (node) {
    now_[path] = node;
  } else {
    now_.erase(path);
  }
  pending_.push_back({path, std::move(node)});
}

void ForgetfulFileSystem::make_durable(const std::string& directory) {
  std::erase_if(pending_, [&](const Change& change) {
    if (parent_of(change.path) != directory) return false;
    if (change.node) {
      durable_[change.path] = change.node;
    } else {
      durable_.erase(change.path);
    }
    return true;
  });
  if (pending_.empty()) clear_cellar();
}

std::string ForgetfulFileSystem::cellar_path(const Node& node) const {
  return cellar_ + "/" + std::to_string(node.number);
}

// Only when nothing is pending: a pending change may be all that still holds a node.
void ForgetfulFileSystem::clear_cellar() {
  std::vector<std::string> wanted;
  for (const auto& [path, node] : durable_) wanted.push_back(std::to_string(node->number));
  for (const auto& [path, node] : now_) wanted.push_back(std::to_string(node->number));
  std::sort(wanted.begin(), wanted.end());
  for (const auto& entry : disk::directory_iterator(cellar_)) {
    const std::string number = entry.path().filename().string();
    if (!std::binary_search(wanted.begin(), wanted.end(), number)) disk::remove(entry.path());
  }
}

IOStatus ForgetfulFileSystem::NewWritableFile(const std::string& path,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                                              rocksdb::IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  counts();
  const std::string name = normal(path);
  // A new file rather than the old one emptied, so that the old bytes stay in the cellar.
  disk::remove(name);
  std::unique_ptr<rocksdb::FSWritableFile> made;
  const IOStatus status = target()->NewWritableFile(name, options, &made, debug);
  if (!status.ok()) return status;
  auto node = std::make_shared<Node>();
  node->number = ++last_number_;
  disk::create_hard_link(name, cellar_path(*node));
  note(name, node);
  *file = std::make_unique<File>(*this, std::move(node), std::move(made));
  return status;
}

IOStatus ForgetfulFileSystem::NewDirectory(const std::string& path, const rocksdb::IOOptions&,
                                           std::unique_ptr<rocksdb::FSDirectory>* directory,
                                           rocksdb::IODebugContext*) {
  const std::lock_guard lock(mutex_);
  if (!disk::is_directory(path)) return IOStatus::PathNotFound(path);
  *directory = std::make_unique<Directory>(*this, normal(path));
  return IOStatus::OK();
}

IOStatus ForgetfulFileSystem::DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                                         rocksdb::IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  counts();
  const IOStatus status = target()->DeleteFile(path, options, debug);
  if (status.ok()) note(normal(path), nullptr);
  return status;
}

IOStatus ForgetfulFileSystem::RenameFile(const std::string& from, const std::string& to,
                                         const rocksdb::IOOptions& options,
                                         rocksdb::IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  counts();
  CHECK(parent_of(normal(from)) == parent_of(normal(to)));
  const auto known = now_.find(normal(from));
  CHECK(known != now_.end() || dark_.contains(normal(from)));
  const NodePtr moved = known != now_.end() ? known->second : std::make_shared<Node>();
  const IOStatus status = target()->RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  // The new name first: a cut between the two may leave both, never neither.
  note(normal(to), moved);
  note(normal(from), nullptr);
  return status;
}

IOStatus ForgetfulFileSystem::CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  counts();
  const IOStatus status = target()->CreateDir(path, options, debug);
  if (!status.ok()) return status;
  auto node = std::make_shared<Node>();
  node->is_directory = true;
  node->number = ++last_number_;
  note(normal(path), std::move(node));
  return status;
}

IOStatus ForgetfulFileSystem::CreateDirIfMissing(const std::string& path,
                                                 const rocksdb::IOOptions& options,
                                                 rocksdb::IODebugContext* debug) {
  if (disk::is_directory(path)) return IOStatus::OK();
  return CreateDir(path, options, debug);
}

}  // namespace sojourn::server
