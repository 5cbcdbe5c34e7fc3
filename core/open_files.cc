#include "core/open_files.h"

#include <sys/resource.h>

#include <cerrno>
#include <string>

namespace sluice {

Result<std::uint64_t> raise_open_files(std::uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return std::unexpected(system_error("getrlimit", errno));
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;

  rlimit raised{.rlim_cur = wanted, .rlim_max = limit.rlim_max};
  if (raised.rlim_max < wanted) raised.rlim_max = wanted;  // root may
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;

  const std::string number = std::to_string(wanted);
  return fail(ErrorCode::refused,
              "the limit of open files is " + std::to_string(limit.rlim_max) + ", but " + number +
                  " are needed for the connections that the configuration allows: start with "
                  "`ulimit -n " +
                  number + "` (in a systemd unit: LimitNOFILE=" + number +
                  "), or allow fewer connections");
}

}  // namespace sluice
