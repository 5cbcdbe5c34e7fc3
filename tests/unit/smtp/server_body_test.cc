// How messages arrive: DATA, BDAT, and everything that must not end or change one.
#include <gmock/gmock.h>

#include "tests/unit/smtp/session_fixture.h"

namespace sluice::smtp {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

std::string with_data(std::string_view body) { return join({kMail, kRcpt, kData, body}); }

// A message by DATA, and what the handler keeps of it.
struct DataCase {
  std::string name;
  std::string sent;
  std::string kept;
};
void PrintTo(const DataCase& row, std::ostream* out) { *out << row.name; }

class DataBodies : public SessionTest, public testing::WithParamInterface<DataCase> {};

TEST_P(DataBodies, AreKeptAsMeant) {
  const auto lines = replies_to(with_data(GetParam().sent));
  EXPECT_EQ(lines.back(), "250 2.0.0 Ok: queued as 1");
  EXPECT_THAT(handler.messages, ElementsAre(GetParam().kept));
}

INSTANTIATE_TEST_SUITE_P(
    All, DataBodies,
    testing::Values(DataCase{"empty", ".\r\n", ""}, DataCase{"line", "a\r\n.\r\n", "a\r\n"},
                    DataCase{"empty_line", "\r\n.\r\n", "\r\n"},
                    DataCase{"stuffed", "..\r\n...x\r\n.\r\n", ".\r\n..x\r\n"},
                    DataCase{"dot_unstuffed", ".x\r\n.\r\n", "x\r\n"},
                    DataCase{"dot_within", "a.\r\nb .\r\n.\r\n", "a.\r\nb .\r\n"},
                    DataCase{"eight_bit", "\xff\x80\r\n.\r\n", "\xff\x80\r\n"},
                    DataCase{"long_line", std::string(70'000, 'x') + "\r\n.\r\n",
                             std::string(70'000, 'x') + "\r\n"}),
    [](const auto& row) { return row.param.name; });

// What somebody might take for the end of a message. Behind each stands a command that must stay a
// part of the message.
constexpr std::string_view kLookAlikes[] = {
    "\n.\n",      "\r.\r",       "\n.\r\n",        "\r\n.\n",       "\r\n.\r",
    "\r.\r\n",    "\n.\r",       "\r.\n",          "\n\n.\n\n",     "\r\r\n.\r\r\n",
    "\n\r.\r\n",  "\r\n.\r\r\n", "\r\n..\r\n",     "\r\n.\0\r\n"sv, "\r\n\0.\r\n"sv,
    "\r\n. \r\n", "\r\n.\n\r\n", "\n.\r\n\n.\r\n", "\r\n.\r.\r\n"};

std::string smuggled(std::string_view look_alike) {
  return join({"Subject: x\r\n\r\nfirst", look_alike, "MAIL FROM:<evil@a.example>\r\n",
               "RCPT TO:<victim@b.example>\r\n", "DATA\r\nforged\r\n"});
}

TEST_F(SessionTest, NothingButTheRealEndEndsAMessage) {
  for (const auto look_alike : kLookAlikes) {
    for (const bool normalises : {false, true}) {
      settings.normalises_newlines = normalises;
      const std::string input = join({kEhlo, with_data(smuggled(look_alike)), ".\r\nNOOP\r\n"});
      for (std::size_t bytes = 1; bytes <= 7; ++bytes) {
        FakeStream split(*shard);
        FakeHandler other(*shard);
        split.feed_split(input, bytes);
        ClientInfo client{.peer = Endpoint{IpAddress::v4(1), 1},
                          .local = Endpoint{IpAddress::v4(2), 25},
                          .hello = {}};
        const ServerSession::Parts parts{
            .shard = *shard, .settings = settings, .stream = split, .handler = other};
        ServerSession session(parts, std::move(client));
        shard->run(session.run());
        EXPECT_EQ(other.events.front(), "mail a@a.example");
        EXPECT_EQ(std::ranges::count(other.events, "mail evil@a.example"), 0);
        EXPECT_THAT(split_lines(split.output()).back(), StartsWith("250 2.0.0 Ok"));
      }
    }
  }
}

struct FaultCase {
  std::string name;
  std::string body;
  std::string reply;
};
void PrintTo(const FaultCase& row, std::ostream* out) { *out << row.name; }

class Faults : public SessionTest, public testing::WithParamInterface<FaultCase> {};

TEST_P(Faults, RefuseTheMessageAtItsEnd) {
  const auto lines = replies_to(with_data(GetParam().body) + "NOOP\r\n");
  ASSERT_EQ(lines.size(), 5);
  EXPECT_THAT(lines[3], StartsWith(GetParam().reply));
  EXPECT_EQ(lines[4], "250 2.0.0 Ok");
  EXPECT_THAT(handler.messages, IsEmpty());
  EXPECT_EQ(handler.events.back(), "reset");
}

TEST_P(Faults, RefuseTheSameByChunks) {
  const std::string body = GetParam().body.substr(0, GetParam().body.size() - 3);
  const auto lines =
      replies_to(join({kMail, kRcpt, fmt::format("BDAT {} LAST\r\n", body.size()), body}));
  EXPECT_THAT(lines.back(), StartsWith(GetParam().reply));
  EXPECT_THAT(handler.messages, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, Faults,
    testing::Values(
        FaultCase{"lf", "a\nb\r\n.\r\n", "554 5.6.0 The message contains a bare LF"},
        FaultCase{"cr", "a\rb\r\n.\r\n", "554 5.6.0 The message contains a bare CR"},
        FaultCase{"lf_first", "\n\r\n.\r\n", "554 5.6.0 The message contains a bare LF"},
        FaultCase{"cr_cr_lf", "a\r\r\n.\r\n", "554 5.6.0 The message contains a bare CR"},
        FaultCase{"nul", std::string("a\0b\r\n.\r\n", 8), "554 5.6.0 The message contains a NUL"},
        FaultCase{"far_behind", std::string(5000, 'x') + "\n" + std::string(500, 'x') + "\r\n.\r\n",
                  "554 5.6.0 The message contains a bare LF"}),
    [](const auto& row) { return row.param.name; });

TEST_F(SessionTest, NormalisesBareNewlinesWhereAsked) {
  settings.normalises_newlines = true;
  replies_to(with_data("a\nb\rc\r\n\n.\r\n.\rx\r\n.\r\n"));
  EXPECT_THAT(handler.messages, ElementsAre("a\r\nb\r\nc\r\n\r\n.\r\n\r\nx\r\n"));
}

TEST_F(SessionTest, AMessageOfTheLimitIsTakenAndOneByteMoreIsNot) {
  settings.message_bytes_max = 10;
  const auto lines = replies_to(with_data("12345678\r\n.\r\n") + with_data("123456789\r\n.\r\n"));
  EXPECT_EQ(lines[3], "250 2.0.0 Ok: queued as 1");
  EXPECT_THAT(lines[7], StartsWith("552 5.3.4"));
  EXPECT_THAT(handler.messages, ElementsAre("12345678\r\n"));
}

TEST_F(SessionTest, AHandlerMayRefuseInTheMiddleOfABody) {
  handler.answers["body"] = reply(452, {4, 3, 1}, "Out of memory");
  stream.feed(join({kEhlo, kMail, kRcpt, kData, "one\r\n"}));
  stream.feed("two\r\n.\r\n");
  run();
  EXPECT_EQ(replies_behind_ehlo().back(), "452 4.3.1 Out of memory");
  EXPECT_EQ(handler.body_calls, 1);
  EXPECT_EQ(handler.events.back(), "reset");
}

TEST_F(SessionTest, ALoopIsDetected) {
  settings.received_headers_max = 2;
  const std::string header = "Received: by x\r\nreceived: by y\r\n";
  const auto lines = replies_to(with_data(header + "\r\nReceived: no header\r\n.\r\n") +
                                with_data(header + "RECEIVED: by z\r\n\r\n.\r\n"));
  EXPECT_EQ(lines[3], "250 2.0.0 Ok: queued as 1");
  EXPECT_THAT(lines[7], StartsWith("554 5.4.6 Routing loop detected"));
}

// Chunks (RFC 3030).

struct ChunkCase {
  std::string name;
  std::string input;
  std::string last_reply;
  std::vector<std::string> messages;
};
void PrintTo(const ChunkCase& row, std::ostream* out) { *out << row.name; }

class Chunks : public SessionTest, public testing::WithParamInterface<ChunkCase> {};

TEST_P(Chunks, AreAnsweredAsTheProtocolAsks) {
  EXPECT_THAT(replies_to(GetParam().input).back(), StartsWith(GetParam().last_reply));
  EXPECT_EQ(handler.messages, GetParam().messages);
}

std::string chunked(std::string_view rest) { return join({kMail, kRcpt, rest}); }

INSTANTIATE_TEST_SUITE_P(
    All, Chunks,
    testing::Values(
        ChunkCase{"one", chunked("BDAT 3 LAST\r\nabc"), "250 2.0.0 Ok: queued", {"abc"}},
        ChunkCase{"two", chunked("BDAT 2\r\nabBDAT 2 last\r\ncd"), "250 2.0.0 Ok", {"abcd"}},
        ChunkCase{"first_of_two", chunked("BDAT 2\r\nab"), "250 2.0.0 2 bytes received", {}},
        ChunkCase{"empty_last", chunked("BDAT 2\r\nabBDAT 0 LAST\r\n"), "250 2.0.0 Ok", {"ab"}},
        ChunkCase{"empty", chunked("BDAT 0 LAST\r\n"), "250 2.0.0 Ok", {""}},
        ChunkCase{"dots_mean_nothing",
                  chunked("BDAT 9 LAST\r\n.\r\n..\r\n.x"),
                  "250 2.0.0 Ok",
                  {".\r\n..\r\n.x"}},
        ChunkCase{"crlf_across_chunks",
                  chunked("BDAT 2\r\na\rBDAT 2 LAST\r\n\nb"),
                  "250 2.0.0 Ok",
                  {"a\r\nb"}},
        ChunkCase{"cr_at_the_end",
                  chunked("BDAT 2 LAST\r\na\r"),
                  "554 5.6.0 The message contains a bare CR",
                  {}},
        ChunkCase{"lf_across_chunks",
                  chunked("BDAT 1\r\naBDAT 1 LAST\r\n\n"),
                  "554 5.6.0 The message contains a bare LF",
                  {}},
        ChunkCase{"before_mail", "BDAT 6 LAST\r\nQUIT\r\n", "503 5.5.1 Say MAIL", {}},
        ChunkCase{
            "before_mail_stays_in_step", "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "250 2.0.0 Ok", {}},
        ChunkCase{
            "before_rcpt", join({kMail, "BDAT 6 LAST\r\nQUIT\r\n"}), "503 5.5.1 Say RCPT", {}},
        ChunkCase{"all_refused",
                  join({kMail, "RCPT TO:<>\r\nBDAT 6 LAST\r\nQUIT\r\n"}),
                  "554 5.5.1 No valid",
                  {}},
        ChunkCase{"next_message_behind_refused",
                  join({kMail, "RCPT TO:<>\r\nBDAT 6 LAST\r\nQUIT\r\n", kMail, kRcpt,
                        "BDAT 1 LAST\r\nx"}),
                  "250 2.0.0 Ok: queued as 1",
                  {"x"}},
        ChunkCase{"rest_of_a_failed_one",
                  chunked("BDAT 1\r\n\nBDAT 6 LAST\r\nQUIT\r\n"),
                  "503 5.5.1 Say MAIL",
                  {}},
        ChunkCase{
            "junk_is_swallowed", chunked("BDAT 6 FIRST\r\nQUIT\r\nNOOP\r\n"), "250 2.0.0 Ok", {}},
        ChunkCase{"no_size", chunked("BDAT\r\n"), "501 5.5.4 Syntax: BDAT", {}},
        ChunkCase{"no_number", chunked("BDAT LAST\r\nNOOP\r\n"), "501 5.5.4 Syntax: BDAT", {}},
        ChunkCase{
            "number_too_large", chunked("BDAT 18446744073709551616\r\nNOOP\r\n"), "501 5.5.4", {}},
        ChunkCase{"data_within",
                  chunked("BDAT 1\r\nxDATA\r\nBDAT 0 LAST\r\n"),
                  "250 2.0.0 Ok: queued",
                  {"x"}}),
    [](const auto& row) { return row.param.name; });

TEST_F(SessionTest, SwallowsAChunkThatCannotFit) {
  settings.message_bytes_max = 10;
  const std::string bytes(100'000, 'x');
  stream.feed(join({kEhlo, kMail, kRcpt, "BDAT 9\r\n123456789", "BDAT 100002 LAST\r\n"}));
  stream.feed_split(bytes, 4096);
  stream.feed("yyNOOP\r\n");
  run();
  const auto lines = replies_behind_ehlo();
  ASSERT_EQ(lines.size(), 5);
  EXPECT_THAT(lines[3], StartsWith("552 5.3.4"));
  EXPECT_EQ(lines[4], "250 2.0.0 Ok");
  EXPECT_EQ(handler.body_calls, 1);
}

TEST_F(SessionTest, HandsOnABodyInFewPieces) {
  std::string body;
  for (int i = 0; i < 128; ++i) body += std::string(78, 'x') + "\r\n";
  stream.feed(join({kEhlo, kMail, kRcpt, kData}));
  stream.feed(body + ".\r\n");
  run();
  EXPECT_EQ(handler.body_calls, 1);
  EXPECT_THAT(handler.messages, ElementsAre(body));
}

// Each byte comes in time, and would keep the connection for as long as the sender likes.
TEST_F(SessionTest, ABodyThatComesByteByByteIsEnded) {
  settings.data_idle_max = std::chrono::milliseconds(50);
  stream.feed(join({kEhlo, kMail, kRcpt, kData}));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    for (int i = 0; i < 1000 && !test.has_ended; ++i) {  // five seconds, a bound on liveness
      const Deadline next = Deadline::in(test.shard->clock(), std::chrono::milliseconds(5));
      const auto slept = co_await sleep_until(*test.shard, next);
      EXPECT_TRUE(slept.has_value());
      test.stream.feed("x");
      test.stream.wake();
    }
    EXPECT_TRUE(test.has_ended);
  }(*this));
  EXPECT_THAT(replies_behind_ehlo().back(), testing::StartsWith("421 4.4.2"));
}

TEST_F(SessionTest, ABodyThatComesFastEnoughMayTakeItsTime) {
  settings.data_idle_max = std::chrono::milliseconds(50);
  settings.body_bytes_per_second_min = 1;
  stream.feed(join({kEhlo, kMail, kRcpt, kData}));
  stream.end_with({});
  run_beside([](SessionTest& test) -> Task<void> {
    for (int i = 0; i < 20; ++i) {
      const Deadline next = Deadline::in(test.shard->clock(), std::chrono::milliseconds(5));
      const auto slept = co_await sleep_until(*test.shard, next);
      EXPECT_TRUE(slept.has_value());
      test.stream.feed("xx\r\n");
      test.stream.wake();
    }
    test.stream.feed(".\r\nQUIT\r\n");
    test.stream.wake();
  }(*this));
  EXPECT_EQ(handler.messages.size(), 1U);
}

}  // namespace
}  // namespace sluice::smtp
