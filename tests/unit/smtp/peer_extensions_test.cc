#include "smtp/peer_extensions.h"

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

TEST(PeerExtensions, AreReadInAnyCase) {
  const auto peer = parse_peer_extensions(
      "mx.example.com greets\nPipelining\nCHUNKING\n8bitmime\nEnhancedStatusCodes\nSTARTTLS\n"
      "size 1000");
  EXPECT_TRUE(peer.pipelining);
  EXPECT_TRUE(peer.chunking);
  EXPECT_TRUE(peer.eight_bit_mime);
  EXPECT_TRUE(peer.size);
  EXPECT_EQ(peer.size_max, 1000U);
}

TEST(PeerExtensions, AreNotReadFromTheServersName) {
  EXPECT_FALSE(parse_peer_extensions("PIPELINING").pipelining);
}

TEST(PeerExtensions, PassOverWhatIsUnknown) {
  const auto peer = parse_peer_extensions("mx\nXCLIENT NAME\n\nPIPELINING2\nDSN\nCHUNKING more");
  EXPECT_FALSE(peer.pipelining);
  EXPECT_TRUE(peer.chunking);
}

struct SizeCase {
  const char* name;
  const char* line;
  std::uint64_t size_max;
};

class PeerSize : public testing::TestWithParam<SizeCase> {};

TEST_P(PeerSize, IsTheLimitOrNone) {
  const auto peer = parse_peer_extensions(std::string("mx\n") + GetParam().line);
  EXPECT_TRUE(peer.size);
  EXPECT_EQ(peer.size_max, GetParam().size_max);
}

INSTANTIATE_TEST_SUITE_P(Lines, PeerSize,
                         testing::Values(SizeCase{"number", "SIZE 35882577", 35882577},
                                         SizeCase{"none", "SIZE", 0}, SizeCase{"zero", "SIZE 0", 0},
                                         SizeCase{"no_number", "SIZE many", 0},
                                         SizeCase{"trailing", "SIZE 12x", 0},
                                         SizeCase{"too_large", "SIZE 99999999999999999999", 0}),
                         [](const auto& info) { return info.param.name; });

TEST(PeerLimits, AreReadWhereTheyAreNumbers) {
  const auto peer = parse_peer_extensions("mx\nLIMITS MAILMAX=100 rcptmax=20 RCPTDOMAINMAX=1 X=y");
  EXPECT_EQ(peer.mail_max, 100U);
  EXPECT_EQ(peer.recipients_max, 20U);
  const auto odd = parse_peer_extensions("mx\nLIMITS MAILMAX=0 RCPTMAX=1000000");
  EXPECT_EQ(odd.mail_max, 0U);
  EXPECT_EQ(odd.recipients_max, 0U);
  EXPECT_EQ(parse_peer_extensions("mx\nLIMITS MAILMAX MAILMAX= =5 MAILMAX=-1").mail_max, 0U);
  EXPECT_EQ(parse_peer_extensions("mx\nLIMITS RCPTMAX=999999").recipients_max, 999'999U);
}

}  // namespace
}  // namespace sluice::smtp
