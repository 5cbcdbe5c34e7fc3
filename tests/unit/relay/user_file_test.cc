#include "relay/user_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/unit/core/temporary_directory.h"

namespace sluice::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

UserSettings user_named(const std::string& name) {
  UserSettings user;
  user.name = name;
  user.hash.push_back(PasswordHash::of_nobody());
  user.senders.push_back(*SenderPattern::parse("*@example.com"));
  return user;
}

class UserFileTest : public testing::Test {
 protected:
  std::string text() const {
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  void write(const std::string& text) const { std::ofstream(path_) << text; }
  ::mode_t mode() const {
    struct ::stat status{};
    EXPECT_EQ(::stat(path_.c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  std::vector<std::string> names() const {
    UserNames known;
    ConfigProblems problems;
    std::vector<std::string> names;
    for (const auto& user : read_user_file(path_, known, problems).users) {
      names.push_back(user.name);
    }
    EXPECT_TRUE(problems.empty()) << join_problems(problems.sorted());
    return names;
  }
  void add(const std::string& name) const {
    auto edit = UserFileEdit::begin(path_);
    ASSERT_TRUE(edit.has_value()) << edit.error().sentence();
    edit->users().push_back(user_named(name));
    const auto done = edit->commit();
    ASSERT_TRUE(done.has_value()) << done.error().sentence();
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.file("users.toml");
};

TEST_F(UserFileTest, WithoutAFileThereAreNoUsers) { EXPECT_THAT(names(), ElementsAre()); }

TEST_F(UserFileTest, AnEditAddsAndKeepsTheOrder) {
  add("a");
  add("c");
  add("b");
  EXPECT_THAT(names(), ElementsAre("a", "c", "b"));
}

TEST_F(UserFileTest, AnEditWithoutCommitChangesNothing) {
  add("a");
  {
    auto edit = UserFileEdit::begin(path_);
    edit->users().clear();
  }
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(UserFileTest, ShowsOnlyTheKeysThatSaySomething) {
  UserSettings user = user_named("quoted \"name\"");
  user.enabled = false;
  user.accept_rate = parse_rate("10/s");
  EXPECT_THAT(show_user_file({user}),
              HasSubstr("\n[[user]]\nname = \"quoted \\\"name\\\"\"\nhash = [\"" +
                        PasswordHash::of_nobody().encoded() +
                        "\"]\nenabled = false\nsenders = [\"*@example.com\"]\n"
                        "accept_rate = \"10/s\"\n"));
}

TEST_F(UserFileTest, ReadsBackWhatItShows) {
  UserSettings user = user_named("a");
  user.tenant = "acme";
  user.null_sender = true;
  user.networks.push_back(*IpNetwork::parse("2001:db8::/32"));
  user.classes = {"bulk"};
  user.message_size = ByteCount(5'000'000);
  const std::string shown = show_user_file({user, user_named("b")});
  write(shown);
  UserNames known;
  ConfigProblems problems;
  EXPECT_EQ(show_user_file(read_user_file(path_, known, problems).users), shown);
  EXPECT_TRUE(problems.empty());
}

TEST_F(UserFileTest, ANewFileIsReadableByTheGroup) {
  add("a");
  EXPECT_EQ(mode(), 0640U);
}

TEST_F(UserFileTest, AnEditKeepsTheMode) {
  add("a");
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  add("b");
  EXPECT_EQ(mode(), 0600U);
}

TEST_F(UserFileTest, LeavesNothingBeside) {
  write("# mine\n");
  std::ofstream(path_ + ".new") << "cut short";
  add("a");
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    files.push_back(entry.path().filename());
  }
  EXPECT_THAT(files, ElementsAre("users.toml"));
  EXPECT_THAT(text(), Not(HasSubstr("mine")));
}

TEST_F(UserFileTest, EditsWhatALinkNames) {
  std::filesystem::create_directory(directory_.path() / "real");
  std::ofstream(directory_.path() / "real/users.toml") << "";
  std::filesystem::create_symlink("real/users.toml", path_);
  add("a");
  EXPECT_TRUE(std::filesystem::is_symlink(path_));
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(UserFileTest, AFileWithProblemsIsNotEdited) {
  const std::string wrong = "[[user]]\nname = \"a\"\nsender = \"*\"\n";
  write(wrong);
  const auto edit = UserFileEdit::begin(path_);
  ASSERT_FALSE(edit.has_value());
  EXPECT_THAT(edit.error().sentence(), HasSubstr("users.toml:3:1: user[0].sender: unknown key"));
  EXPECT_EQ(text(), wrong);
}

TEST_F(UserFileTest, AMissingDirectoryIsNamed) {
  const auto edit = UserFileEdit::begin(directory_.file("none/users.toml"));
  EXPECT_THAT(edit.error().sentence(), HasSubstr("/none cannot be opened: No such file"));
}

TEST_F(UserFileTest, EditorsWaitForEachOtherAndReadersSeeWholeFiles) {
  constexpr int kEditors = 4;
  constexpr int kUsersEach = 10;
  add("first");
  std::atomic<bool> is_over = false;
  std::thread reader([&] {
    while (!is_over) EXPECT_GE(names().size(), 1U);
  });
  std::vector<std::thread> editors;
  for (int i = 0; i < kEditors; ++i) {
    editors.emplace_back([this, i] {
      for (int k = 0; k < kUsersEach; ++k) add(std::to_string(i * kUsersEach + k));
    });
  }
  for (std::thread& editor : editors) editor.join();
  is_over = true;
  reader.join();
  EXPECT_EQ(names().size(), 1U + kEditors * kUsersEach);
}

TEST_F(UserFileTest, IsReadUpToItsBound) {
  const std::string line(1000, '#');
  std::string large;
  while (large.size() + line.size() + 1 <= kUserFileBytesMax) large += line + '\n';
  large.resize(kUserFileBytesMax, '\n');
  write(large);
  EXPECT_THAT(names(), ElementsAre());
  write(large + '\n');
  UserNames known;
  ConfigProblems problems;
  read_user_file(path_, known, problems);
  EXPECT_THAT(join_problems(problems.sorted()), HasSubstr("found more than 16MiB"));
}

}  // namespace
}  // namespace sluice::relay
