#include "spool/file_growth.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "spool/transaction.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

class FileGrowthTest : public testing::Test {
 protected:
  std::uint64_t file_bytes() const {
    return std::filesystem::file_size(directory_.path() + "/data.mdb");
  }

  // One value of so many bytes, in a commit of its own.
  void store(const std::string& key, std::size_t bytes, char fill) {
    const auto transaction = WriteTransaction::begin(*environment_);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE((*transaction)->put(Table::parts, key, std::string(bytes, fill)));
    ASSERT_TRUE((*transaction)->commit());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Environment> environment_ =
      Environment::open(directory_.path(), mebibytes(64), Access::read_write).value();
  FileGrowth growth_{*environment_};
};

TEST_F(FileGrowthTest, LeavesASmallFileAlone) {
  const auto before = file_bytes();
  growth_.keep_ahead();
  EXPECT_EQ(file_bytes(), before);
}

TEST_F(FileGrowthTest, StaysAheadByAnEighth) {
  store("a", 4 << 20, 'a');
  growth_.keep_ahead();
  const auto touched = environment_->extent().touched;
  EXPECT_EQ(file_bytes(), touched + touched / 8);
  growth_.keep_ahead();
  EXPECT_EQ(file_bytes(), touched + touched / 8);
}

TEST_F(FileGrowthTest, WritesAgainWhenHalfOfItIsUsed) {
  store("a", 32 << 20, 'a');
  growth_.keep_ahead();
  const auto first = file_bytes();
  EXPECT_EQ(first, environment_->extent().touched + kZerosAheadMax);
  store("b", 512 << 10, 'b');
  growth_.keep_ahead();
  EXPECT_EQ(file_bytes(), first);
  store("c", 768 << 10, 'c');
  growth_.keep_ahead();
  EXPECT_EQ(file_bytes(), environment_->extent().touched + kZerosAheadMax);
}

TEST_F(FileGrowthTest, KeepsWhatLmdbWroteBehindTheZeros) {
  for (int i = 0; i < 40; ++i) {
    const auto name = std::to_string(i);
    store(name, 1 << 20, static_cast<char>('a' + i % 26));
    growth_.keep_ahead();
  }
  const auto transaction = ReadTransaction::begin(*environment_);
  ASSERT_TRUE(transaction);
  for (int i = 0; i < 40; ++i) {
    const auto found = (*transaction)->find(Table::parts, std::to_string(i));
    ASSERT_TRUE(found);
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ(**found, std::string(1 << 20, static_cast<char>('a' + i % 26)));
  }
}

TEST_F(FileGrowthTest, EndsWithTheMap) {
  store("a", 63 << 20, 'a');
  growth_.keep_ahead();
  EXPECT_EQ(file_bytes(), mebibytes(64).value());
}

}  // namespace
}  // namespace sluice::spool
