#include "relay/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace sluice::relay {

Result<void> run_as_user(const std::string& name) {
  std::array<char, 16 * 1024> strings;
  passwd entry{};
  passwd* found = nullptr;
  const int status = getpwnam_r(name.c_str(), &entry, strings.data(), strings.size(), &found);
  if (status != 0) return std::unexpected(system_error("run_as: getpwnam_r", status));
  if (found == nullptr) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("run_as: there is no user \"{}\": create it (adduser --system --group "
                            "{}) or leave run_as out",
                            name, name));
  }
  if (geteuid() == entry.pw_uid) return {};
  const bool is_changed = initgroups(name.c_str(), entry.pw_gid) == 0 &&
                          setgid(entry.pw_gid) == 0 && setuid(entry.pw_uid) == 0;
  if (is_changed) return {};
  const Error reason = system_error("not permitted", errno);
  return fail(ErrorCode::refused,
              fmt::format("run_as: cannot become \"{}\" ({}): start as root, or "
                          "leave run_as out",
                          name, reason.sentence()));
}

}  // namespace sluice::relay
