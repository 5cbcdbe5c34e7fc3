// How a session ends: refusals, 421, broken connections, nonsense, silence, close().
#include <gmock/gmock.h>

#include "tests/unit/smtp/client_session_fixture.h"

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kSoon = std::chrono::milliseconds(20);

using ClientSessionFailure = ClientSessionTest;

TEST_F(ClientSessionFailure, TakesARefusalAtTheGreetingAsAValue) {
  server_.greeting = "554-5.7.1 go\r\n554 5.7.1 away\r\n";
  add_numbered(1);
  run();
  ASSERT_TRUE(*opened_);
  EXPECT_EQ((*opened_)->stage, ReplyStage::greeting);
  EXPECT_EQ((*opened_)->refusal->to_string(), "554 5.7.1 go away");
  EXPECT_EQ(end(0), TransactionEnd::not_attempted);
  EXPECT_THAT(server_.lines, ElementsAre("QUIT"));
}

TEST_F(ClientSessionFailure, TakesARefusalOfEhloAsAValue) {
  answer("EHLO", "421 4.3.2 closing\r\n");
  run();
  ASSERT_TRUE(*opened_);
  EXPECT_EQ((*opened_)->stage, ReplyStage::hello);
  EXPECT_EQ((*opened_)->refusal->code, 421);
  EXPECT_THAT(server_.lines, ElementsAre("EHLO client.test"));
}

TEST_F(ClientSessionFailure, TakesARefusalOfHeloAsAValue) {
  answer("EHLO", "502 what?\r\n");
  answer("HELO", "550 5.7.1 no\r\n");
  run();
  ASSERT_TRUE(*opened_);
  EXPECT_EQ((*opened_)->refusal->code, 550);
  EXPECT_THAT(server_.lines, ElementsAre("EHLO client.test", "HELO client.test", "QUIT"));
}

TEST_F(ClientSessionFailure, FailsToOpenWhenThePeerSpeaksAnotherProtocol) {
  server_.greeting = "SSH-2.0-OpenSSH_9.2\r\n";
  run();
  ASSERT_FALSE(*opened_);
  EXPECT_EQ(opened_->error().code(), ErrorCode::syntax);
}

TEST_F(ClientSessionFailure, FailsToOpenWhenThePeerCloses) {
  server_.greeting = "220-wait";
  prepare_stream_ = [](ServerStream& stream) { stream.end(); };
  run();
  ASSERT_FALSE(*opened_);
  EXPECT_EQ(opened_->error().code(), ErrorCode::end_of_stream);
}

TEST_F(ClientSessionFailure, FailsToOpenWhenNoGreetingComes) {
  server_.greeting = "";
  settings_.timeouts.greeting = kSoon;
  run();
  ASSERT_FALSE(*opened_);
  EXPECT_EQ(opened_->error().code(), ErrorCode::timed_out);
}

// A 421 to the third message of a flight, at each of its commands.
struct ClosingCase {
  const char* name;
  const char* line;
  TransactionEnd end;
};

class ClientClosing : public ClientSessionTest, public testing::WithParamInterface<ClosingCase> {};

TEST_P(ClientClosing, DecidesItsMessageAndLeavesTheRestUnattempted) {
  const std::string_view closed_line = GetParam().line;
  int resets = 0;
  int ends = 0;
  server_.override_with = [&](std::string_view line) -> std::optional<std::string> {
    const bool is_reset = line == "RSET" && ++resets == 1;
    const bool is_end = line == "<body>" && ++ends == 3;
    const bool is_due = line == "RSET" ? is_reset : line == "<body>" ? is_end : true;
    if (!is_due || !line.starts_with(closed_line)) return std::nullopt;
    server_.is_closed = true;
    return "421 4.3.2 shutting down\r\n";
  };
  add_numbered(6);
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_EQ(code(1), 250);
  EXPECT_EQ(end(2), GetParam().end);
  if (GetParam().end == TransactionEnd::answered) EXPECT_EQ(code(2), 421);
  for (std::size_t i = 3; i < 6; ++i) EXPECT_EQ(end(i), TransactionEnd::not_attempted) << i;
  EXPECT_EQ(results_[3].verdict.reply.code, 421);
  EXPECT_FALSE(was_usable_);
  EXPECT_EQ(times_finished_, 1);
  EXPECT_EQ(server_.messages.size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(
    Places, ClientClosing,
    testing::Values(ClosingCase{"reset", "RSET", TransactionEnd::not_attempted},
                    ClosingCase{"mail", "MAIL FROM:<sender2", TransactionEnd::answered},
                    ClosingCase{"rcpt", "RCPT TO:<rcpt2", TransactionEnd::answered},
                    ClosingCase{"end", "<body>", TransactionEnd::answered}),
    [](const auto& info) { return info.param.name; });

struct NonsenseCase {
  const char* name;
  std::string reply;
};

class ClientNonsense : public ClientSessionTest,
                       public testing::WithParamInterface<NonsenseCase> {};

TEST_P(ClientNonsense, EndsTheConnectionAndCountsNothing) {
  answer("RCPT TO:<rcpt1", GetParam().reply);
  add_numbered(4);
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_FALSE(was_usable_);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_NE(end(i), TransactionEnd::answered) << i;
}

INSTANTIATE_TEST_SUITE_P(
    Replies, ClientNonsense,
    testing::Values(NonsenseCase{"garbage", "hello there\r\n"},
                    NonsenseCase{"code_of_the_future", "650 2.1.5 ok\r\n"},
                    NonsenseCase{"two_codes", "250-2.1.5 ok\r\n550 5.1.1 no\r\n"},
                    NonsenseCase{"go_ahead", "354 go\r\n"},
                    NonsenseCase{"endless_line", "250 " + std::string(3000, 'x')},
                    NonsenseCase{"nothing_but_dashes", "----\r\n"}),
    [](const auto& info) { return info.param.name; });

TEST_F(ClientSessionFailure, BoundsAnEndlessReply) {
  std::string endless;
  while (endless.size() < 1'000'000) endless += "250-" + std::string(1000, 'x') + "\r\n";
  answer("RCPT", endless + "250 done\r\n");
  add_numbered(1);
  run();
  EXPECT_EQ(end(0), TransactionEnd::ambiguous);
  EXPECT_THAT(results_[0].error, HasSubstr("too many lines"));
}

TEST_F(ClientSessionFailure, CutsTheTextOfAVerdict) {
  answer("RCPT", "550-" + std::string(1500, 'x') + "\r\n550 " + std::string(1500, 'x') + "\r\n");
  add_numbered(1);
  run();
  EXPECT_EQ(results_[0].recipients[0].reply.text.size(), 1024U);
}

TEST_F(ClientSessionFailure, EndsOnAReplyThatNothingAskedFor) {
  answer("<body>", "250 2.0.0 queued\r\n250 2.0.0 and again\r\n");
  add_numbered(1);
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_FALSE(was_usable_);
  EXPECT_THAT(failure_, HasSubstr("without a command"));
}

TEST_F(ClientSessionFailure, EndsOnAnAcceptedEndBehindARefusedMail) {
  answer("MAIL FROM:<sender1", "550 5.7.1 no\r\n");
  answer("<body>", "250 2.0.0 queued\r\n");
  add_numbered(3);
  run();
  EXPECT_EQ(end(1), TransactionEnd::ambiguous);
  EXPECT_FALSE(was_usable_);
}

TEST_F(ClientSessionFailure, BeginsNothingBehindARefusedReset) {
  answer("RSET", "500 5.5.1 no such thing\r\n");
  answer("RCPT TO:<rcpt0", "550 5.1.1 no\r\n");
  server_.is_sticky = false;  // its MAIL begins anew, so the message behind is right
  add_numbered(4);
  run();
  EXPECT_EQ(code(0), 550);
  EXPECT_EQ(code(1), 250);
  EXPECT_EQ(end(2), TransactionEnd::not_attempted);
  EXPECT_EQ(end(3), TransactionEnd::not_attempted);
  EXPECT_FALSE(was_usable_);
  ASSERT_EQ(server_.messages.size(), 1U);
  EXPECT_EQ(server_.messages[0].sender, "sender1@a.test");
}

TEST_F(ClientSessionFailure, CountsNothingWhereARefusedResetLeftTheOldTransaction) {
  answer("RSET", "500 5.5.1 no such thing\r\n");
  answer("RCPT TO:<rcpt0", "550 5.1.1 no\r\n");
  add_numbered(3);
  run();
  EXPECT_EQ(code(0), 550);
  EXPECT_EQ(end(1), TransactionEnd::ambiguous);
  EXPECT_EQ(end(2), TransactionEnd::not_attempted);
}

// The server grants DATA to the old transaction, which has gained a recipient: a lone dot would
// deliver an empty message.
TEST_F(ClientSessionFailure, SaysNoLoneDotBehindARefusedReset) {
  server_.extensions = {"PIPELINING"};
  answer("RSET", "500 5.5.1 no such thing\r\n");
  answer("RCPT TO:<bad", "550 5.1.1 no\r\n");
  add_numbered(1);
  add("s@a.test", {"bad@b.test"}, "x\r\n");
  add_numbered(2);
  run();
  EXPECT_EQ(code(1), 550);
  EXPECT_EQ(code(2), 503);  // its MAIL was nested
  ASSERT_EQ(server_.messages.size(), 1U);
}

TEST_F(ClientSessionFailure, SendsNothingBehindARefusedResetInADialogue) {
  server_.extensions = {};
  answer("RSET", "500 5.5.1 no such thing\r\n");
  answer("RCPT TO:<rcpt0", "550 5.1.1 no\r\n");
  add_numbered(2);
  run();
  EXPECT_EQ(code(0), 550);
  EXPECT_EQ(end(1), TransactionEnd::not_attempted);
  EXPECT_THAT(results_[1].error, HasSubstr("RSET"));
}

TEST_F(ClientSessionFailure, TakesARefusalInTheMiddleOfALargeBody) {
  prepare_stream_ = [](ServerStream&) {};
  server_.extensions = {"PIPELINING", "CHUNKING"};
  ScriptedBody& body = *add("s@a.test", {"r@b.test"}, std::string(100'000, 'x')).body;
  body.split(1000);
  bool is_refused = false;
  make_session();
  // The server refuses when it has seen a tenth.
  std::size_t seen = 0;
  stream_->watch([&](std::string_view bytes) {
    seen += bytes.size();
    if (seen < 10'000 || is_refused) return std::string();
    is_refused = true;
    return std::string("552 5.3.4 too much\r\n");
  });
  shard_->run(send_all(*this));
  session_.reset();
  EXPECT_EQ(code(0), 552);
  EXPECT_EQ(results_[0].recipients[0].stage, ReplyStage::body);
  EXPECT_FALSE(was_usable_);
}

TEST_F(ClientSessionFailure, GivesUpWhenAReplyDoesNotCome) {
  settings_.timeouts.command = kSoon;
  answer("RCPT TO:<rcpt1", "");
  server_.extensions = {};
  add_numbered(3);
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_EQ(end(1), TransactionEnd::unknown);
  EXPECT_THAT(results_[1].error, HasSubstr("in time"));
  EXPECT_EQ(end(2), TransactionEnd::not_attempted);
}

// With which extensions of its peer.
class ClientSilence : public ClientSessionTest,
                      public testing::WithParamInterface<std::vector<std::string>> {};

INSTANTIATE_TEST_SUITE_P(Modes, ClientSilence,
                         testing::Values(std::vector<std::string>{"PIPELINING", "CHUNKING"},
                                         std::vector<std::string>{"PIPELINING"},
                                         std::vector<std::string>{"CHUNKING"},
                                         std::vector<std::string>{}));

TEST_P(ClientSilence, GivesUpWhenTheLastReplyDoesNotCome) {
  server_.extensions = GetParam();
  settings_.timeouts.final = kSoon;
  answer("<body>", "");
  add_numbered(1);
  run();
  EXPECT_EQ(end(0), TransactionEnd::ambiguous);
  EXPECT_EQ(results_[0].error, "no reply to end of message in time");
}

TEST_F(ClientSessionFailure, GivesUpWhenThePeerTakesNothing) {
  settings_.timeouts.data = kSoon;
  server_.override_with = [this](std::string_view line) -> std::optional<std::string> {
    if (line.starts_with("EHLO")) stream_->hold_sends();
    return std::nullopt;
  };
  add_numbered(2);
  run();
  EXPECT_EQ(end(0), TransactionEnd::ambiguous);  // the kernel may have passed on anything
  EXPECT_EQ(end(1), TransactionEnd::not_attempted);
  EXPECT_THAT(server_.messages, IsEmpty());
}

Task<void> wait_until_finished(ClientSession& session, Event& changed, Deadline liveness) {
  while (session.is_usable()) {
    auto waited = co_await changed.wait(liveness);
    if (!waited) break;
  }
}

Task<void> lose_idle_connection(ClientSession& session, ServerStream& stream, Event& changed,
                                Deadline liveness) {
  auto opened = co_await session.open();
  EXPECT_TRUE(opened && session.is_usable());
  stream.end();
  co_await wait_until_finished(session, changed, liveness);
  EXPECT_EQ(session.free_slots(), 0U);
  co_await session.close(liveness);
}

TEST_F(ClientSessionFailure, NoticesThatAnIdleConnectionWasClosed) {
  make_session();
  const auto liveness = Deadline::in(shard_->clock(), std::chrono::seconds(30));
  shard_->run(lose_idle_connection(*session_, *stream_, changed_, liveness));
  EXPECT_EQ(times_finished_, 1);
  EXPECT_THAT(std::string(session_->failure()), HasSubstr("closed by the peer"));
  EXPECT_THAT(server_.lines, ElementsAre("EHLO client.test"));
}

TEST_F(ClientSessionFailure, TakesAnUnaskedClosingReply) {
  server_.override_with = [](std::string_view line) -> std::optional<std::string> {
    if (line == "<body>") return "250 2.0.0 queued\r\n421 4.4.2 idle too long\r\n";
    return std::nullopt;
  };
  add_numbered(2);
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_EQ(end(1), TransactionEnd::not_attempted);
  EXPECT_EQ(failure_, "421 4.4.2 idle too long");
}

TEST_F(ClientSessionFailure, QuitsNoLongerThanItsDeadline) {
  answer("QUIT", "");
  close_within_ = kSoon;
  prepare_stream_ = [](ServerStream& stream) { stream.ignore_end(); };
  add_numbered(1);
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_EQ(server_.lines.back(), "QUIT");
}

// close() while a message is in flight, of which the peer answers nothing.
Task<void> close_in_flight(ClientSession& session, ServerStream& stream, Shard& shard,
                           Task<void> send) {
  auto opened = co_await session.open();
  EXPECT_TRUE(opened);
  TaskScope sends(shard.run_queue());
  sends.spawn(std::move(send));
  EXPECT_EQ(session.in_flight(), 1U);
  while (stream.writes().size() < 2) co_await yield(shard);
  const auto deadline = Deadline::in(shard.clock(), std::chrono::seconds(30));
  co_await session.close(deadline);
  co_await sends.join();
}

struct InFlightCase {
  const char* name;
  std::vector<std::string> extensions;
  TransactionEnd end;
};

class ClientClose : public ClientSessionTest, public testing::WithParamInterface<InFlightCase> {};

TEST_P(ClientClose, EndsWhatIsInFlight) {
  server_.extensions = GetParam().extensions;
  for (const char* command : {"MAIL", "RCPT", "DATA", "<body>"}) answer(command, "");
  add_numbered(1);
  results_.resize(1);
  make_session();
  shard_->run(close_in_flight(*session_, *stream_, *shard_, send_one(*this, 0)));
  EXPECT_EQ(end(0), GetParam().end);
  EXPECT_EQ(results_[0].error, "closed by this side");
  EXPECT_NE(server_.lines.back(), "QUIT");
}

INSTANTIATE_TEST_SUITE_P(
    Modes, ClientClose,
    testing::Values(InFlightCase{"chunks", {"CHUNKING", "PIPELINING"}, TransactionEnd::ambiguous},
                    InFlightCase{"data", {"PIPELINING"}, TransactionEnd::unknown},
                    InFlightCase{"plain", {}, TransactionEnd::unknown}),
    [](const auto& info) { return info.param.name; });

// The task that awaits send() is cancelled: it gets its answer nevertheless.
Task<void> cancel_sender(ClientSession& session, TaskScope& sends, Task<void> send,
                         Deadline deadline) {
  auto opened = co_await session.open();
  EXPECT_TRUE(opened);
  sends.spawn(std::move(send));
  co_await sends.close();
  co_await session.close(deadline);
}

TEST_F(ClientSessionFailure, AnswersASenderThatWasCancelled) {
  add_numbered(1);
  results_.resize(1);
  make_session();
  TaskScope sends(shard_->run_queue());
  const auto deadline = Deadline::in(shard_->clock(), std::chrono::seconds(30));
  shard_->run(cancel_sender(*session_, sends, send_one(*this, 0), deadline));
  EXPECT_EQ(answered_, 1U);
  EXPECT_EQ(code(0), 250);
}

}  // namespace
}  // namespace sluice::smtp
