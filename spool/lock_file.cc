#include "spool/lock_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace sluice::spool {

namespace {

// What the holder wrote, for the message; "unknown" when it is just starting.
std::string holder_of(int descriptor) {
  std::array<char, 32> text{};
  const auto length = pread(descriptor, text.data(), text.size(), 0);
  const std::string_view read(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  const auto digits = read.substr(0, read.find_first_not_of("0123456789"));
  return digits.empty() ? "unknown" : std::string(digits);
}

}  // namespace

Result<std::unique_ptr<LockFile>> LockFile::take(const std::string& spool_directory) {
  const auto path = spool_directory + "/lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    const int number = errno;
    auto error = system_error("spool: cannot open " + path, number);
    return fail(
        error.code(),
        error.sentence() + ": give the spool directory to the user that runs sluice (chown)");
  }
  std::unique_ptr<LockFile> lock(new LockFile(descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    if (number != EWOULDBLOCK)
      return std::unexpected(system_error("spool: cannot lock " + path, number));
    return fail(
        ErrorCode::refused,
        fmt::format("spool {} is in use by process {}: stop it first, or name another directory",
                    spool_directory, holder_of(descriptor)));
  }
  const auto text = fmt::format("{}\n", getpid());
  const bool is_written =
      ftruncate(descriptor, 0) == 0 &&
      pwrite(descriptor, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  // The lock holds without its text too; but a directory that takes no 10 bytes takes no mail.
  if (!is_written) return std::unexpected(system_error("spool: cannot write " + path, errno));
  return lock;
}

LockFile::~LockFile() { close(descriptor_); }

}  // namespace sluice::spool
