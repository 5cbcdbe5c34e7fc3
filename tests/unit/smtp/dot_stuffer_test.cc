#include "smtp/dot_stuffer.h"

#include <gtest/gtest.h>

#include <string>

#include "core/stream.h"

namespace sluice::smtp {
namespace {

// The body on the wire, given in pieces of this size, written whenever the gather is full.
std::string stuff(std::string_view body, std::size_t piece_bytes) {
  DotStuffer stuffer;
  Gather gather;
  std::string wire;
  const auto flush = [&] {
    for (const auto piece : gather.pieces()) wire += piece;
    gather.clear();
  };
  while (!body.empty()) {
    std::string_view piece = body.substr(0, piece_bytes);
    body.remove_prefix(piece.size());
    while (!piece.empty()) {
      piece.remove_prefix(stuffer.stuff(piece, gather));
      if (gather.is_full()) flush();
    }
  }
  stuffer.finish(gather);
  flush();
  return wire;
}

struct StuffCase {
  const char* name;
  std::string body;
  std::string wire;
};

class DotStuffing : public testing::TestWithParam<StuffCase> {};

TEST_P(DotStuffing, IsTheSameForEverySplit) {
  const auto& [name, body, wire] = GetParam();
  for (std::size_t bytes = 1; bytes <= body.size() + 1; ++bytes) {
    EXPECT_EQ(stuff(body, bytes), wire) << "in pieces of " << bytes;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Bodies, DotStuffing,
    testing::Values(StuffCase{"empty", "", ".\r\n"}, StuffCase{"plain", "a\r\n", "a\r\n.\r\n"},
                    StuffCase{"no_final_crlf", "a", "a\r\n.\r\n"},
                    StuffCase{"final_cr", "a\r", "a\r\r\n.\r\n"},
                    StuffCase{"final_bare_lf", "a\n", "a\n\r\n.\r\n"},
                    StuffCase{"only_a_dot", ".", "..\r\n.\r\n"},
                    StuffCase{"dot_line", ".\r\n", "..\r\n.\r\n"},
                    StuffCase{"two_dots", "..\r\n..\r\n", "...\r\n...\r\n.\r\n"},
                    StuffCase{"dot_in_a_line", "a.b\r\n", "a.b\r\n.\r\n"},
                    StuffCase{"dot_behind_empty_line", "\r\n.\r\n", "\r\n..\r\n.\r\n"},
                    StuffCase{"dot_behind_bare_lf", "a\n.\r\nb\r\n", "a\n..\r\nb\r\n.\r\n"},
                    StuffCase{"crlf_only", "\r\n", "\r\n.\r\n"}),
    [](const auto& info) { return info.param.name; });

TEST(DotStuffer, BoundsWhatItGathers) {
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += ".\r\n";
  DotStuffer stuffer;
  Gather gather;
  EXPECT_LT(stuffer.stuff(body, gather), body.size());
  EXPECT_LE(gather.pieces().size(), kGatherPiecesMax + 1);
  EXPECT_LE(total_bytes(gather.pieces()), kGatherTextBytesMax + kGatherCopyBytesMax + 1);
  EXPECT_EQ(stuff(body, body.size()).size(), body.size() + 100'000 + 3);
}

TEST(DotStuffer, BorrowsLongLines) {
  const std::string body(1000, 'x');
  DotStuffer stuffer;
  Gather gather;
  stuffer.stuff(body, gather);
  ASSERT_EQ(gather.pieces().size(), 1U);
  EXPECT_EQ(gather.pieces()[0].data(), body.data());
}

}  // namespace
}  // namespace sluice::smtp
