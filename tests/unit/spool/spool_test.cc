#include "spool/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

class SpoolTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = harness_.open();
    ASSERT_TRUE(opened) << opened.error().sentence();
  }
  void reopen() {
    harness_.close();
    auto opened = harness_.open();
    ASSERT_TRUE(opened) << opened.error().sentence();
  }

  TemporaryDirectory directory_;
  SpoolHarness harness_{small_spool(directory_)};
};

TEST_F(SpoolTest, GivesBackWhatItAccepted) {
  const auto body = pattern(10'000, 1);
  const auto key = harness_.accept_one({.body = body, .metadata = "from", .envelopes = {"to"}});
  const auto envelope = harness_.read(key);
  ASSERT_TRUE(envelope) << envelope.error().sentence();
  EXPECT_EQ(envelope->message_metadata, "from");
  EXPECT_EQ(envelope->envelope_metadata, "to");
  EXPECT_EQ(envelope->body_bytes, body.size());
  EXPECT_EQ(envelope->body_parts, 0U);
  EXPECT_EQ(envelope->body->to_string(), body);
  EXPECT_EQ(envelope->ended, std::vector<bool>({false}));
}

TEST_F(SpoolTest, AnswersWithTheBodyThatLiesInMemory) {
  const auto accepted = harness_.accept({.body = "hello"});
  ASSERT_TRUE(accepted);
  ASSERT_NE(accepted->body, nullptr);
  EXPECT_EQ(accepted->body->to_string(), "hello");
}

TEST_F(SpoolTest, KeepsAnEmptyBody) {
  const auto key = harness_.accept_one({.body = ""});
  EXPECT_EQ(harness_.read_body(key).value(), "");
}

TEST_F(SpoolTest, GivesEachEnvelopeItsOwnMetadata) {
  const auto key = harness_.accept_one({.body = "x", .envelopes = {"first", "", "third"}});
  EXPECT_EQ(harness_.read({key.message, 0})->envelope_metadata, "first");
  EXPECT_EQ(harness_.read({key.message, 1})->envelope_metadata, "");
  EXPECT_EQ(harness_.read({key.message, 2})->envelope_metadata, "third");
  EXPECT_EQ(harness_.read({key.message, 3}).error().code(), ErrorCode::not_found);
}

TEST_F(SpoolTest, LeavesTheBodyWhereItIsWhenNotAskedForIt) {
  const auto key = harness_.accept_one({.body = "body"});
  const auto envelope = harness_.read(key, ReadBody::no);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->body, nullptr);
  EXPECT_EQ(envelope->body_bytes, 4U);
}

TEST_F(SpoolTest, ForgetsAnEnvelopeThatEnded) {
  const auto key = harness_.accept_one({.body = "x"});
  ASSERT_TRUE(harness_.record(delivered(key)));
  ASSERT_TRUE(harness_.flush());
  EXPECT_EQ(harness_.read(key).error().code(), ErrorCode::not_found);
  reopen();
  EXPECT_TRUE(harness_.recovered().empty());
}

TEST_F(SpoolTest, DoesNotGiveOutRecipientsWhoseEndIsNotYetCommitted) {
  const auto key = harness_.accept_one({.body = "x", .recipients = 3});
  auto outcome = delivered(key, 2);
  ASSERT_TRUE(harness_.record(outcome));
  // At once: the outcome rides along with a later commit.
  EXPECT_EQ(harness_.read(key)->ended, std::vector<bool>({true, true, false}));
  outcome.ended = {2};
  outcome.counts.delivered = 1;
  ASSERT_TRUE(harness_.record(outcome));
  EXPECT_EQ(harness_.read(key).error().code(), ErrorCode::not_found);
}

TEST_F(SpoolTest, RecoversWhatWasDeferred) {
  const auto key = harness_.accept_one({.body = "x", .recipients = 2});
  auto outcome = deferred(key, 3, "451 later");
  outcome.ended = {1};
  outcome.counts.bounced = 1;
  ASSERT_TRUE(harness_.record(outcome));
  reopen();
  const auto recovered = harness_.recovered();
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(recovered[0].key, key);
  EXPECT_EQ(recovered[0].attempts, 3);
  EXPECT_EQ(recovered[0].next_attempt, outcome.next_attempt);
  EXPECT_EQ(recovered[0].expiry, WallTime(2000));
  EXPECT_EQ(recovered[0].recipients_pending, 1);
  EXPECT_EQ(recovered[0].klass, 1);
  EXPECT_EQ(harness_.spool().queue_name(recovered[0].queue), "campaign:tenant@example.net");
  EXPECT_EQ(harness_.read(key)->ended, std::vector<bool>({false, true}));
}

TEST_F(SpoolTest, KeepsTheLastAttempts) {
  const auto key = harness_.accept_one({.body = "x"});
  for (std::uint16_t attempt = 1; attempt <= kAttemptsKept + 2; ++attempt) {
    ASSERT_TRUE(harness_.record(deferred(key, attempt, "451 try " + std::to_string(attempt))));
  }
  ASSERT_TRUE(harness_.flush());
  const auto details = harness_.inspect(key.message);
  ASSERT_TRUE(details);
  ASSERT_EQ(details->size(), 1U);
  const auto& attempts = details->front().attempts;
  ASSERT_EQ(attempts.size(), kAttemptsKept);
  EXPECT_EQ(attempts.front().reply, "451 try 3");
  EXPECT_EQ(attempts.back().reply, "451 try " + std::to_string(kAttemptsKept + 2));
  EXPECT_EQ(attempts.back().host, "mx.example.net [192.0.2.1]");
  EXPECT_EQ(details->front().queue, "campaign:tenant@example.net");
}

TEST_F(SpoolTest, InspectsTheQueuedEnvelopesOfAMessage) {
  const auto key = harness_.accept_one({.body = "12345", .envelopes = {"a", "b", "c"}});
  ASSERT_TRUE(harness_.record(delivered({key.message, 1})));
  const auto details = harness_.inspect(key.message);  // the outcome may not be committed yet
  ASSERT_TRUE(details);
  ASSERT_EQ(details->size(), 2U);
  EXPECT_EQ((*details)[0].envelope_metadata, "a");
  EXPECT_EQ((*details)[1].envelope_metadata, "c");
  EXPECT_EQ((*details)[1].body_bytes, 5U);
}

TEST_F(SpoolTest, SaysThatAnUnknownMessageIsNotQueued) {
  EXPECT_EQ(harness_.inspect(harness_.next_id()).error().code(), ErrorCode::not_found);
  std::array<std::uint8_t, 16> foreign{};
  foreign.fill(0x77);  // also in a partition that does not exist
  EXPECT_EQ(harness_.inspect(MessageId::from_bytes(foreign)).error().code(), ErrorCode::not_found);
}

TEST_F(SpoolTest, RecoversEverythingExactlyOnce) {
  std::set<EnvelopeKey> keys;
  for (int i = 0; i < 300; ++i) keys.insert(harness_.accept_one({.body = pattern(500, 3)}));
  reopen();
  std::set<EnvelopeKey> found;
  for (const auto& waiting : harness_.recovered()) EXPECT_TRUE(found.insert(waiting.key).second);
  EXPECT_EQ(found, keys);
}

TEST_F(SpoolTest, KeepsBooksOverRestarts) {
  const auto first = harness_.accept_one({.body = "x", .recipients = 4});
  harness_.accept_one({.body = "y"});
  auto outcome = delivered(first, 3);
  outcome.counts = {.delivered = 1, .bounced = 1, .expired = 0, .removed = 1};
  ASSERT_TRUE(harness_.record(outcome));
  reopen();
  const auto books = harness_.spool().accounting();
  EXPECT_EQ(books.received, 5U);
  EXPECT_EQ(books.delivered, 1U);
  EXPECT_EQ(books.bounced, 1U);
  EXPECT_EQ(books.removed, 1U);
  EXPECT_EQ(books.queued, 2U);
}

TEST_F(SpoolTest, IgnoresAnOutcomeThatComesTwice) {
  const auto key = harness_.accept_one({.body = "x", .recipients = 2});
  ASSERT_TRUE(harness_.record(delivered(key, 1)));
  ASSERT_TRUE(harness_.record(delivered(key, 1)));
  ASSERT_TRUE(harness_.record(delivered(key, 2)));
  ASSERT_TRUE(harness_.record(delivered(key, 2)));
  ASSERT_TRUE(harness_.flush());
  EXPECT_EQ(harness_.spool().accounting().delivered, 2U);
  EXPECT_EQ(harness_.spool().accounting().queued, 0U);
}

TEST_F(SpoolTest, RefusesMoreThanItsBounds) {
  TestMessage message{.body = "x"};
  message.metadata.assign(kMetadataBytesMax + 1, 'm');
  EXPECT_EQ(harness_.accept(message).error().code(), ErrorCode::limit_exceeded);
  message.metadata.assign(kMetadataBytesMax, 'm');
  EXPECT_TRUE(harness_.accept(message));
  message.metadata = "m";
  message.envelopes.assign(kEnvelopesPerMessageMax + 1, "e");
  EXPECT_EQ(harness_.accept(message).error().code(), ErrorCode::limit_exceeded);
  message.envelopes.assign(kEnvelopesPerMessageMax, "e");
  message.recipients = kRecipientsPerEnvelopeMax;
  EXPECT_TRUE(harness_.accept(message));
  message.recipients = kRecipientsPerEnvelopeMax + 1;
  EXPECT_EQ(harness_.accept(message).error().code(), ErrorCode::limit_exceeded);
}

TEST_F(SpoolTest, SaysThatTheMemoryForBodiesReadBackIsUsedUp) {
  const auto key = harness_.accept_one({.body = pattern(100'000, 1)});
  ASSERT_TRUE(harness_.read_budget.try_reserve(harness_.read_budget.limit()));
  EXPECT_EQ(harness_.read(key).error().code(), ErrorCode::out_of_budget);
  EXPECT_TRUE(harness_.read(key, ReadBody::no));
  harness_.read_budget.release(harness_.read_budget.limit());
  EXPECT_TRUE(harness_.read(key));
}

TEST_F(SpoolTest, ReleasesTheMemoryOfWhatItHasStored) {
  harness_.accept_one({.body = pattern(3 << 20, 1)});
  ASSERT_TRUE(harness_.accept({.body = pattern(50'000, 1)}));
  EXPECT_TRUE(SpoolHarness::eventually([this] { return harness_.budget.used() == ByteCount(0); }));
}

TEST_F(SpoolTest, NumbersQueuesTheSameAfterARestart) {
  harness_.accept_one({.body = "x", .queue = "a@one"});
  harness_.accept_one({.body = "x", .queue = "b@two"});
  const auto one = harness_.spool().hold_queue("a@one").number();
  const auto two = harness_.spool().hold_queue("b@two").number();
  EXPECT_NE(one, two);
  reopen();
  EXPECT_EQ(harness_.spool().queue_name(one), "a@one");
  EXPECT_EQ(harness_.spool().hold_queue("b@two").number(), two);
  EXPECT_EQ(harness_.spool().queue_name(4'000'000'000), "");
}

TEST_F(SpoolTest, ForgetsTheNameOfAQueueThatIsIdle) {
  harness_.settings.queue_idle = Duration::zero();
  reopen();
  const auto ends = harness_.accept_one({.body = "x", .queue = "ends@example.net"});
  const auto stays = harness_.accept_one({.body = "x", .queue = "stays@example.net"});
  const auto number = harness_.inspect(ends.message)->front().waiting.queue;
  ASSERT_TRUE(harness_.record(delivered(ends)));
  ASSERT_TRUE(SpoolHarness::eventually(
      [this] { return harness_.metric("sluice_spool_queue_names_removed_total") == 1; }));
  EXPECT_EQ(harness_.spool().queue_name(number), "");
  EXPECT_EQ(harness_.metric("sluice_spool_queue_names"), 1U);
  EXPECT_EQ(harness_.inspect(stays.message)->front().queue, "stays@example.net");
  // It comes back as another.
  const auto back = harness_.accept_one({.body = "x", .queue = "ends@example.net"});
  reopen();
  EXPECT_EQ(harness_.inspect(back.message)->front().queue, "ends@example.net");
  EXPECT_EQ(harness_.inspect(stays.message)->front().queue, "stays@example.net");
}

TEST_F(SpoolTest, KeepsTheNameOfAnIdleQueueForAWhile) {
  const auto key = harness_.accept_one({.body = "x", .queue = "ends@example.net"});
  const auto number = harness_.inspect(key.message)->front().waiting.queue;
  ASSERT_TRUE(harness_.record(delivered(key)));
  ASSERT_TRUE(harness_.flush());
  harness_.accept_one({.body = "x", .queue = "other@example.net"});
  EXPECT_EQ(harness_.spool().queue_name(number), "ends@example.net");
  EXPECT_EQ(harness_.metric("sluice_spool_queue_names_removed_total"), 0U);
}

TEST_F(SpoolTest, DrainsPartitionsThatNoNewMailGoesTo) {
  harness_.close();
  auto settings = harness_.settings;
  EnvelopeKey key{MessageId::from_bytes({}), 0};
  {
    settings.partitions = 2;
    SpoolHarness wide(settings, 2);
    ASSERT_TRUE(wide.open());
    EXPECT_EQ(wide.spool().partition_of(ShardId(1)), 1);
    const auto accepted = wide.accept({.body = "in the second"}, 1);
    ASSERT_TRUE(accepted);
    key = {accepted->id, 0};
  }
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.spool().partition_of(ShardId(1)), 0);
  ASSERT_EQ(harness_.recovered().size(), 1U);
  EXPECT_EQ(harness_.read_body(key).value(), "in the second");
  ASSERT_TRUE(harness_.record(delivered(key)));
  ASSERT_TRUE(harness_.flush());
  EXPECT_EQ(harness_.spool().accounting().queued, 0U);
}

TEST_F(SpoolTest, ServesSeveralShards) {
  harness_.close();
  SpoolHarness two(harness_.settings, 2);
  ASSERT_TRUE(two.open());
  const auto first = two.accept({.body = "one"}, 0);
  const auto second = two.accept({.body = "two"}, 1);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(two.read_body({first->id, 0}).value(), "one");
  EXPECT_EQ(two.read_body({second->id, 0}).value(), "two");
}

}  // namespace
}  // namespace sluice::spool
