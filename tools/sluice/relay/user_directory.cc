#include "relay/user_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "relay/user_file.h"

namespace sluice::relay {

namespace {

// Whether who proved himself to be `a` has proven himself to be `b`.
bool have_same_credentials(const UserSettings& a, const UserSettings& b) {
  return a.enabled == b.enabled && a.hash == b.hash &&
         std::ranges::equal(a.password, b.password, {}, &SecretSetting::value,
                            &SecretSetting::value);
}

std::shared_ptr<RateCell> rate_cell(const UserSettings& settings, const User* before) {
  if (!settings.accept_rate) return nullptr;
  const Rate& rate = *settings.accept_rate;
  if (before != nullptr && before->settings.accept_rate == rate) return before->accept_rate;
  const auto burst = std::max<std::uint64_t>(accept_burst(rate), 1);
  return std::make_shared<RateCell>(shaping::Throttle(rate.amount, rate.period, burst));
}

}  // namespace

std::shared_ptr<const User> UserSnapshot::find(std::string_view name) const {
  const auto user = users_.find(name);
  return user == users_.end() ? nullptr : user->second;
}

Result<std::unique_ptr<UserDirectory>> UserDirectory::open(
    std::vector<UserSettings> of_configuration, std::string path) {
  std::unique_ptr<UserDirectory> directory(new UserDirectory(std::move(path)));
  auto read = directory->replace_configured(std::move(of_configuration));
  if (!read) return std::unexpected(std::move(read).error());
  UserDirectory* const watched = directory.get();
  directory->worker_ = directory->executor_.start("users", [watched] { return watched->step(); });
  return directory;
}

UserDirectory::UserDirectory(std::string path)
    : path_(std::move(path)), snapshot_(std::make_shared<const UserSnapshot>()) {}

UserDirectory::~UserDirectory() {
  if (worker_ != nullptr) worker_->stop();
}

std::shared_ptr<const UserSnapshot> UserDirectory::snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

bool UserDirectory::is_current(const User& user) const {
  const auto now = find(user.settings.name);
  return now != nullptr && now->generation == user.generation && now->settings.enabled;
}

Result<void> UserDirectory::replace_configured(std::vector<UserSettings> of_configuration) {
  const std::lock_guard lock(reading_mutex_);
  return read_all(std::move(of_configuration));
}

Result<void> UserDirectory::look_at_file() {
  const std::lock_guard lock(reading_mutex_);
  const auto now = state_of(path_);
  if (now == seen_) return {};
  const bool is_in_place = now && seen_ && now->inode == seen_->inode;
  if (is_in_place && std::exchange(changing_, now) != now) return {};
  return read_all(of_configuration_);
}

Instant UserDirectory::step() {
  if (auto looked = look_at_file(); !looked) {
    SLUICE_LOG(error, "user_file_refused", {"file", path_}, {"reason", looked.error().sentence()});
  }
  return clock_.now() + kUserFilePoll;
}

std::optional<UserDirectory::FileState> UserDirectory::state_of(const std::string& path) {
  struct ::stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return FileState{
      .device = status.st_dev,
      .inode = status.st_ino,
      .modified_nanoseconds = status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec,
      .bytes = static_cast<std::uint64_t>(status.st_size)};
}

// The state is taken before the text: what changes meanwhile is seen at the next look. A file that
// is refused is not read again until it changes.
Result<void> UserDirectory::read_all(std::vector<UserSettings> of_configuration) {
  seen_ = state_of(path_);
  UserNames names;
  for (const UserSettings& user : of_configuration) {
    names.try_emplace(user.name, ConfigPlace{"the configuration"});
  }
  ConfigProblems problems;
  UserFile file = read_user_file(path_, names, problems);
  if (problems.empty()) fetch_user_secrets(file.users, file.document, problems);
  if (!problems.empty()) {
    return fail(ErrorCode::invalid_argument, join_problems(problems.sorted()));
  }
  of_configuration_ = std::move(of_configuration);
  std::vector<UserSettings> users = of_configuration_;
  std::ranges::move(file.users, std::back_inserter(users));
  publish(std::move(users));
  return {};
}

void UserDirectory::publish(std::vector<UserSettings> users) {
  const auto before = snapshot();
  auto fresh = std::make_shared<UserSnapshot>();
  for (UserSettings& settings : users) {
    std::string name = settings.name;
    auto user = make_user(std::move(settings), *before);
    const bool is_new = fresh->users_.try_emplace(std::move(name), std::move(user)).second;
    SLUICE_ASSERT(is_new, "the rules keep names unique");
  }
  {
    const std::lock_guard lock(snapshot_mutex_);
    snapshot_ = std::move(fresh);
  }
  version_.fetch_add(1, std::memory_order_acq_rel);
}

std::shared_ptr<const User> UserDirectory::make_user(UserSettings settings,
                                                     const UserSnapshot& before) {
  const auto old = before.find(settings.name);
  const bool is_proven = old != nullptr && have_same_credentials(old->settings, settings);
  const auto generation = is_proven ? old->generation : UserGeneration(++last_generation_);
  auto cell = rate_cell(settings, old.get());
  return std::make_shared<const User>(std::move(settings), generation, std::move(cell));
}

}  // namespace sluice::relay
