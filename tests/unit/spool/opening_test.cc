// What a spool says when it cannot be opened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "spool/transaction.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

using testing::HasSubstr;

class OpeningTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Spool>> open() {
    return Spool::open(settings_, executor_, budget_, budget_);
  }

  TemporaryDirectory directory_;
  SpoolSettings settings_ = small_spool(directory_);
  Executor executor_;
  MemoryBudget budget_{mebibytes(8)};
};

TEST_F(OpeningTest, CreatesItsDirectory) {
  settings_.directory = directory_.path() + "/deep/er/spool";
  settings_.partitions = 3;
  ASSERT_TRUE(open());
  struct stat status{};
  ASSERT_EQ(stat((settings_.directory + "/02").c_str(), &status), 0);
  ASSERT_EQ(stat(settings_.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0027, 0U);  // nothing for others, no writing for the group
}

TEST_F(OpeningTest, RefusesASecondOpener) {
  const auto first = open();
  ASSERT_TRUE(first);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::refused);
  EXPECT_THAT(second.error().sentence(),
              HasSubstr("in use by process " + std::to_string(getpid())));
}

TEST_F(OpeningTest, OpensAgainAfterTheFirstHasClosed) {
  ASSERT_TRUE(open());
  EXPECT_TRUE(open());
}

TEST_F(OpeningTest, RefusesANewerFormat) {
  ASSERT_TRUE(open());
  {
    const auto environment =
        Environment::open(settings_.directory + "/00", settings_.size, Access::read_write);
    const auto transaction = WriteTransaction::begin(**environment);
    ASSERT_TRUE((*transaction)->put(Table::meta, "format", std::string("\x03\0\0\0", 4)));
    ASSERT_TRUE((*transaction)->commit());
  }
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::unsupported);
  EXPECT_THAT(opened.error().sentence(),
              HasSubstr("written by a newer sluice (format 3, this one knows up to 2)"));
}

TEST_F(OpeningTest, BringsAnOlderFormatUpToItsOwn) {
  ASSERT_TRUE(open());
  const auto set_format = [this](const std::string& format) {
    const auto environment =
        Environment::open(settings_.directory + "/00", settings_.size, Access::read_write);
    const auto transaction = WriteTransaction::begin(**environment);
    ASSERT_TRUE((*transaction)->put(Table::meta, "format", format));
    ASSERT_TRUE((*transaction)->commit());
  };
  set_format(std::string("\x01\0\0\0", 4));
  ASSERT_TRUE(open());
  const auto environment =
      Environment::open(settings_.directory + "/00", settings_.size, Access::read_only);
  ASSERT_TRUE(environment.has_value());
  const auto transaction = ReadTransaction::begin(**environment);
  const auto format = (*transaction)->find(Table::meta, "format");
  ASSERT_TRUE(format.has_value());
  EXPECT_EQ(**format, std::string("\x02\0\0\0", 4));
}

TEST_F(OpeningTest, SaysThatTheDirectoryIsAFile) {
  std::ofstream(settings_.directory) << "x";
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().sentence(), HasSubstr("`spool` must name a directory"));
}

TEST_F(OpeningTest, SaysWhatToDoAboutADirectoryItMayNotUse) {
  if (geteuid() == 0) settings_.directory = "/proc/sluice-spool";  // root may write everywhere else
  if (geteuid() != 0) ASSERT_EQ(chmod(directory_.path().c_str(), 0500), 0);
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().sentence(), HasSubstr("spool directory " + settings_.directory));
  ASSERT_EQ(chmod(directory_.path().c_str(), 0700), 0);
}

TEST_F(OpeningTest, RefusesAFileThatIsNoSpool) {
  ASSERT_EQ(mkdir(settings_.directory.c_str(), 0700), 0);
  ASSERT_EQ(mkdir((settings_.directory + "/00").c_str(), 0700), 0);
  std::ofstream(settings_.directory + "/00/data.mdb") << std::string(8192, 'x');
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().sentence(), HasSubstr("data.mdb is no spool of this program"));
}

TEST_F(OpeningTest, RefusesPartitionsOfDifferentSpools) {
  settings_.partitions = 2;
  ASSERT_TRUE(open());
  for (const auto* partition : {"/00", "/01"}) {
    const auto environment =
        Environment::open(settings_.directory + partition, settings_.size, Access::read_write);
    const auto transaction = WriteTransaction::begin(**environment);
    ASSERT_TRUE((*transaction)->put(Table::queues, std::string("\0\0\0\x05", 4), partition));
    ASSERT_TRUE((*transaction)->commit());
  }
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().sentence(), HasSubstr("number their queues differently"));
}

}  // namespace
}  // namespace sluice::spool
