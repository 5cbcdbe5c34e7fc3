#include "relay/delivery.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/relay/envelope_fixture.h"
#include "tests/unit/relay/fake_spool.h"
#include "tests/unit/smtp/scripted_server.h"
#include "tests/unit/smtp/server_stream.h"

namespace sluice::relay {
namespace {

// A spool that holds the parts of one body.
class PartSpool final : public FakeSpool {
 public:
  PartSpool() : budget_(mebibytes(1)) {}
  std::vector<std::string> parts;
  std::size_t fails_at = std::string::npos;

  Task<Result<std::shared_ptr<const ByteChain>>> read_part(Shard& shard, spool::EnvelopeKey,
                                                           std::uint32_t part) override {
    co_await yield(shard);
    if (part == fails_at) co_return fail(ErrorCode::out_of_budget, "no memory");
    ByteChain chain(budget_);
    EXPECT_TRUE(chain.append(parts.at(part)).has_value());
    co_return std::make_shared<const ByteChain>(std::move(chain));
  }

 private:
  MemoryBudget budget_;
};

class DeliveryTest : public testing::Test {
 protected:
  DeliveryTest() : shard_(open_shard()), budget_(mebibytes(1)) {
    envelope_.message = std::make_shared<const MessageMetadata>(
        MessageMetadata{.reverse_path = "s@example.com",
                        .trace_header = "Received: x\r\n",
                        .body_type = smtp::BodyType::seven_bit,
                        .received = WallTime(0),
                        .client = {},
                        .unknown = {}});
    set_body("Subject: x\r\n\r\nhello\r\n");
  }

  void set_body(const std::string& text) {
    ByteChain chain(budget_);
    EXPECT_TRUE(chain.append(text).has_value());
    envelope_.body_bytes = text.size();
    envelope_.body = std::make_shared<const ByteChain>(std::move(chain));
  }

  void set_parts(std::vector<std::string> parts) {
    envelope_.body.reset();
    envelope_.body_parts = static_cast<std::uint32_t>(parts.size());
    envelope_.body_bytes = 0;
    for (const std::string& part : parts) envelope_.body_bytes += part.size();
    spool_.parts = std::move(parts);
  }

  void set_recipients(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      envelope_.recipients.push_back("r" + std::to_string(i) + "@example.net");
      envelope_.pending.push_back(static_cast<std::uint16_t>(i));
    }
    envelope_.waiting.recipients_pending = static_cast<std::uint16_t>(count);
  }

  // Delivers the envelope over one session.
  AttemptResult deliver_it() {
    std::optional<AttemptResult> result;
    shard_->run(run(*this, result));
    return std::move(*result);
  }

  static Task<void> run(DeliveryTest& test, std::optional<AttemptResult>& result) {
    smtp::ClientSettings settings;
    settings.hostname = "client.test";
    auto stream = std::make_unique<smtp::ServerStream>(
        *test.shard_, test.server_.greeting, [&test](std::string_view bytes) {
          std::string answers = test.server_.receive(bytes);
          if (test.server_.is_closed) test.stream_->end();
          return answers;
        });
    test.stream_ = stream.get();
    smtp::ClientSession session(*test.shard_, settings, std::move(stream));
    auto opened = co_await session.open();
    EXPECT_TRUE(opened.has_value());
    result.emplace(AttemptResult{
        .key = test.envelope_.waiting.key, .recipients = {}, .counts = AttemptCounts::no});
    while (!test.envelope_.pending.empty()) {
      auto part = co_await deliver_some(*test.shard_, test.spool_, session, test.envelope_);
      merge(std::move(part), *result);
    }
    const Deadline deadline = soon(*test.shard_);
    co_await session.close(deadline);
  }

  std::size_t count(RecipientOutcome outcome, const AttemptResult& result) const {
    return static_cast<std::size_t>(
        std::ranges::count(result.recipients, outcome, &RecipientAttempt::outcome));
  }

  std::unique_ptr<Shard> shard_;
  MemoryBudget budget_;
  PartSpool spool_;
  smtp::ScriptedServer server_;
  smtp::ServerStream* stream_ = nullptr;
  LoadedEnvelope envelope_{.waiting = waiting_envelope(1),
                           .message = {},
                           .recipients = {},
                           .pending = {},
                           .body_bytes = 0,
                           .body_parts = 0,
                           .body = nullptr};
};

TEST_F(DeliveryTest, SendsTheTraceHeaderBeforeTheBody) {
  set_recipients(1);
  const AttemptResult result = deliver_it();
  EXPECT_EQ(count(RecipientOutcome::delivered, result), 1u);
  ASSERT_EQ(server_.messages.size(), 1u);
  EXPECT_EQ(server_.messages[0].sender, "s@example.com");
  EXPECT_EQ(server_.messages[0].body, "Received: x\r\nSubject: x\r\n\r\nhello\r\n");
}

TEST_F(DeliveryTest, SendsOnlyToThoseWhoArePending) {
  set_recipients(3);
  envelope_.pending = {1};
  const AttemptResult result = deliver_it();
  ASSERT_EQ(result.recipients.size(), 1u);
  EXPECT_EQ(result.recipients[0].position, 1);
  EXPECT_EQ(server_.messages[0].recipients, std::vector<std::string>{"r1@example.net"});
}

TEST_F(DeliveryTest, SplitsRecipientsIntoTransactionsAtTheLimit) {
  set_recipients(kRecipientsPerTransaction + 1);
  const AttemptResult result = deliver_it();
  ASSERT_EQ(server_.messages.size(), 2u);
  EXPECT_EQ(server_.messages[0].recipients.size(), kRecipientsPerTransaction);
  EXPECT_EQ(server_.messages[1].recipients.size(), 1u);
  EXPECT_EQ(count(RecipientOutcome::delivered, result), kRecipientsPerTransaction + 1);
}

TEST_F(DeliveryTest, SendsAsManyAsTheLimitInOneTransaction) {
  set_recipients(kRecipientsPerTransaction);
  static_cast<void>(deliver_it());
  EXPECT_EQ(server_.messages.size(), 1u);
}

TEST_F(DeliveryTest, SendsInTheNextTransactionThoseWhoWereTooMany) {
  set_recipients(7);
  int accepted = 0;
  server_.override_with = [&](std::string_view line) -> std::optional<std::string> {
    if (line.starts_with("MAIL")) accepted = 0;
    if (!line.starts_with("RCPT") || ++accepted <= 3) return std::nullopt;
    return "452 4.5.3 too many recipients\r\n";
  };
  const AttemptResult result = deliver_it();
  EXPECT_EQ(server_.messages.size(), 3u);
  EXPECT_EQ(count(RecipientOutcome::delivered, result), 7u);
  EXPECT_EQ(result.counts, AttemptCounts::no);
}

TEST_F(DeliveryTest, APeerThatHasTooManyBeforeTheFirstUsesTheAttempt) {
  set_recipients(2);
  server_.override_with = [](std::string_view line) -> std::optional<std::string> {
    if (!line.starts_with("RCPT")) return std::nullopt;
    return "452 4.5.3 too many recipients\r\n";
  };
  const AttemptResult result = deliver_it();
  EXPECT_TRUE(server_.messages.empty());
  EXPECT_EQ(count(RecipientOutcome::deferred, result), 2u);
  EXPECT_EQ(result.counts, AttemptCounts::yes);
}

TEST_F(DeliveryTest, ThoseWhoWereNotTriedUseNoAttemptWhenOthersWereTaken) {
  set_recipients(2);
  server_.override_with = [&](std::string_view line) -> std::optional<std::string> {
    if (line == "RCPT TO:<r1@example.net>") return "452 4.5.3 too many\r\n";
    if (line != "<body>") return std::nullopt;
    server_.is_closed = true;
    return "250 2.0.0 queued\r\n421 4.3.2 closing\r\n";
  };
  const AttemptResult result = deliver_it();
  EXPECT_EQ(count(RecipientOutcome::delivered, result), 1u);
  EXPECT_EQ(count(RecipientOutcome::deferred, result), 1u);
  EXPECT_EQ(result.counts, AttemptCounts::no);
}

TEST_F(DeliveryTest, SendsALargeBodyPartByPart) {
  set_recipients(1);
  set_parts({"Subject: x\r\n\r\nfirst ", "second ", "third\r\n"});
  const AttemptResult result = deliver_it();
  EXPECT_EQ(count(RecipientOutcome::delivered, result), 1u);
  ASSERT_EQ(server_.messages.size(), 1u);
  EXPECT_EQ(server_.messages[0].body, "Received: x\r\nSubject: x\r\n\r\nfirst second third\r\n");
}

TEST_F(DeliveryTest, ABodyThatCannotBeReadDefersWithoutAnAttempt) {
  set_recipients(1);
  set_parts({"Subject: x\r\n\r\nfirst ", "second\r\n"});
  spool_.fails_at = 1;
  const AttemptResult result = deliver_it();
  EXPECT_TRUE(server_.messages.empty());
  EXPECT_EQ(result.counts, AttemptCounts::no);
  EXPECT_EQ(count(RecipientOutcome::deferred, result), 1u);
  EXPECT_NE(result.error.find("no memory"), std::string::npos);
}

TEST_F(DeliveryTest, ALargeBodyThatGoesAloneIsSentWhole) {
  set_recipients(1);
  set_parts({"Subject: x\r\n\r\nfirst ", "second\r\n"});
  envelope_.goes_alone = true;
  const AttemptResult result = deliver_it();
  EXPECT_EQ(count(RecipientOutcome::delivered, result), 1u);
  ASSERT_EQ(server_.messages.size(), 1u);
  EXPECT_EQ(server_.messages[0].body, "Received: x\r\nSubject: x\r\n\r\nfirst second\r\n");
}

TEST_F(DeliveryTest, WhatGoesAloneAndFindsNoMemoryLeavesTheConnectionToOthers) {
  set_recipients(1);
  set_parts({"Subject: x\r\n\r\nfirst ", "second\r\n"});
  spool_.fails_at = 0;
  envelope_.goes_alone = true;
  const AttemptResult result = deliver_it();
  EXPECT_EQ(count(RecipientOutcome::deferred, result), 1u);
  EXPECT_EQ(server_.lines, (std::vector<std::string>{"EHLO client.test", "QUIT"}));
}

}  // namespace
}  // namespace sluice::relay
