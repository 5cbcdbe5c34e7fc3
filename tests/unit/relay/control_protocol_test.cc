#include "relay/control_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/relay/envelope_fixture.h"

namespace sluice::relay {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

TEST(ControlProtocol, GivesBackARequest) {
  ControlRequest request;
  request.command = ControlCommand::queue_list;
  request.limit = 7;
  request.domain = "example.com";
  const auto parsed = parse_control_request(encode(request));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().sentence();
  EXPECT_EQ(parsed->command, ControlCommand::queue_list);
  EXPECT_EQ(parsed->limit, 7U);
  EXPECT_EQ(parsed->domain, "example.com");
}

TEST(ControlProtocol, GivesBackATimeout) {
  ControlRequest request;
  request.command = ControlCommand::drain;
  request.timeout = std::chrono::minutes(2);
  const auto parsed = parse_control_request(encode(request));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->timeout, std::chrono::minutes(2));
}

struct RequestCase {
  const char* name;
  std::string line;
  const char* complaint;  // empty: it is good
};

class ControlRequestTable : public testing::TestWithParam<RequestCase> {};

TEST_P(ControlRequestTable, IsTakenOrToldWhatIsWrong) {
  const auto request = parse_control_request(GetParam().line);
  const std::string complaint = GetParam().complaint;
  ASSERT_EQ(request.has_value(), complaint.empty());
  if (!request) EXPECT_THAT(request.error().sentence(), HasSubstr(complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ControlRequestTable,
    testing::Values(
        RequestCase{"summary", R"({"command":"queue.summary"})", ""},
        RequestCase{"unknown_key_is_of_a_newer_client", R"({"command":"drain","x":1})", ""},
        RequestCase{"empty", "", "no JSON object"},
        RequestCase{"no_json", "queue.summary", "no JSON object"},
        RequestCase{"array", "[]", "no JSON object"},
        RequestCase{"no_command", "{}", "no \"command\""},
        RequestCase{"command_is_number", R"({"command":1})", "\"command\" must be a string"},
        RequestCase{"unknown_command", R"({"command":"queue.eat"})", "no command \"queue.eat\""},
        RequestCase{"limit_zero", R"({"command":"queue.list","limit":0})", "from 1 to 100000"},
        RequestCase{"limit_most", R"({"command":"queue.list","limit":100000})", ""},
        RequestCase{"limit_past_most", R"({"command":"queue.list","limit":100001})", "\"limit\""},
        RequestCase{"limit_negative", R"({"command":"queue.list","limit":-1})", "\"limit\""},
        RequestCase{"limit_text", R"({"command":"queue.list","limit":"9"})", "\"limit\""},
        RequestCase{"domain_longest",
                    R"({"command":"queue.list","domain":")" + std::string(255, 'a') + "\"}", ""},
        RequestCase{"domain_too_long",
                    R"({"command":"queue.list","domain":")" + std::string(256, 'a') + "\"}",
                    "\"domain\" must be a string of at most 255 bytes"},
        RequestCase{"deep_nesting", std::string(1000, '['), "no JSON object"},
        RequestCase{"too_long", std::string(kControlRequestBytesMax + 1, ' '), "too long"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ControlProtocol, AnswersAnErrorAsASentence) {
  const Json answer = Json::parse(answer_error("no such thing"));
  EXPECT_EQ(answer["ok"], false);
  EXPECT_EQ(answer["error"], "no such thing");
}

TEST(ControlProtocol, AnswersOnOneLineWhateverAPeerSaid) {
  QueueListing listing;
  listing.envelopes.push_back(QueuedEnvelope{
      .waiting = {.key = {.message = *spool::MessageId::parse("00000000000000000000000000"),
                          .ordinal = 1},
                  .klass = 0,
                  .queue = 1,
                  .next_attempt = WallTime(61'000),
                  .expiry = WallTime(100'000),
                  .attempts = 2,
                  .recipients_pending = 3,
                  .size = 0},
      .queue = "example.com",
      .route = "*",
      .state = EnvelopeState::scheduled,
      .waits_for = "line\nbreak \xff",
      .detail = {}});
  const std::string text = answer_listing(listing, WallTime(1'000));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const Json answer = Json::parse(text);
  const Json& envelope = answer["envelopes"][0];
  EXPECT_EQ(envelope["next_attempt_in_seconds"], 60);
  EXPECT_EQ(envelope["next_attempt"], "1970-01-01T00:01:01.000Z");
  EXPECT_EQ(envelope["recipients_pending"], 3);
  EXPECT_EQ(envelope["expires_in_seconds"], 99);
  EXPECT_EQ(envelope["age_seconds"], 1);
  EXPECT_EQ(envelope["state"], "scheduled");
  EXPECT_TRUE(envelope["last_attempt"].is_null());
}

TEST(ControlProtocol, TellsTheLastReplyOfAListedEnvelope) {
  QueueListing listing;
  listing.envelopes.push_back(
      QueuedEnvelope{.waiting = waiting_envelope(0),
                     .queue = "example.com",
                     .route = "*",
                     .waits_for = "retry",
                     .detail = {},
                     .last_attempt = spool::AttemptNote{.time = WallTime(5),
                                                        .host = "mx.example.com[192.0.2.1]:25",
                                                        .source = {},
                                                        .reply = "450 4.2.1 later"}});
  const Json answer = Json::parse(answer_listing(listing, WallTime(0)));
  EXPECT_EQ(answer["envelopes"][0]["last_attempt"]["host"], "mx.example.com[192.0.2.1]:25");
  EXPECT_EQ(answer["envelopes"][0]["last_attempt"]["reply"], "450 4.2.1 later");
}

TEST(ControlProtocol, TellsWhatADrainWillLeave) {
  const Json answer = Json::parse(answer_progress(DrainProgress{.phase = Phase::draining,
                                                                .recipients_queued = 3,
                                                                .recipients_held_back = 2,
                                                                .is_over = false}));
  EXPECT_EQ(answer["recipients_queued"], 3);
  EXPECT_EQ(answer["recipients_held_back"], 2);
}

TEST(ControlProtocol, ShowsWhichRecipientsHaveEnded) {
  ShownEnvelope shown{.details = {.waiting = waiting_envelope(0),
                                  .queue = "example.com",
                                  .message_metadata = {},
                                  .envelope_metadata = {},
                                  .ended = {true, false},
                                  .body_bytes = 10,
                                  .attempts = {{.time = WallTime(5),
                                                .host = "mx.example.com[192.0.2.1]:25",
                                                .source = {},
                                                .reply = "450 4.2.1 later"}}},
                      .message = {},
                      .envelope = {.recipients = {"a@example.com", "b@example.com"}, .unknown = {}},
                      .route = "*",
                      .state = EnvelopeState::scheduled,
                      .waits_for = "retry",
                      .detail = {}};
  shown.message.reverse_path = "s@example.org";
  const auto id = shown.details.waiting.key.message;
  const Json answer = Json::parse(answer_message(id, {shown}, WallTime(1)));
  const Json& envelope = answer["envelopes"][0];
  EXPECT_EQ(envelope["recipients"][0]["state"], "ended");
  EXPECT_EQ(envelope["recipients"][1]["state"], "pending");
  EXPECT_EQ(envelope["last_attempts"][0]["reply"], "450 4.2.1 later");
  EXPECT_EQ(envelope["next_attempt"], nullptr);
  EXPECT_EQ(answer["from"], "s@example.org");
}

TEST(ControlProtocol, ReportsWhatIsPendingAfterTheLastCommit) {
  QueueOverview overview;
  overview.accounting.received = 5;
  overview.accounting.delivered = 3;
  overview.accounting.queued = 2;
  const Json answer = Json::parse(answer_overview(overview, RelayFacts(), WallTime(1)));
  EXPECT_EQ(answer["pending"], 2);
  EXPECT_EQ(answer["accounting"]["delivered"], 3);
}

TEST(TenantAnswer, SaysWhatIsUsedAndWhatIsAllowed) {
  TenantRow row{.name = "acme", .limits = TenantSettings{.name = "acme", .queued = 7}};
  row.limits->quota = Rate{.amount = 100, .period = std::chrono::hours(24), .max_burst = {}};
  row.accepted_today = 3;
  row.is_reception_suspended = true;
  const Json tenant = Json::parse(answer_tenants(std::vector<TenantRow>(1, row)))["tenants"][0];
  EXPECT_EQ(tenant["tenant"], "acme");
  EXPECT_EQ(tenant["accepted_today"], 3);
  EXPECT_EQ(tenant["quota"], 100);
  EXPECT_EQ(tenant["queued_max"], 7);
  EXPECT_EQ(tenant["reception"], "suspended");
  EXPECT_EQ(tenant["delivery"], "running");
}

TEST(TenantAnswer, SaysThatATenantHasLeftTheConfiguration) {
  const std::vector<TenantRow> rows(1, TenantRow{.name = "acme", .limits = {}, .queued = 2});
  const Json tenant = Json::parse(answer_tenants(rows))["tenants"][0];
  EXPECT_EQ(tenant["is_configured"], false);
  EXPECT_EQ(tenant["queued"], 2);
  EXPECT_TRUE(tenant["queued_max"].is_null());
}

TEST(TenantRequest, IsReadAsItWasWritten) {
  ControlRequest request;
  request.command = ControlCommand::tenant_suspend;
  request.tenant = "acme";
  request.part = TenantPart::delivery;
  const auto read = parse_control_request(encode(request));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->command, ControlCommand::tenant_suspend);
  EXPECT_EQ(read->tenant, "acme");
  EXPECT_EQ(read->part, TenantPart::delivery);
}

TEST(TenantRequest, OfAnUnknownPartIsRefused) {
  const auto read = parse_control_request(R"({"command":"tenant.suspend","part":"both"})");
  ASSERT_FALSE(read.has_value());
}

}  // namespace
}  // namespace sluice::relay
