#include "smtp/dot_unstuffer.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <tuple>

namespace sluice::smtp {
namespace {

// What became of an input.
struct Outcome {
  std::string content;
  BodyFault fault = BodyFault::none;
  bool has_ended = false;
  std::size_t consumed = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << testing::PrintToString(outcome.content) << " fault " << static_cast<int>(outcome.fault)
       << (outcome.has_ended ? " ended" : " open") << " at " << outcome.consumed;
}

void take(DotUnstuffer& unstuffer, std::string_view input, Outcome& outcome) {
  while (!input.empty() && !outcome.has_ended) {
    const BodyPiece piece = unstuffer.next(input);
    outcome.content += piece.content;
    outcome.has_ended = piece.is_end;
    outcome.consumed += piece.consumed;
    input.remove_prefix(piece.consumed);
  }
  outcome.fault = unstuffer.fault();
}

Outcome unstuff(std::string_view first, std::string_view second, BareNewlines policy) {
  DotUnstuffer unstuffer(policy);
  Outcome outcome;
  take(unstuffer, first, outcome);
  take(unstuffer, second, outcome);
  return outcome;
}

struct UnstuffCase {
  std::string name;
  std::string input;
  Outcome rejecting;
  std::string normalised;
};
void PrintTo(const UnstuffCase& row, std::ostream* out) { *out << row.name; }

class Unstuffing : public testing::TestWithParam<UnstuffCase> {};

TEST_P(Unstuffing, FindsTheEndAtAnySplit) {
  const std::string_view input = GetParam().input;
  for (std::size_t at = 0; at <= input.size(); ++at) {
    auto outcome = unstuff(input.substr(0, at), input.substr(at), BareNewlines::reject);
    if (GetParam().rejecting.fault != BodyFault::none) outcome.content.clear();
    EXPECT_EQ(outcome, GetParam().rejecting) << "split at " << at;
  }
}

TEST_P(Unstuffing, NormalisesTheSameAtAnySplit) {
  const std::string_view input = GetParam().input;
  for (std::size_t at = 0; at <= input.size(); ++at) {
    const auto outcome = unstuff(input.substr(0, at), input.substr(at), BareNewlines::normalise);
    EXPECT_EQ(outcome.content, GetParam().normalised) << "split at " << at;
    EXPECT_EQ(outcome.has_ended, GetParam().rejecting.has_ended);
    EXPECT_EQ(outcome.consumed, GetParam().rejecting.consumed);
  }
}

Outcome ended(std::string content, std::size_t consumed) {
  return {.content = std::move(content), .has_ended = true, .consumed = consumed};
}
Outcome faulty(BodyFault fault, std::size_t consumed) {
  return {.content = {}, .fault = fault, .has_ended = true, .consumed = consumed};
}
Outcome open(std::string content, std::size_t consumed) {
  return {.content = std::move(content), .consumed = consumed};
}
constexpr auto kLf = BodyFault::bare_lf;
constexpr auto kCr = BodyFault::bare_cr;

const std::string kBlocks(300, 'b');

INSTANTIATE_TEST_SUITE_P(
    All, Unstuffing,
    testing::Values(
        UnstuffCase{"empty", ".\r\n", ended("", 3), ""},
        UnstuffCase{"line", "a\r\n.\r\n", ended("a\r\n", 6), "a\r\n"},
        UnstuffCase{"rest_is_left", "a\r\n.\r\nQUIT\r\n", ended("a\r\n", 6), "a\r\n"},
        UnstuffCase{"stuffed", "..\r\n.\r\n", ended(".\r\n", 7), ".\r\n"},
        UnstuffCase{"stuffed_twice", "...x\r\n.\r\n", ended("..x\r\n", 9), "..x\r\n"},
        UnstuffCase{"dot_and_text", ".x\r\n.\r\n", ended("x\r\n", 7), "x\r\n"},
        UnstuffCase{"unended", "a\r\n.", open("a\r\n", 4), "a\r\n"},
        UnstuffCase{"across_blocks", kBlocks + "\r\n." + kBlocks + "\r\n.\r\n",
                    ended(kBlocks + "\r\n" + kBlocks + "\r\n", 608),
                    kBlocks + "\r\n" + kBlocks + "\r\n"},
        UnstuffCase{"lf_dot_lf", "a\n.\nb\r\n.\r\n", faulty(kLf, 10), "a\r\n.\r\nb\r\n"},
        UnstuffCase{"lf_dot_crlf", "a\n.\r\nb\r\n.\r\n", faulty(kLf, 11), "a\r\n.\r\nb\r\n"},
        UnstuffCase{"crlf_dot_lf", "a\r\n.\nb\r\n.\r\n", faulty(kLf, 11), "a\r\n\r\nb\r\n"},
        UnstuffCase{"crlf_dot_cr", "a\r\n.\rb\r\n.\r\n", faulty(kCr, 11), "a\r\n\r\nb\r\n"},
        UnstuffCase{"cr_dot_cr", "a\r.\rb\r\n.\r\n", faulty(kCr, 10), "a\r\n.\r\nb\r\n"},
        UnstuffCase{"cr_dot_crlf", "a\r.\r\nb\r\n.\r\n", faulty(kCr, 11), "a\r\n.\r\nb\r\n"},
        UnstuffCase{"crlf_dot_cr_crlf", "\r\n.\r\r\n.\r\n", faulty(kCr, 9), "\r\n\r\n\r\n"},
        UnstuffCase{"cr_crlf_dot_crlf", "a\r\r\n.\r\n", faulty(kCr, 7), "a\r\n\r\n"},
        UnstuffCase{"lf_cr_dot", "a\n\r.\r\n.\r\n", faulty(kLf, 9), "a\r\n\r\n.\r\n"},
        UnstuffCase{"lf_first", "\n.\r\n.\r\n", faulty(kLf, 7), "\r\n.\r\n"},
        UnstuffCase{"crlf_dot_cr_dot", "\r\n.\r.\r\n.\r\n", faulty(kCr, 10), "\r\n\r\n.\r\n"},
        UnstuffCase{"nul", std::string("a\0b\r\n.\r\n", 8), faulty(BodyFault::nul, 8),
                    std::string("a\0b\r\n", 5)},
        UnstuffCase{"nul_behind_dot", std::string("\r\n.\0\r\n.\r\n", 9), faulty(BodyFault::nul, 9),
                    std::string("\r\n\0\r\n", 5)}),
    [](const auto& row) { return row.param.name; });

// Faults at every place of a block that is passed as a whole.
TEST(Unstuffing, SeesAFaultAtEveryPlace) {
  for (std::size_t at = 0; at < 200; ++at) {
    for (const auto& [byte, fault] : {std::tuple{'\n', kLf}, {'\r', kCr}, {'\0', BodyFault::nul}}) {
      std::string input(200, 'x');
      input[at] = byte;
      input += "\r\n.\r\n";
      // A CR in front of the CRLF is bare as well.
      EXPECT_EQ(unstuff(input, "", BareNewlines::reject).fault, fault) << at;
    }
  }
}

TEST(Unstuffing, GivesAPlainBodyInOnePiece) {
  DotUnstuffer unstuffer(BareNewlines::reject);
  std::string body;
  for (int i = 0; i < 100; ++i) body += std::string(76, 'x') + "\r\n";
  const std::string input = body + ".\r\n";
  EXPECT_EQ(unstuffer.next(input).content, body);
}

TEST(ChunkScanner, LooksForFaultsOnly) {
  ChunkScanner scanner(BareNewlines::reject);
  const std::string_view input = "\r\n.\r\n..x\r\n.y";
  EXPECT_EQ(scanner.next(input).content, input);
  EXPECT_EQ(scanner.finish(), "");
  EXPECT_EQ(scanner.fault(), BodyFault::none);
}

TEST(ChunkScanner, RefusesACrThatNothingFollows) {
  ChunkScanner scanner(BareNewlines::reject);
  EXPECT_EQ(scanner.next("a\r").content, "a\r");
  EXPECT_EQ(scanner.fault(), BodyFault::none);
  EXPECT_EQ(scanner.finish(), "");
  EXPECT_EQ(scanner.fault(), BodyFault::bare_cr);
}

TEST(ChunkScanner, CompletesACrThatNothingFollowsWhereItNormalises) {
  ChunkScanner scanner(BareNewlines::normalise);
  EXPECT_EQ(scanner.next("a\r").content, "a\r");
  EXPECT_EQ(scanner.finish(), "\n");
  EXPECT_EQ(scanner.fault(), BodyFault::none);
}

}  // namespace
}  // namespace sluice::smtp
