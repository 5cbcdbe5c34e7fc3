#include "smtp/gather.h"

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

TEST(Gather, KeepsTheOrderOfTextAndBorrowedBytes) {
  const std::string body(kGatherCopyBytesMax + 1, 'b');
  Gather gather;
  gather.append("MAIL ");
  gather.append("RCPT ");
  gather.borrow(body);
  gather.append(std::string(10'000, 'c'));
  const auto pieces = gather.pieces();
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0], "MAIL RCPT ");
  EXPECT_EQ(pieces[1].data(), body.data());
  EXPECT_EQ(pieces[2], std::string(10'000, 'c'));
}

TEST(Gather, CopiesShortBytes) {
  const std::string body(kGatherCopyBytesMax, 'b');
  Gather gather;
  gather.append("x");
  gather.borrow(body);
  EXPECT_EQ(gather.pieces().size(), 1U);
}

TEST(Gather, IsEmptyWhenCleared) {
  Gather gather;
  gather.append("x");
  gather.clear();
  EXPECT_TRUE(gather.empty());
  EXPECT_TRUE(gather.pieces().empty());
}

}  // namespace
}  // namespace sluice::smtp
