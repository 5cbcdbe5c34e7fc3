// How a server session lives: writes in batches, pending messages, time, stops and breaks.
#include "smtp/server_session.h"

#include <gmock/gmock.h>

#include "tests/unit/smtp/session_fixture.h"

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kMessage = join({kMail, kRcpt, "BDAT 4 LAST\r\nab\r\n"});

TEST_F(SessionTest, APipelinedBatchIsAnsweredInOneWrite) {
  stream.feed(std::string(kEhlo));
  stream.feed(join({kMail, kRcpt, kRcpt, kData}));
  stream.feed("body\r\n.\r\nQUIT\r\n");
  run();
  EXPECT_THAT(stream.writes(),
              ElementsAre("220 mx.example ESMTP\r\n", StartsWith("250-mx.example"),
                          AllOf(StartsWith("250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n354 ")),
                          "250 2.0.0 Ok: queued as 1\r\n221 2.0.0 mx.example closing\r\n"));
}

TEST_F(SessionTest, ABatchThatEndsAMessageIsAnsweredWhenItIsCommitted) {
  handler.commits_are_held = true;
  stream.feed(join({kEhlo, kMessage}));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    EXPECT_THAT(test.replies_behind_ehlo(), IsEmpty());
    test.handler.commit();
    co_await test.settle();
    EXPECT_EQ(test.stream.writes().size(), 2);  // the greeting, and all the rest
    test.stream.feed("QUIT\r\n");
    test.stream.wake();
  }(*this));
  EXPECT_THAT(replies_behind_ehlo(), ElementsAre("250 2.0.0 Ok", "250 2.0.0 Ok",
                                                 "250 2.0.0 Ok: queued as 1", StartsWith("221")));
}

TEST_F(SessionTest, GoesOnWhileCommitsAreAwaitedAndKeepsTheOrder) {
  handler.commits_are_held = true;
  stream.feed(join({kEhlo, kMessage, "RSET\r\n", kMessage, "NOOP\r\n"}));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    EXPECT_EQ(test.handler.pending, 2);
    EXPECT_TRUE(test.session->has_pending_messages());
    test.handler.commit();
    co_await test.settle();
    EXPECT_FALSE(test.session->has_pending_messages());
    test.stream.feed("QUIT\r\n");
    test.stream.wake();
  }(*this));
  const auto lines = replies_behind_ehlo();
  EXPECT_THAT(lines, ElementsAre("250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.0.0 Ok: queued as 1",
                                 "250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.0.0 Ok",
                                 "250 2.0.0 Ok: queued as 2", "250 2.0.0 Ok", StartsWith("221")));
}

TEST_F(SessionTest, AwaitsNoMoreCommitsThanTheLimit) {
  handler.commits_are_held = true;
  std::string input(kEhlo);
  for (std::size_t i = 0; i <= kPendingMessagesMax; ++i) input += kMessage;
  stream.feed(input + "QUIT\r\n");
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    EXPECT_EQ(test.handler.pending, static_cast<int>(kPendingMessagesMax));
    test.handler.commit_one();
    co_await test.settle();
    EXPECT_EQ(test.handler.messages.size(), kPendingMessagesMax + 1);
    EXPECT_EQ(test.handler.pending, static_cast<int>(kPendingMessagesMax));
    test.handler.commit();
  }(*this));
  EXPECT_THAT(stream.output(), HasSubstr("queued as 17\r\n221 "));
}

TEST_F(SessionTest, ARefusedCommitIsTheMessagesReply) {
  handler.answers["end"] = reply(451, {4, 3, 0}, "Try again");
  EXPECT_EQ(replies_to(kMessage).back(), "451 4.3.0 Try again");
  EXPECT_THAT(handler.rejected, ElementsAre("body 451 4.3.0 Try again"));
}

TEST_F(SessionTest, AwaitsCommitsOfAConnectionThatBroke) {
  handler.commits_are_held = true;
  stream.feed(join({kEhlo, kMessage}));
  stream.end_with(ErrorCode::connection_lost);
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    EXPECT_FALSE(test.has_ended);
    test.handler.commit();
  }(*this));
  EXPECT_TRUE(has_ended);
  EXPECT_THAT(replies_behind_ehlo(), IsEmpty());
}

TEST_F(SessionTest, AnswersAClientThatOnlyStoppedSending) {
  handler.commits_are_held = true;
  stream.feed(join({kEhlo, kMessage}));
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    test.handler.commit();
  }(*this));
  EXPECT_EQ(replies_behind_ehlo().back(), "250 2.0.0 Ok: queued as 1");
}

TEST_F(SessionTest, ACancelledSessionStillAwaitsItsCommits) {
  handler.commits_are_held = true;
  stream.feed(join({kEhlo, kMessage, kMail}));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    test.scope->cancel();
    co_await test.settle();
    EXPECT_FALSE(test.has_ended);
    EXPECT_EQ(test.handler.events.back(), "reset");  // what was not complete is void
    test.handler.commit();
  }(*this));
  EXPECT_TRUE(has_ended);
  EXPECT_FALSE(handler.was_cancelled);
}

TEST_F(SessionTest, AStopClosesAnIdleSessionAtOnce) {
  stream.feed(std::string(kEhlo));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    test.session->request_stop();
    test.session->request_stop();
  }(*this));
  EXPECT_THAT(replies_behind_ehlo(), ElementsAre(StartsWith("421 4.3.2 mx.example")));
}

TEST_F(SessionTest, AStopLetsTheTransactionFinish) {
  stream.feed(join({kEhlo, kMail, kRcpt, kData}));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    test.session->request_stop();
    co_await test.settle();
    test.stream.feed("x\r\n.\r\nMAIL FROM:<late@a.example>\r\n");
    test.stream.wake();
  }(*this));
  EXPECT_THAT(replies_behind_ehlo(),
              ElementsAre(StartsWith("250"), StartsWith("250"), StartsWith("354"),
                          "250 2.0.0 Ok: queued as 1", StartsWith("421 4.3.2")));
}

TEST_F(SessionTest, AnIdleClientIsToldSo) {
  stream.feed(std::string(kEhlo));
  stream.end_with(ErrorCode::timed_out);
  run();
  EXPECT_THAT(replies_behind_ehlo(),
              ElementsAre("421 4.4.2 mx.example Nothing came for too long; closing"));
  EXPECT_THAT(handler.rejected, ElementsAre(StartsWith("session 421")));
}

TEST_F(SessionTest, AClientThatStopsInTheMiddleOfItsMessageIsToldSo) {
  stream.feed(join({kEhlo, kMail, kRcpt, kData, "half a mess"}));
  stream.end_with(ErrorCode::timed_out);
  run();
  EXPECT_THAT(replies_behind_ehlo().back(), StartsWith("421 4.4.2"));
  EXPECT_EQ(handler.events.back(), "reset");
  EXPECT_THAT(handler.messages, IsEmpty());
}

TEST_F(SessionTest, AClientThatAwaitsItsReplyIsNotIdle) {
  settings.command_idle_max = Duration::zero();  // every wait ends at once
  handler.commits_are_held = true;
  stream.feed(join({kEhlo, kMessage}));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    co_await test.settle();
    test.handler.commit();
  }(*this));
  EXPECT_THAT(replies_behind_ehlo(),
              ElementsAre("250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.0.0 Ok: queued as 1",
                          StartsWith("421 4.4.2")));
}

TEST_F(SessionTest, ASessionHasATotalTime) {
  settings.session_max = Duration::zero();
  stream.end_with(ErrorCode::timed_out);
  run();
  EXPECT_THAT(stream.output(), HasSubstr("421 4.4.2 mx.example The session has lasted too long"));
}

TEST_F(SessionTest, DoesNotReadOnForAClientThatDoesNotRead) {
  stream.feed(std::string(kEhlo));
  stream.hold_sends();
  for (int i = 0; i < 40; ++i) {
    std::string batch;
    for (int j = 0; j < 16; ++j) batch += join({kMail, "EHLO again\r\n"});
    stream.feed(batch + kMessage);  // accepted messages keep the count of idle commands low
  }
  stream.end_with({});
  settings.message_bytes_max = 1'000'000;
  run_beside([](SessionTest& test) -> Task<void> {
    for (int i = 0; i < 20; ++i) co_await test.settle();
    const std::size_t taken = test.handler.messages.size();
    EXPECT_LT(taken, 40);
    for (int i = 0; i < 20; ++i) co_await test.settle();
    EXPECT_EQ(test.handler.messages.size(), taken);
    test.stream.release_sends();
    for (int i = 0; i < 20; ++i) co_await test.settle();
    EXPECT_EQ(test.handler.messages.size(), 40);
    test.session->request_stop();
  }(*this));
}

TEST_F(SessionTest, ABrokenWriteEndsTheSession) {
  handler.commits_are_held = true;
  stream.feed(join({kEhlo, kMail, kRcpt}));
  stream.end_with({});
  stream.fail_sends_from(1, ErrorCode::connection_lost);
  run();
  EXPECT_TRUE(has_ended);
  EXPECT_THAT(stream.writes(), ElementsAre("220 mx.example ESMTP\r\n"));
  EXPECT_EQ(handler.events.back(), "reset");  // the transaction is void
  EXPECT_THAT(handler.messages, IsEmpty());
}

}  // namespace
}  // namespace sluice::smtp
