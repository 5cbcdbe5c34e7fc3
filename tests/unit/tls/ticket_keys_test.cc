#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::tls {
namespace {

using Opened = TicketKeys::Opened;

constexpr Instant kStart(1'000'000'000);

class Tickets : public testing::Test {
 protected:
  Opened open(Instant now) {
    std::vector<std::uint8_t> copy = ticket_;
    const Opened opened = keys_.open(copy, sealed_, now);
    if (opened != Opened::unknown) EXPECT_EQ(copy, plain_);
    return opened;
  }

  TicketKeys keys_{kStart};
  std::vector<std::uint8_t> plain_ = std::vector<std::uint8_t>(100, 7);
  std::vector<std::uint8_t> ticket_ = plain_;
  TicketKeys::Sealed sealed_ = keys_.seal(ticket_, kStart).value();
};

TEST_F(Tickets, AreSealedAndOpenedAgain) {
  EXPECT_NE(ticket_, plain_);
  EXPECT_EQ(open(kStart), Opened::good);
}

TEST_F(Tickets, AreOldOnceTheKeyHasChanged) {
  EXPECT_EQ(open(kStart + kTicketKeyLife - Duration(1)), Opened::good);
  EXPECT_EQ(open(kStart + kTicketKeyLife), Opened::old);
}

TEST_F(Tickets, AreUnknownAfterTwoChanges) {
  EXPECT_EQ(open(kStart + kTicketKeyLife), Opened::old);
  EXPECT_EQ(open(kStart + 2 * kTicketKeyLife), Opened::unknown);
}

TEST_F(Tickets, AreUnknownAfterALongPause) {
  EXPECT_EQ(open(kStart + 2 * kTicketKeyLife), Opened::unknown);
}

TEST_F(Tickets, ThatWereChangedAreUnknown) {
  ticket_[50] ^= 1;
  EXPECT_EQ(open(kStart), Opened::unknown);
}

TEST_F(Tickets, OfOthersAreUnknown) {
  TicketKeys others(kStart);
  std::vector<std::uint8_t> copy = ticket_;
  EXPECT_EQ(others.open(copy, sealed_, kStart), Opened::unknown);
}

}  // namespace
}  // namespace sluice::tls
