#include "relay/user_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/config_file.h"
#include "core/config_reader.h"
#include "core/config_writer.h"
#include "core/descriptor.h"
#include "relay/user_keys.h"

namespace sluice::relay {

namespace {

constexpr auto kUserFileKeys = std::tuple{
    tables("user", &UserFile::users, kUserKeys, "Who may authenticate and submit."),
};

constexpr std::string_view kHeading =
    "# Users of sluice, written by `sluice user`, which keeps no comments. The keys are those of\n"
    "# [[user]] in the configuration: `sluice config reference` lists them.\n";

constexpr ::mode_t kNewFileMode = 0640;

bool is_missing(const std::string& path) {
  struct ::stat status{};
  return ::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

// Each key of a user on a line of its own, those that say nothing new left out.
std::string show_user(const UserSettings& user) {
  const std::string defaults = '\n' + show_config(UserSettings(), kUserKeys);
  const std::string all = show_config(user, kUserKeys);
  std::string text;
  for (std::size_t start = 0; start < all.size();) {
    const std::size_t end = all.find('\n', start) + 1;
    const std::string line = all.substr(start, end - start);
    if (!defaults.contains('\n' + line)) text += line;
    start = end;
  }
  return text;
}

Result<void> write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) return std::unexpected(system_error("cannot be written", errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Where the file really is: an edit through a link changes what the link names.
std::string target_of(const std::string& path) {
  std::error_code error;
  const auto target = std::filesystem::canonical(path, error);
  return error ? path : target.string();
}

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

// Gives the new file the rights of the one that it replaces, or of its directory.
Result<void> set_rights(int descriptor, const std::string& path, int directory) {
  struct ::stat wanted{};
  struct ::stat present{};
  const bool is_new = ::stat(path.c_str(), &wanted) != 0;
  if (is_new && ::fstat(directory, &wanted) != 0) {
    return std::unexpected(system_error("its directory cannot be examined", errno));
  }
  if (::fstat(descriptor, &present) != 0) {
    return std::unexpected(system_error("cannot be examined", errno));
  }
  const ::mode_t mode = is_new ? kNewFileMode : wanted.st_mode & 07777;
  const bool is_owned = present.st_uid == wanted.st_uid && present.st_gid == wanted.st_gid;
  if (!is_owned && ::fchown(descriptor, wanted.st_uid, wanted.st_gid) != 0) {
    return std::unexpected(system_error(
        fmt::format("cannot be given to user {}, group {}: run this as root or as that user",
                    wanted.st_uid, wanted.st_gid),
        errno));
  }
  if (::fchmod(descriptor, mode) != 0) {
    return std::unexpected(system_error("its mode cannot be set", errno));
  }
  return {};
}

}  // namespace

UserFile read_user_file(const std::string& path, UserNames& names, ConfigProblems& problems) {
  UserFile file;
  if (is_missing(path)) return file;
  file.document = read_plain_config_file(path, ByteCount(kUserFileBytesMax), problems);
  read_config_table(file.document, {}, kUserFileKeys, file, problems);
  check_user_rules(file.users, file.document, names, problems);
  return file;
}

std::string show_user_file(const std::vector<UserSettings>& users) {
  std::string text(kHeading);
  for (const UserSettings& user : users) text += "\n[[user]]\n" + show_user(user);
  return text;
}

UserFileEdit::UserFileEdit(std::string path, int directory)
    : path_(std::move(path)), directory_(directory) {}

UserFileEdit::UserFileEdit(UserFileEdit&& other) noexcept
    : path_(std::move(other.path_)),
      directory_(std::exchange(other.directory_, -1)),
      users_(std::move(other.users_)) {}

UserFileEdit::~UserFileEdit() {
  if (directory_ >= 0) close_descriptor(directory_);
}

Result<UserFileEdit> UserFileEdit::begin(const std::string& path) {
  std::string target = target_of(path);
  const std::string parent = directory_of(target);
  const int directory = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return std::unexpected(system_error(parent + " cannot be opened", errno));
  UserFileEdit edit(std::move(target), directory);
  if (::flock(directory, LOCK_EX) != 0) {
    return std::unexpected(system_error(parent + " cannot be locked", errno));
  }

  UserNames names;
  ConfigProblems problems;
  edit.users_ = read_user_file(edit.path_, names, problems).users;
  if (!problems.empty()) {
    return fail(ErrorCode::invalid_argument, join_problems(problems.sorted()));
  }
  return edit;
}

UserSettings* UserFileEdit::find(std::string_view name) {
  const auto user = std::ranges::find(users_, name, &UserSettings::name);
  return user == users_.end() ? nullptr : &*user;
}

Result<void> UserFileEdit::write(int descriptor) const {
  const std::string text = show_user_file(users_);
  if (text.size() > kUserFileBytesMax) {
    return fail(ErrorCode::limit_exceeded, "would be larger than 16MiB");
  }
  if (auto written = write_all(descriptor, text); !written) return written;
  if (auto set = set_rights(descriptor, path_, directory_); !set) return set;
  if (::fsync(descriptor) == 0) return {};
  return std::unexpected(system_error("cannot be made durable", errno));
}

Result<void> UserFileEdit::commit() {
  // Whatever an edit left behind that was cut short; under the lock nobody else writes it.
  const std::string fresh = path_ + ".new";
  ::unlink(fresh.c_str());
  const int descriptor =
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return std::unexpected(system_error(fresh + " cannot be created", errno));
  auto written = write(descriptor);
  close_descriptor(descriptor);
  if (!written) {
    ::unlink(fresh.c_str());
    return fail(written.error().code(), fresh + ' ' + written.error().sentence());
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) {
    return std::unexpected(system_error(path_ + " cannot be replaced", errno));
  }
  if (::fsync(directory_) == 0) return {};
  return std::unexpected(system_error(path_ + " cannot be made durable", errno));
}

}  // namespace sluice::relay
