#include "server/store/data_directory.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "server/store/rocks_status.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kFormatFile = "FORMAT";
constexpr std::string_view kProduct = "sojourn";

// Nothing but what an operator's Redis leaves behind, or a start of ours that was cut short: then
// the directory may become ours.
bool harmless(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"dump.rdb", "appendonlydir", "lost+found",
                                                      "FORMAT.new"};
  constexpr std::array<std::string_view, 4> kEndings = {".aof", ".log", ".pid", ".conf"};
  return name.starts_with('.') || std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

// Under which name the directory holds the file, or what leads to it; empty if it does not.
std::string name_inside(const std::string& directory, const std::string& file) {
  std::error_code ignored;
  const auto inside =
      std::filesystem::weakly_canonical(file, ignored)
          .lexically_relative(std::filesystem::weakly_canonical(directory, ignored));
  const std::string name = inside.empty() ? "" : inside.begin()->string();
  return name == ".." ? "" : name;
}

Result<void> sync_directory(rocksdb::FileSystem& files, const std::string& directory) {
  std::unique_ptr<rocksdb::FSDirectory> handle;
  rocksdb::IOStatus status = files.NewDirectory(directory, {}, &handle, nullptr);
  if (status.ok()) status = handle->FsyncWithDirOptions({}, nullptr, {});
  if (!status.ok()) return to_error(status, "syncing the directory " + directory);
  return {};
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

Result<void> make_private_directory(rocksdb::FileSystem& files, const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  std::error_code failed;
  std::filesystem::create_directories(parent, failed);
  if (failed) return Error{Errc::storage, fmt::format("making {}: {}", parent, failed.message())};
  const rocksdb::IOStatus made = files.CreateDirIfMissing(path, {}, nullptr);
  if (!made.ok()) return to_error(made, "making " + path);
  if (::chmod(path.c_str(), 0700) != 0) {
    return Error{Errc::storage, fmt::format("making {} private: {}", path, std::strerror(errno))};
  }
  // RocksDB does not sync the directory its own directory stands in.
  return sync_directory(files, parent);
}

// "sojourn\nformat 1\n"
std::optional<int> format_number(std::string_view text) {
  const std::string start = fmt::format("{}\nformat ", kProduct);
  if (!text.starts_with(start)) return std::nullopt;
  text.remove_prefix(start.size());
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || std::string_view(end, text.data() + text.size()) != "\n") {
    return std::nullopt;
  }
  return number;
}

Result<void> check_format(rocksdb::FileSystem& files, const std::string& directory) {
  const Result<std::string> text =
      read_small_file(files, fmt::format("{}/{}", directory, kFormatFile));
  if (!text) return text.error();
  const std::optional<int> number = format_number(*text);
  if (!number || *number < 1) {
    return Error{Errc::foreign, fmt::format("the file FORMAT in the data directory {} is not one "
                                            "of this server's",
                                            directory)};
  }
  if (*number > kDataFormat) {
    return Error{Errc::foreign, fmt::format("the data directory {} has format {}, this server "
                                            "knows formats up to {}; start a newer server",
                                            directory, *number, kDataFormat)};
  }
  return {};
}

}  // namespace

std::string database_directory(const std::string& directory) { return directory + "/db"; }

Result<void> make_data_directory(rocksdb::FileSystem& files, const std::string& directory) {
  if (is_directory(directory)) return {};
  return make_private_directory(files, directory);
}

Result<void> prepare_data_directory(rocksdb::FileSystem& files, const std::string& directory,
                                    std::span<const std::string> own_files) {
  if (auto made = make_data_directory(files, directory); !made) return made;
  std::vector<std::string> names;
  const rocksdb::IOStatus listed = files.GetChildren(directory, {}, &names, nullptr);
  if (!listed.ok()) return to_error(listed, "listing the data directory " + directory);
  if (std::find(names.begin(), names.end(), kFormatFile) != names.end()) {
    if (auto checked = check_format(files, directory); !checked) return checked;
  } else {
    std::sort(names.begin(), names.end());
    const auto ours = [&](const std::string& name) {
      return std::any_of(own_files.begin(), own_files.end(), [&](const std::string& file) {
        return name_inside(directory, file) == name;
      });
    };
    const auto foreign = std::find_if_not(names.begin(), names.end(), [&](const std::string& name) {
      return harmless(name) || ours(name);
    });
    if (foreign != names.end()) {
      return Error{Errc::foreign, fmt::format("the data directory {} is not one of this server's: "
                                              "it has {} in it, and no file FORMAT",
                                              directory, *foreign)};
    }
    const std::string contents = fmt::format("{}\nformat {}\n", kProduct, kDataFormat);
    auto marked = write_durably(files, directory, std::string(kFormatFile), contents);
    if (!marked) return marked;
  }
  return make_data_directory(files, database_directory(directory));
}

Result<void> write_durably(rocksdb::FileSystem& files, const std::string& directory,
                           const std::string& name, std::string_view contents) {
  const std::string path = directory + "/" + name;
  const std::string fresh = path + ".new";
  rocksdb::IOStatus status = rocksdb::WriteStringToFile(
      &files, rocksdb::Slice(contents.data(), contents.size()), fresh, /*should_sync=*/true);
  if (status.ok()) status = files.RenameFile(fresh, path, {}, nullptr);
  if (!status.ok()) return to_error(status, "writing " + path);
  return sync_directory(files, directory);
}

Result<std::string> read_small_file(rocksdb::FileSystem& files, const std::string& path,
                                    std::size_t bytes_max) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  rocksdb::IOStatus status = files.NewSequentialFile(path, {}, &file, nullptr);
  std::string contents(bytes_max, '\0');
  rocksdb::Slice read;
  if (status.ok()) status = file->Read(bytes_max, {}, &read, contents.data(), nullptr);
  if (!status.ok()) return to_error(status, "reading " + path);
  return read.ToString();
}

}  // namespace sojourn::server
