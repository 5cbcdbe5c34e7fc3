#include "spool/file_growth.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "spool/environment.h"

namespace sluice::spool {

namespace {

std::uint64_t file_bytes(int descriptor) {
  struct stat status{};
  return fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

void FileGrowth::keep_ahead() {
  const auto extent = environment_.extent();
  const auto ahead = std::min(extent.touched / kZerosAheadShare, kZerosAheadMax);
  if (ahead < kZerosAheadMin || extent.touched + ahead / 2 <= end_) return;
  end_ = file_bytes(environment_.descriptor());
  if (end_ == 0 || extent.touched + ahead / 2 <= end_) return;

  // From the end of the file on, where LMDB has not written anything.
  const auto begin = std::max(end_, extent.touched);
  const auto target = std::min(extent.touched + ahead, extent.map);
  if (begin >= target) return;
  zeros_.resize(target - begin);
  const auto written =
      pwrite(environment_.descriptor(), zeros_.data(), zeros_.size(), static_cast<off_t>(begin));
  if (written > 0) end_ = begin + static_cast<std::uint64_t>(written);
}

}  // namespace sluice::spool
