#include "relay/recipient_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spool/spool.h"

namespace sluice::relay {
namespace {

using testing::ElementsAre;
using Added = RecipientGroups::Added;

smtp::RecipientCommand address(std::string local_part, std::string domain) {
  return {.recipient = {.local_part = std::move(local_part), .domain = std::move(domain)}};
}

TEST(RecipientGroups, MakesOneGroupPerDomainInTheOrderOfTheirFirstRecipients) {
  RecipientGroups groups;
  EXPECT_EQ(groups.add(address("a", "example.org")), Added::yes);
  EXPECT_EQ(groups.add(address("b", "example.net")), Added::yes);
  EXPECT_EQ(groups.add(address("c", "example.org")), Added::yes);
  const auto taken = groups.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].domain, "example.org");
  EXPECT_THAT(taken[0].recipients, ElementsAre("a@example.org", "c@example.org"));
  EXPECT_THAT(taken[1].recipients, ElementsAre("b@example.net"));
}

TEST(RecipientGroups, ComparesDomainsWithoutCaseAndKeepsWhatWasWritten) {
  RecipientGroups groups;
  EXPECT_EQ(groups.add(address("a", "Example.ORG")), Added::yes);
  EXPECT_EQ(groups.add(address("b", "example.org")), Added::yes);
  const auto taken = groups.take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].domain, "example.org");
  EXPECT_THAT(taken[0].recipients, ElementsAre("a@Example.ORG", "b@example.org"));
}

TEST(RecipientGroups, KeepsARecipientNamedTwiceOnce) {
  RecipientGroups groups;
  EXPECT_EQ(groups.add(address("a", "example.org")), Added::yes);
  EXPECT_EQ(groups.add(address("a", "EXAMPLE.org")), Added::duplicate);
  EXPECT_EQ(groups.recipient_count(), 1U);
}

TEST(RecipientGroups, ComparesLocalPartsWithCase) {  // RFC 5321 §2.4
  RecipientGroups groups;
  EXPECT_EQ(groups.add(address("a", "example.org")), Added::yes);
  EXPECT_EQ(groups.add(address("A", "example.org")), Added::yes);
}

TEST(RecipientGroups, HoldsAsManyRecipientsOfADomainAsAnEnvelope) {
  RecipientGroups groups;
  for (std::size_t i = 0; i < spool::kRecipientsPerEnvelopeMax; ++i) {
    ASSERT_EQ(groups.add(address("u" + std::to_string(i), "example.org")), Added::yes);
  }
  EXPECT_EQ(groups.add(address("one-more", "example.org")), Added::too_many);
  EXPECT_EQ(groups.add(address("u0", "example.org")), Added::duplicate);
  EXPECT_EQ(groups.recipient_count(), spool::kRecipientsPerEnvelopeMax);
}

TEST(RecipientGroups, HoldsAsManyDomainsAsAMessageHasEnvelopes) {
  RecipientGroups groups;
  for (std::size_t i = 0; i < spool::kEnvelopesPerMessageMax; ++i) {
    ASSERT_EQ(groups.add(address("a", "d" + std::to_string(i) + ".example")), Added::yes);
  }
  EXPECT_EQ(groups.add(address("a", "one-more.example")), Added::too_many);
  EXPECT_EQ(groups.add(address("b", "d0.example")), Added::yes);
}

TEST(RecipientGroups, IsEmptyOnceTaken) {
  RecipientGroups groups;
  EXPECT_EQ(groups.add(address("a", "example.org")), Added::yes);
  EXPECT_EQ(groups.take().size(), 1U);
  EXPECT_EQ(groups.take().size(), 0U);
  EXPECT_EQ(groups.add(address("a", "example.org")), Added::yes);
}

TEST(RecipientGroups, KeepWhatARecipientsSenderWantsToHear) {
  RecipientGroups groups;
  EXPECT_EQ(groups.add(address("a", "example.org")), Added::yes);
  auto command = address("b", "example.org");
  command.dsn.notify = smtp::Notify::never;
  EXPECT_EQ(groups.add(command), Added::yes);
  const auto taken = groups.take();
  ASSERT_EQ(taken.at(0).dsn.size(), 1U);
  EXPECT_EQ(taken[0].dsn[0].position, 1);
  EXPECT_EQ(taken[0].dsn[0].dsn.notify, smtp::Notify::never);
}

}  // namespace
}  // namespace sluice::relay
