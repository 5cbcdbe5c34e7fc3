#include "relay/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

using testing::StartsWith;

UserSettings sender_of(const std::string& pattern) {
  UserSettings user;
  user.name = "apikey";
  user.senders.push_back(*SenderPattern::parse(pattern));
  return user;
}

User user_of(UserSettings settings) {
  return User(std::move(settings), UserGeneration(1), nullptr);
}

std::string sentence(const Refusal& refusal) { return refusal ? refusal->to_string() : "taken"; }

TEST(ReversePath, IsOneOfTheUsersOwn) {
  const User user = user_of(sender_of("*@acme.example"));
  EXPECT_EQ(sentence(check_reverse_path(user, {"news", "Acme.Example"})), "taken");
  EXPECT_THAT(sentence(check_reverse_path(user, {"news", "other.example"})),
              StartsWith("550 5.7.1 "));
  EXPECT_THAT(sentence(check_reverse_path(user, {"news", "sub.acme.example"})),
              StartsWith("550 5.7.1 "));
}

TEST(ReversePath, IsNullOnlyForWhoMayForwardBounces) {
  UserSettings settings = sender_of("*");
  EXPECT_THAT(sentence(check_reverse_path(user_of(settings), {"", ""})), StartsWith("550 5.7.1 "));
  settings.null_sender = true;
  EXPECT_EQ(sentence(check_reverse_path(user_of(settings), {"", ""})), "taken");
}

struct FromCase {
  const char* name;
  std::vector<std::string> fields;
  bool is_taken;
};

class FromFields : public testing::TestWithParam<FromCase> {};

TEST_P(FromFields, AreOfTheUser) {
  const User user = user_of(sender_of("*@acme.example"));
  const auto refusal = check_from(user, GetParam().fields);
  EXPECT_EQ(!refusal.has_value(), GetParam().is_taken) << sentence(refusal);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, FromFields,
    testing::Values(FromCase{"Plain", {"a@acme.example"}, true},
                    FromCase{"WithAName", {"\"B@other.example\" <a@acme.example>"}, true},
                    FromCase{"SeveralOfHis", {"a@acme.example, b@acme.example"}, true},
                    FromCase{"OneOfAnother", {"a@acme.example, b@other.example"}, false},
                    FromCase{"OfAnother", {"a@other.example"}, false},
                    FromCase{"ANameThatLies", {"\"a@acme.example\" <b@other.example>"}, false},
                    FromCase{"None", {}, false}, FromCase{"Empty", {""}, false},
                    FromCase{"Two", {"a@acme.example", "a@acme.example"}, false},
                    FromCase{"NoAddress", {"news"}, false}),
    [](const auto& row) { return row.param.name; });

TEST(FromFieldsOfTheirOwn, AreOtherThanReversePaths) {
  UserSettings settings = sender_of("*@bounces.example");
  settings.from.push_back(*SenderPattern::parse("*@acme.example"));
  const User user = user_of(settings);
  const std::vector<std::string> his = {"a@acme.example"};
  const std::vector<std::string> bounces = {"a@bounces.example"};
  EXPECT_EQ(sentence(check_from(user, his)), "taken");
  EXPECT_THAT(sentence(check_from(user, bounces)), StartsWith("550 5.7.1 "));
}

// A user of the tenant acme, whose mail is transactional.
class GrantTest : public testing::Test {
 protected:
  GrantTest() {
    entry_.settings.name = "acme";
    settings_.tenant = "acme";
  }

  std::optional<Submitter> submitter(const TenantEntry* tenant) const {
    return Submitter{.user = std::make_shared<const User>(user_of(settings_)), .tenant = tenant};
  }
  auto grant_to_user(smtp::SluiceHeaders asked) const {
    return grant(submitter(&entry_), std::move(asked));
  }

  Tenant tenant_{"acme"};
  TenantEntry entry_{.settings = {}, .state = &tenant_};
  UserSettings settings_ = sender_of("*");
};

smtp::SluiceHeaders class_wish(const std::string& klass) {
  smtp::SluiceHeaders asked;
  asked.klass = klass;
  return asked;
}

TEST_F(GrantTest, TheClassOfTheTenantIsTheUsual) {
  EXPECT_EQ(grant_to_user({})->klass, MessageClass::bulk);
  entry_.settings.klass = MessageClass::transactional;
  EXPECT_EQ(grant_to_user({})->klass, MessageClass::transactional);
  EXPECT_EQ(best_class(submitter(&entry_)), MessageClass::transactional);
}

TEST_F(GrantTest, AnotherClassNeedsTheRight) {
  EXPECT_EQ(grant_to_user(class_wish("bulk"))->klass, MessageClass::bulk);
  const auto denied = grant_to_user(class_wish("transactional"));
  ASSERT_FALSE(denied.has_value());
  EXPECT_THAT(denied.error().to_string(), StartsWith("550 5.7.1 "));
  settings_.classes = {"transactional"};
  EXPECT_EQ(grant_to_user(class_wish("transactional"))->klass, MessageClass::transactional);
  EXPECT_EQ(best_class(submitter(&entry_)), MessageClass::transactional);
  EXPECT_FALSE(grant_to_user(class_wish("urgent")).has_value());
}

TEST_F(GrantTest, APoolNeedsTheRight) {
  smtp::SluiceHeaders asked;
  asked.pool = "warm";
  EXPECT_FALSE(grant_to_user(asked).has_value());
  settings_.pools = {"warm"};
  EXPECT_EQ(grant_to_user(asked)->sender.pool, "warm");
}

TEST_F(GrantTest, ACampaignNeedsATenant) {
  smtp::SluiceHeaders asked;
  asked.campaign = "spring";
  EXPECT_EQ(grant_to_user(asked)->sender.campaign, "spring");
  EXPECT_EQ(grant(submitter(nullptr), asked)->sender.campaign, "");
}

TEST_F(GrantTest, ClientsOfTheNetworksGetNothingThatIsAUsers) {
  smtp::SluiceHeaders asked = class_wish("transactional");
  asked.campaign = "spring";
  asked.pool = "warm";
  asked.tags = {"news"};
  asked.expiry = std::chrono::hours(4);
  const auto granted = grant(std::nullopt, asked);
  ASSERT_TRUE(granted.has_value());
  EXPECT_EQ(granted->klass, MessageClass::bulk);
  EXPECT_EQ(granted->expiry, std::chrono::hours(4));
  smtp::SluiceHeaders kept;
  kept.tags = {"news"};
  EXPECT_EQ(granted->sender, kept);
}

TEST_F(GrantTest, ASuspendedOrVanishedTenantTakesNothing) {
  EXPECT_EQ(sentence(check_tenant(*submitter(&entry_))), "taken");
  tenant_.set_suspended(TenantPart::delivery, true);
  EXPECT_EQ(sentence(check_tenant(*submitter(&entry_))), "taken");
  tenant_.set_suspended(TenantPart::reception, true);
  EXPECT_THAT(sentence(check_tenant(*submitter(&entry_))), StartsWith("450 4.7.1 "));
  EXPECT_THAT(sentence(check_tenant(*submitter(nullptr))), StartsWith("450 4.7.1 "));
  settings_.tenant.clear();
  EXPECT_EQ(sentence(check_tenant(*submitter(nullptr))), "taken");
}

}  // namespace
}  // namespace sluice::relay
