// The file of users: what `sluice user` edits and the running relay reads, [[user]] tables with the
// keys of the configuration.
//
// An edit is atomic: the new file is written beside the old one, made durable and renamed over it,
// so that a reader sees one of the two and a crash leaves one of the two. Two editors wait for each
// other (flock(2) on the directory). The file is written anew from its users, in their order and
// with the keys that differ from their defaults: comments that someone wrote into it are lost.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config_problems.h"
#include "core/error.h"
#include "relay/user.h"
#include "relay/user_rules.h"

namespace sluice::relay {

inline constexpr std::size_t kUserFileBytesMax = 16 << 20;

// The users of the file and where each stands; none when there is no file. Passwords that the file
// names are left where they are.
struct UserFile {
  std::vector<UserSettings> users;
  ConfigNode document;
};
UserFile read_user_file(const std::string& path, UserNames& names, ConfigProblems& problems);

// The text of a file with these users.
std::string show_user_file(const std::vector<UserSettings>& users);

// One edit, from the reading to the rename. Holds the lock as long as it lives.
class UserFileEdit {
 public:
  // Waits for an edit of another process. A file with problems is not edited.
  static Result<UserFileEdit> begin(const std::string& path);
  UserFileEdit(UserFileEdit&&) noexcept;
  UserFileEdit& operator=(UserFileEdit&&) noexcept = delete;
  ~UserFileEdit();

  std::vector<UserSettings>& users() { return users_; }
  // Null when the file does not name him.
  UserSettings* find(std::string_view name);
  // The file with the users as they are now is durable when this returns a value. The file keeps
  // its mode and owner; a new one is readable by the group, and belongs to the directory's owner.
  Result<void> commit();

 private:
  UserFileEdit(std::string path, int directory);
  Result<void> write(int descriptor) const;

  std::string path_;
  int directory_;  // locked
  std::vector<UserSettings> users_;
};

}  // namespace sluice::relay
