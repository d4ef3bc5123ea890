#include "tests/support/forgetful_file_system.h"

#include <filesystem>
#include <memory>
#include <set>

#include "tests/server/store/store_fixture.h"

namespace sojourn::server {
namespace {

namespace disk = std::filesystem;

class ForgetfulFiles : public ::testing::Test {
 protected:
  using FilePtr = std::unique_ptr<rocksdb::FSWritableFile>;

  FilePtr make(const std::string& name) {
    FilePtr file;
    EXPECT_TRUE(files.NewWritableFile(path(name), {}, &file, nullptr).ok());
    return file;
  }
  static void append(const FilePtr& file, const std::string& text) {
    EXPECT_TRUE(file->Append(text, {}, nullptr).ok());
  }
  static void sync(const FilePtr& file) { EXPECT_TRUE(file->Sync({}, nullptr).ok()); }
  void sync_directory(const std::string& name = "") {
    std::unique_ptr<rocksdb::FSDirectory> directory;
    ASSERT_TRUE(files.NewDirectory(path(name), {}, &directory, nullptr).ok());
    EXPECT_TRUE(directory->FsyncWithDirOptions({}, nullptr, {}).ok());
  }
  void rename(const std::string& from, const std::string& to) {
    EXPECT_TRUE(files.RenameFile(path(from), path(to), {}, nullptr).ok());
  }
  void remove(const std::string& name) {
    EXPECT_TRUE(files.DeleteFile(path(name), {}, nullptr).ok());
  }
  void make_directory(const std::string& name) {
    EXPECT_TRUE(files.CreateDir(path(name), {}, nullptr).ok());
  }
  void power_cycle(std::optional<std::uint64_t> seed = std::nullopt) {
    files.power_cut();
    files.power_on(seed);
  }
  // A whole durable file.
  void keep(const std::string& name, const std::string& text) {
    const FilePtr file = make(name);
    append(file, text);
    sync(file);
    sync_directory();
  }
  std::string path(const std::string& name) { return home / name; }
  std::string show(const std::string& name) {
    return disk::exists(path(name)) ? contents(path(name)) : "(none)";
  }

  TemporaryDirectory home;
  ForgetfulFileSystem files{home.path()};
};

TEST_F(ForgetfulFiles, KeepAFileUpToItsLastSync) {
  const auto file = make("a");
  append(file, "one");
  sync(file);
  sync_directory();
  append(file, "two");
  EXPECT_EQ(show("a"), "onetwo");
  power_cycle();
  EXPECT_EQ(show("a"), "one");
}

TEST_F(ForgetfulFiles, LoseAFileWhoseDirectoryWasNotSynced) {
  const auto file = make("a");
  append(file, "one");
  sync(file);
  power_cycle();
  EXPECT_EQ(show("a"), "(none)");
}

TEST_F(ForgetfulFiles, KeepAnEmptyFileWhoseDirectoryWasSyncedAndItselfNot) {
  const auto file = make("a");
  append(file, "one");
  sync_directory();
  power_cycle();
  EXPECT_EQ(show("a"), "");
}

TEST_F(ForgetfulFiles, BringBackWhatWasRemoved) {
  keep("a", "one");
  remove("a");
  EXPECT_EQ(show("a"), "(none)");
  power_cycle();
  EXPECT_EQ(show("a"), "one");
  remove("a");
  sync_directory();
  power_cycle();
  EXPECT_EQ(show("a"), "(none)");
}

TEST_F(ForgetfulFiles, BringBackWhatWasReplaced) {
  keep("a", "old");
  const auto fresh = make("b");
  append(fresh, "new");
  sync(fresh);
  rename("b", "a");
  EXPECT_EQ(show("a"), "new");
  power_cycle();
  EXPECT_EQ(show("a"), "old");
  EXPECT_EQ(show("b"), "(none)");
}

TEST_F(ForgetfulFiles, KeepARenameOnceItsDirectoryIsSynced) {
  keep("a", "old");
  const auto fresh = make("b");
  append(fresh, "new");
  sync(fresh);
  rename("b", "a");
  sync_directory();
  power_cycle();
  EXPECT_EQ(show("a"), "new");
  EXPECT_EQ(show("b"), "(none)");
}

TEST_F(ForgetfulFiles, BringBackWhatWasWrittenOver) {
  keep("a", "old");
  const auto fresh = make("a");
  append(fresh, "new");
  sync(fresh);
  power_cycle();
  EXPECT_EQ(show("a"), "old");
}

TEST_F(ForgetfulFiles, LoseADirectoryWithWhatIsInItUnlessItsParentWasSynced) {
  make_directory("d");
  const auto file = make("d/a");
  append(file, "one");
  sync(file);
  sync_directory("d");
  power_cycle();
  EXPECT_FALSE(disk::exists(path("d")));

  make_directory("d");
  const auto again = make("d/a");
  append(again, "one");
  sync(again);
  sync_directory("d");
  sync_directory();
  power_cycle();
  EXPECT_EQ(show("d/a"), "one");
}

TEST_F(ForgetfulFiles, GoOnInTheDarkAndForgetIt) {
  keep("gone", "one");
  keep("moved", "two");
  const auto file = make("a");
  append(file, "one");
  sync(file);
  sync_directory();
  files.power_cut();
  append(file, "two");
  sync(file);
  EXPECT_EQ(show("a"), "onetwo");
  remove("gone");
  rename("moved", "b");
  make_directory("d");
  const auto dark = make("d/c");
  append(dark, "three");
  sync(dark);
  rename("d/c", "d/e");
  sync_directory("d");
  sync_directory();
  EXPECT_EQ(show("d/e"), "three");
  files.power_on();
  EXPECT_EQ(show("a"), "one");
  EXPECT_EQ(show("gone"), "one");
  EXPECT_EQ(show("moved"), "two");
  EXPECT_EQ(show("b"), "(none)");
  EXPECT_FALSE(disk::exists(path("d")));
}

TEST_F(ForgetfulFiles, FailWhatWasOpenedBeforeTheCut) {
  const auto file = make("a");
  sync_directory();
  power_cycle();
  EXPECT_FALSE(file->Append("x", {}, nullptr).ok());
  EXPECT_FALSE(file->Sync({}, nullptr).ok());
  EXPECT_EQ(show("a"), "");
}

TEST_F(ForgetfulFiles, CutThePowerInThePlaceOfTheNthOperation) {
  const auto file = make("a");
  sync_directory();
  files.cut_after(2);
  append(file, "one");
  sync(file);
  EXPECT_TRUE(files.powered());
  append(file, "two");
  EXPECT_FALSE(files.powered());
  files.power_on();
  EXPECT_EQ(show("a"), "one");
}

TEST_F(ForgetfulFiles, MayKeepABeginningOfWhatWasNotSynced) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto file = make("a");
    append(file, "12");
    sync(file);
    sync_directory();
    append(file, "345");
    power_cycle(seed);
    seen.insert(show("a"));
    remove("a");
    sync_directory();
  }
  EXPECT_THAT(seen, ::testing::ElementsAre("12", "123", "1234", "12345"));
}

TEST_F(ForgetfulFiles, KeepWhatSurvivedACutThroughTheNext) {
  const auto file = make("a");
  append(file, "one");
  sync(file);
  sync_directory();
  power_cycle();
  power_cycle();
  EXPECT_EQ(show("a"), "one");
}

}  // namespace
}  // namespace sojourn::server
