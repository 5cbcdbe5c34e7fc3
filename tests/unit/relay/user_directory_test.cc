#include "relay/user_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "relay/user_file.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice::relay {
namespace {

using testing::HasSubstr;

PasswordHash cheap_hash(std::string password) {
  return *PasswordHash::make(Secret(std::move(password)),
                             {.memory_kib = 8, .passes = 1, .lanes = 1});
}

UserSettings user_named(const std::string& name) {
  UserSettings user;
  user.name = name;
  user.hash.push_back(PasswordHash::of_nobody());
  user.senders.push_back(*SenderPattern::parse("*"));
  return user;
}

class UserDirectoryTest : public testing::Test {
 protected:
  // As `sluice user` would.
  void write(const std::vector<UserSettings>& users) const {
    auto edit = UserFileEdit::begin(path_);
    ASSERT_TRUE(edit.has_value());
    edit->users() = users;
    ASSERT_TRUE(edit->commit().has_value());
  }
  std::unique_ptr<UserDirectory> open(std::vector<UserSettings> of_configuration = {}) const {
    auto directory = UserDirectory::open(std::move(of_configuration), path_);
    EXPECT_TRUE(directory.has_value()) << directory.error().sentence();
    return std::move(*directory);
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.file("users.toml");
};

TEST_F(UserDirectoryTest, HasTheUsersOfBoth) {
  write({user_named("b")});
  const auto users = open({user_named("a")});
  EXPECT_EQ(users->snapshot()->size(), 2U);
  EXPECT_EQ(users->find("a")->settings.name, "a");
  EXPECT_EQ(users->find("b")->settings.name, "b");
  EXPECT_EQ(users->find("c"), nullptr);
  EXPECT_NE(users->find("a")->generation, users->find("b")->generation);
}

TEST_F(UserDirectoryTest, AWrongFileKeepsTheRelayFromStarting) {
  std::ofstream(path_) << "[[user]]\nname = \"a\"\n";
  EXPECT_FALSE(UserDirectory::open({}, path_).has_value());
  std::filesystem::remove(path_);
  write({user_named("a")});
  const auto twice = UserDirectory::open({user_named("a")}, path_);
  ASSERT_FALSE(twice.has_value());
  EXPECT_THAT(twice.error().sentence(), HasSubstr("\"a\" twice, first at the configuration"));
}

TEST_F(UserDirectoryTest, TakesOverAFileThatAppearsChangesAndGoes) {
  const auto users = open();
  write({user_named("a")});
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_NE(users->find("a"), nullptr);
  write({user_named("b")});
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_EQ(users->find("a"), nullptr);
  EXPECT_NE(users->find("b"), nullptr);
  std::filesystem::remove(path_);
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_EQ(users->snapshot()->size(), 0U);
}

TEST_F(UserDirectoryTest, TheWorkerTakesItOverByItself) {
  const auto users = open();
  const std::uint64_t before = users->version();
  write({user_named("a")});
  while (users->version() == before) std::this_thread::yield();
  EXPECT_NE(users->find("a"), nullptr);
}

TEST_F(UserDirectoryTest, AFileThatBreaksChangesNothing) {
  write({user_named("a")});
  const auto users = open();
  const auto before = users->find("a");
  std::ofstream(path_) << "[[user]]\nname = ";
  // The worker may look too, and be the one that is told.
  for (int i = 0; i < 2; ++i) static_cast<void>(users->look_at_file());
  EXPECT_EQ(users->find("a"), before);
  EXPECT_TRUE(users->is_current(*before));
}

TEST_F(UserDirectoryTest, AFileThatIsBeingWrittenIsReadWhenItStaysTheSame) {
  write({user_named("a")});
  const auto users = open();
  // The worker has just looked when it tells of a change, and does not look again for a second.
  const std::uint64_t before = users->version();
  write({user_named("a"), user_named("b")});
  while (users->version() == before) std::this_thread::yield();
  std::ofstream file(path_);  // empty now
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_NE(users->find("b"), nullptr);
  file << show_user_file({user_named("a"), user_named("b"), user_named("c")}) << std::flush;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_NE(users->find("b"), nullptr);
  EXPECT_NE(users->find("c"), nullptr);
}

TEST_F(UserDirectoryTest, AnUnchangedFileIsNotReadAgain) {
  write({user_named("a")});
  const auto users = open();
  const std::uint64_t before = users->version();
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_EQ(users->version(), before);
}

// What a change means for who had proven himself before.
struct ChangeCase {
  const char* name;
  void (*change)(UserSettings&);
  bool stays_current;
};
class ChangedUser : public UserDirectoryTest, public testing::WithParamInterface<ChangeCase> {};

TEST_P(ChangedUser, StaysOrGoes) {
  write({user_named("a"), user_named("other")});
  const auto users = open();
  const auto before = users->find("a");
  const auto other = users->find("other");

  UserSettings changed = user_named("a");
  GetParam().change(changed);
  write({changed, user_named("other")});
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_EQ(users->is_current(*before), GetParam().stays_current);
  EXPECT_TRUE(users->is_current(*other));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ChangedUser,
    testing::Values(ChangeCase{"disabled", [](UserSettings& user) { user.enabled = false; }, false},
                    ChangeCase{"renamed", [](UserSettings& user) { user.name = "c"; }, false},
                    ChangeCase{"other_hash",
                               [](UserSettings& user) { user.hash.front() = cheap_hash("other"); },
                               false},
                    ChangeCase{"another_hash",
                               [](UserSettings& user) { user.hash.push_back(cheap_hash("new")); },
                               false},
                    ChangeCase{"other_senders",
                               [](UserSettings& user) {
                                 user.senders.front() = *SenderPattern::parse("*@example.com");
                               },
                               true},
                    ChangeCase{"nothing", [](UserSettings&) {}, true}),
    [](const auto& info) { return info.param.name; });

TEST_F(UserDirectoryTest, AUserWhoWasRemovedAndAddedAgainMustProveHimself) {
  write({user_named("a")});
  const auto users = open();
  const auto before = users->find("a");
  write({});
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_FALSE(users->is_current(*before));
  write({user_named("a")});
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_FALSE(users->is_current(*before));
}

TEST_F(UserDirectoryTest, ANewConfigurationReplacesItsOwnUsersOnly) {
  write({user_named("b")});
  const auto users = open({user_named("a")});
  const auto b = users->find("b");
  ASSERT_TRUE(users->replace_configured({user_named("c")}).has_value());
  EXPECT_EQ(users->find("a"), nullptr);
  EXPECT_NE(users->find("c"), nullptr);
  EXPECT_TRUE(users->is_current(*b));
  EXPECT_FALSE(users->replace_configured({user_named("b")}).has_value());
  EXPECT_NE(users->find("c"), nullptr);
}

TEST_F(UserDirectoryTest, AnUnchangedRateGoesOnCounting) {
  UserSettings user = user_named("a");
  user.accept_rate = parse_rate("10/h,max_burst=1");
  write({user});
  const auto users = open();
  const Instant now(1'000'000'000'000);
  ASSERT_TRUE(users->find("a")->accept_rate->try_take(now, 1));
  write({user, user_named("b")});
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_FALSE(users->find("a")->accept_rate->try_take(now, 1));
  user.accept_rate = parse_rate("20/h,max_burst=1");
  write({user});
  ASSERT_TRUE(users->look_at_file().has_value());
  EXPECT_TRUE(users->find("a")->accept_rate->try_take(now, 1));
  EXPECT_EQ(users->find("b"), nullptr);
}

}  // namespace
}  // namespace sluice::relay
