#include "spool/pack_census.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/spool/record_fixture.h"

namespace sluice::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A census with one pack of `envelopes` envelopes.
PackCensus with_pack(std::uint64_t pack, unsigned envelopes) {
  PackCensus census(1);
  census.add_pack(pack, envelopes * 100);
  for (unsigned i = 0; i < envelopes; ++i) census.add(in_pack(pack));
  census.keep();
  return census;
}

TEST(PackCensus, FinishesAPackWithItsLastEnvelope) {
  auto census = with_pack(5, 2);
  census.end(in_pack(5));
  EXPECT_FALSE(census.take_finished(5));
  census.end(in_pack(5));
  EXPECT_TRUE(census.take_finished(5));
  EXPECT_FALSE(census.take_finished(5));
  census.keep();
  EXPECT_EQ(census.packs(), 0U);
}

TEST(PackCensus, ForgetsWhatWasAborted) {
  auto census = with_pack(5, 2);
  census.end(in_pack(5));
  census.end(in_pack(5));
  ASSERT_TRUE(census.take_finished(5));
  census.add_pack(6, 100);
  census.add(in_pack(6));
  census.forget();
  EXPECT_EQ(census.packs(), 1U);
  EXPECT_FALSE(census.take_finished(5));
  census.end(in_pack(5));
  census.end(in_pack(5));
  EXPECT_TRUE(census.take_finished(5));
}

TEST(PackCensus, OffersPacksBelowAQuarterOnce) {
  auto census = with_pack(5, 8);
  for (std::uint8_t i = 0; i < 6; ++i) census.end(in_pack(5));
  census.keep();
  EXPECT_THAT(census.take_sparse(), IsEmpty());  // exactly a quarter
  census.end(in_pack(5));
  census.keep();
  EXPECT_THAT(census.take_sparse(), ElementsAre(5));
  EXPECT_TRUE(census.is_sparse(5));
  EXPECT_THAT(census.take_sparse(), IsEmpty());
}

TEST(PackCensus, OffersADeclinedPackAgainWhenHalfOfItHasEnded) {
  auto census = with_pack(5, 100);
  for (std::uint8_t i = 0; i < 80; ++i) census.end(in_pack(5));
  census.keep();
  ASSERT_THAT(census.take_sparse(), ElementsAre(5));
  census.decline(5);
  for (std::uint8_t i = 80; i < 89; ++i) census.end(in_pack(5));
  census.keep();
  EXPECT_THAT(census.take_sparse(), IsEmpty());
  census.end(in_pack(5));
  census.keep();
  EXPECT_THAT(census.take_sparse(), ElementsAre(5));
}

TEST(PackCensus, IgnoresARecordThatNamesAnUnknownPack) {
  auto census = with_pack(5, 1);
  census.end(in_pack(77));
  EXPECT_FALSE(census.take_finished(77));
  census.keep();
  EXPECT_EQ(census.packs(), 1U);
}

}  // namespace
}  // namespace sluice::spool
