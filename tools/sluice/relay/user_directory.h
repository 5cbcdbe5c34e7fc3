// UserDirectory: who may submit mail now, of the configuration and of user_file.
//
// A worker looks at the file each second; when it has changed, a new immutable snapshot takes the
// place of the old one, in one step. A file that cannot be read or is wrong changes nothing, and
// the log says so. A file that is written in place, as by an editor, is read when it has stayed the
// same for one more look: half of it would name half of the users. A user keeps his generation as
// long as his passwords and his right to log in stay as they are; what was proven under another
// generation is proven no more, so a changed, disabled or removed user is forgotten with the
// snapshot. Its functions are for any thread.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/executor.h"
#include "core/ids.h"
#include "relay/rate_cell.h"
#include "relay/user.h"

namespace sluice::relay {

inline constexpr Duration kUserFilePoll = std::chrono::seconds(1);

using UserGeneration = StrongId<struct UserGenerationTag, std::uint64_t>;

// A user as the shards have him. Immutable, but for the cell of his rate.
struct User {
  UserSettings settings;
  UserGeneration generation;
  std::shared_ptr<RateCell> accept_rate;  // null: no limit; stays as long as the rate does
};

class UserSnapshot {
 public:
  // Null when there is none of that name.
  std::shared_ptr<const User> find(std::string_view name) const;
  std::size_t size() const { return users_.size(); }

 private:
  friend class UserDirectory;
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, std::shared_ptr<const User>, NameHash, std::equal_to<>> users_;
};

class UserDirectory {
 public:
  // Reads the file, and starts to watch it. Fails when the file is wrong, or names a user of the
  // configuration.
  static Result<std::unique_ptr<UserDirectory>> open(std::vector<UserSettings> of_configuration,
                                                     std::string path);
  UserDirectory(const UserDirectory&) = delete;
  UserDirectory& operator=(const UserDirectory&) = delete;
  ~UserDirectory();

  std::shared_ptr<const UserSnapshot> snapshot() const;
  std::shared_ptr<const User> find(std::string_view name) const { return snapshot()->find(name); }
  // Whether a user who proved himself may go on: he is there, and of the same generation.
  bool is_current(const User& user) const;
  // Rises with each snapshot: a session that has seen it need not ask is_current() again.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // A new configuration, as a whole; fails like open(), and then changes nothing.
  Result<void> replace_configured(std::vector<UserSettings> of_configuration);

  // Looks at the file now, as the worker does each second.
  Result<void> look_at_file();

 private:
  // What tells one state of the file from another without reading it.
  struct FileState {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;  // a rename changes it
    std::int64_t modified_nanoseconds = 0;
    std::uint64_t bytes = 0;
    friend bool operator==(const FileState&, const FileState&) = default;
  };

  explicit UserDirectory(std::string path);
  static std::optional<FileState> state_of(const std::string& path);
  Instant step();
  Result<void> read_all(std::vector<UserSettings> of_configuration);
  void publish(std::vector<UserSettings> users);
  std::shared_ptr<const User> make_user(UserSettings settings, const UserSnapshot& before);

  const std::string path_;
  Clock clock_;
  mutable std::mutex snapshot_mutex_;  // of the pointer alone
  std::shared_ptr<const UserSnapshot> snapshot_;
  std::atomic<std::uint64_t> version_{0};

  std::mutex reading_mutex_;  // one reading at a time; guards what follows
  std::vector<UserSettings> of_configuration_;
  std::optional<FileState> seen_;      // nothing: there was no file
  std::optional<FileState> changing_;  // written in place, at the last look
  std::uint64_t last_generation_ = 0;

  Executor executor_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace sluice::relay
