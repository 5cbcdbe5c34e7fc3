#include "spool/spool_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace sluice::spool {

namespace {

constexpr mode_t kDirectoryMode = 0750;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Error unusable(const std::string& directory, std::string_view what, int number) {
  auto error = system_error(fmt::format("spool directory {}: {}", directory, what), number);
  switch (number) {
    case EACCES:
    case EPERM:
      return Error(error.code(), error.sentence() +
                                     ": create it and give it to the user that runs sluice "
                                     "(chown), or set `spool` to a directory it may write");
    case EROFS:
      return Error(
          error.code(),
          error.sentence() + ": mount its file system for writing, or set `spool` elsewhere");
    case ENOSPC:
    case EDQUOT:
      return Error(error.code(), error.sentence() + ": free some space on its file system");
    case ENOTDIR:
    case EEXIST:
      return Error(error.code(), error.sentence() + ": `spool` must name a directory");
    default:
      return error;
  }
}

Result<void> sync_parent(const std::string& directory) {
  const auto parent = std::filesystem::path(directory).parent_path().string();
  return sync_directory(parent.empty() ? "." : parent);
}

Result<void> make_directory(const std::string& directory) {
  if (mkdir(directory.c_str(), kDirectoryMode) == 0) return sync_parent(directory);
  const int number = errno;
  if (number != EEXIST) return std::unexpected(unusable(directory, "cannot create it", number));
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0)
    return std::unexpected(unusable(directory, "cannot read it", errno));
  if (!S_ISDIR(status.st_mode))
    return std::unexpected(unusable(directory, "it is a file", ENOTDIR));
  return {};
}

}  // namespace

std::string partition_directory(const std::string& spool_directory, PartitionId partition) {
  return fmt::format("{}/{:02}", spool_directory, partition);
}

Result<void> make_spool_directory(const std::string& directory) {
  const auto parent = std::filesystem::path(directory).parent_path();
  if (!parent.empty()) {
    std::error_code failure;
    std::filesystem::create_directories(parent, failure);
    if (failure)
      return std::unexpected(unusable(directory, "cannot create its parents", failure.value()));
  }
  if (auto made = make_directory(directory); !made) return made;
  if (access(directory.c_str(), R_OK | W_OK | X_OK) != 0) {
    return std::unexpected(unusable(directory, "it cannot be written", errno));
  }
  return {};
}

Result<void> make_partition_directory(const std::string& directory) {
  return make_directory(directory);
}

Result<void> sync_directory(const std::string& directory) {
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return std::unexpected(unusable(directory, "cannot read it", errno));
  const int number = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  // A file system that cannot sync a directory says so; there is nothing to wait for.
  if (number == 0 || number == EINVAL) return {};
  return std::unexpected(unusable(directory, "cannot sync it", number));
}

Result<std::vector<PartitionId>> find_partitions(const std::string& spool_directory) {
  std::vector<PartitionId> found;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(spool_directory, failure), end;
       !failure && entry != end; entry.increment(failure)) {
    const auto name = entry->path().filename().string();
    if (name.size() != 2 || !is_digit(name[0]) || !is_digit(name[1])) continue;
    found.push_back(static_cast<PartitionId>((name[0] - '0') * 10 + (name[1] - '0')));
  }
  if (failure) return std::unexpected(unusable(spool_directory, "cannot list it", failure.value()));
  std::ranges::sort(found);
  return found;
}

}  // namespace sluice::spool
