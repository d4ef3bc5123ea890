#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sojourn::server {

// A file system that forgets what was not synced when the power is cut, so that power loss can be
// tested in process.
//
// What survives a cut: of a file, what was appended before its last sync; of a directory, the files
// and directories that were in it, under the names they had, when it was last synced. Nothing is
// taken to be durable because something else was synced: that is stricter than most file systems.
//
// After power_cut(), and once the operations given to cut_after() are used up, everything goes on in
// the dark: it works, but power_on() brings back what there was at the cut. A program that loses its
// power does not see its disk fail either. So what was acknowledged counts only if the power is on
// after it. Close what was open, then power_on() and open it again. Syncs cost nothing: they are
// remembered, not done. Everything is kept below `root`, an existing directory; the data directory
// under test must stand in it. Threading: any thread.
class ForgetfulFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit ForgetfulFileSystem(std::string root);
  ~ForgetfulFileSystem() override;
  const char* Name() const override { return "ForgetfulFileSystem"; }

  void power_cut();
  // The power is cut in the place of the n-th operation from now that changes anything.
  void cut_after(std::size_t operations);
  bool powered() const;
  // The state after the cut: exactly what was synced, or, with a seed, that and a chance part of
  // what was not: of each file's unsynced end a beginning, of the unsynced changes of directories a
  // beginning too. Both are what real disks do.
  void power_on(std::optional<std::uint64_t> seed = std::nullopt);
  // Operations that changed anything so far.
  std::size_t operations() const;

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override;

  // What could make this forget less than it should.
  rocksdb::IOStatus ReopenWritableFile(const std::string&, const rocksdb::FileOptions&,
                                       std::unique_ptr<rocksdb::FSWritableFile>*,
                                       rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("ReopenWritableFile");
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string&, const std::string&,
                                      const rocksdb::FileOptions&,
                                      std::unique_ptr<rocksdb::FSWritableFile>*,
                                      rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("ReuseWritableFile");
  }
  rocksdb::IOStatus NewRandomRWFile(const std::string&, const rocksdb::FileOptions&,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>*,
                                    rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("NewRandomRWFile");
  }
  rocksdb::IOStatus Truncate(const std::string&, std::size_t, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("Truncate");
  }
  rocksdb::IOStatus DeleteDir(const std::string&, const rocksdb::IOOptions&,
                              rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("DeleteDir");
  }
  rocksdb::IOStatus LinkFile(const std::string&, const std::string&, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("LinkFile");
  }

 private:
  class File;
  class Directory;

  // A file or a directory, whatever it is called. A file's bytes also stand in the cellar, where
  // they outlive their name.
  struct Node {
    bool is_directory = false;
    std::uint64_t number = 0;
    std::size_t written = 0;
    std::size_t synced = 0;
  };
  using NodePtr =
      std::shared_ptr<Node>;  // owners: the names it has now, and those that are durable
  using Names = std::map<std::string, NodePtr>;
  // A name given or taken (no node) that is not durable yet.
  struct Change {
    std::string path;
    NodePtr node;
  };

  // All with mutex_ held.
  bool counts();  // before each operation that changes anything: whether the power is on for it
  void note(const std::string& path, NodePtr node);
  void make_durable(const std::string& directory);
  std::string cellar_path(const Node& node) const;
  void clear_cellar();

  const std::string root_;
  const std::string cellar_;
  mutable std::mutex mutex_;
  bool powered_ = true;
  std::uint64_t boot_ = 1;  // files opened before a cut stay dead after it
  std::size_t operations_ = 0;
  std::size_t operations_left_ = std::numeric_limits<std::size_t>::max();
  std::uint64_t last_number_ = 0;
  Names now_;
  Names durable_;
  std::set<std::string> dark_;  // names given in the dark
  std::vector<Change> pending_;  // in order
};

}  // namespace sojourn::server
