#include "smtp/message_header.h"

#include <gmock/gmock.h>

#include <string>

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const MessageHeader::Additions kAdditions{.date = "Thu, 26 Nov 2026 18:00:00 +0000",
                                          .message_id = "<1@mx.example>"};
constexpr std::string_view kDate = "Date: Thu, 26 Nov 2026 18:00:00 +0000\r\n";
constexpr std::string_view kId = "Message-ID: <1@mx.example>\r\n";

// What goes on of a message that comes in pieces of so many bytes.
std::string passed(MessageHeader& header, std::string_view message, std::size_t piece_bytes) {
  std::string out;
  while (!message.empty()) {
    const auto piece = header.consume(message.substr(0, piece_bytes), kAdditions);
    if (!piece) return "refused " + piece.error().to_string();
    out += piece->header;
    out += piece->rest;
    message.remove_prefix(std::min(piece_bytes, message.size()));
  }
  const auto rest = header.finish(kAdditions);
  if (!rest) return "refused " + rest.error().to_string();
  out += rest->header;
  out += rest->rest;
  return out;
}

struct HeaderCase {
  std::string_view name;
  HeaderFixes fixes;
  std::string in;
  std::string out;
};

class MessageHeaders : public testing::TestWithParam<HeaderCase> {};

TEST_P(MessageHeaders, AreCorrectedWhateverThePieces) {
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 64U, 10'000U}) {
    MessageHeader header;
    header.start(GetParam().fixes);
    EXPECT_EQ(passed(header, GetParam().in, piece), GetParam().out) << piece;
  }
}

const std::string kComplete = "From: a@b\r\nDate: x\r\nMessage-Id: y\r\n\r\nbody\r\n";
constexpr auto kNone = HeaderFixes::none;
constexpr auto kFix = HeaderFixes::submission;

INSTANTIATE_TEST_SUITE_P(
    Table, MessageHeaders,
    testing::Values(
        HeaderCase{"complete", kFix, kComplete, kComplete},
        HeaderCase{"adds_both", kFix, "From: a@b\r\n\r\nx\r\n",
                   "From: a@b\r\n" + std::string(kDate) + std::string(kId) + "\r\nx\r\n"},
        HeaderCase{"adds_nothing_unasked", kNone, "From: a@b\r\n\r\nx\r\n",
                   "From: a@b\r\n\r\nx\r\n"},
        HeaderCase{"bcc", kFix,
                   "Bcc: c@d,\r\n e@f\r\nDate: x\r\nBCC : g@h\r\nMessage-ID: y\r\n\r\n",
                   "Date: x\r\nMessage-ID: y\r\n\r\n"},
        HeaderCase{"bcc_unasked", kNone, "Bcc: c@d\r\n\r\n", "Bcc: c@d\r\n\r\n"},
        HeaderCase{"ours", kNone,
                   "X-Sluice-Tags: a,\r\n\tb\r\nTo: c@d\r\nx-sluice-Other: e\r\n\r\nx\r\n",
                   "To: c@d\r\n\r\nx\r\n"},
        HeaderCase{"ours_in_the_body", kNone, "To: c@d\r\n\r\nX-Sluice-Tags: a\r\n",
                   "To: c@d\r\n\r\nX-Sluice-Tags: a\r\n"},
        HeaderCase{"no_header", kNone, "\r\nbody\r\n", "\r\nbody\r\n"},
        HeaderCase{"no_empty_line", kNone, "To: c@d\r\nthis is no field\r\nx\r\n",
                   "To: c@d\r\nthis is no field\r\nx\r\n"},
        HeaderCase{"no_empty_line_submitted", kFix, "Date: x\r\nMessage-ID: y\r\nno field\r\n",
                   "Date: x\r\nMessage-ID: y\r\n\r\nno field\r\n"},
        HeaderCase{"ours_without_empty_line", kNone, "X-Sluice-Tags: a\r\nno field\r\n",
                   "no field\r\n"},
        HeaderCase{"only_text", kNone, "this is no field\r\n", "this is no field\r\n"},
        HeaderCase{"only_text_submitted", kFix, "this is no field\r\n",
                   std::string(kDate) + std::string(kId) + "\r\nthis is no field\r\n"},
        HeaderCase{"begins_with_a_blank", kNone, " To: c@d\r\nx\r\n", " To: c@d\r\nx\r\n"},
        HeaderCase{"only_fields", kNone, "To: c@d\r\nFrom: e@f\r\n", "To: c@d\r\nFrom: e@f\r\n"},
        HeaderCase{"cut_in_a_field", kNone, "To: c@d", "To: c@d"},
        HeaderCase{"cut_in_a_field_submitted", kFix, "Date: x\r\nMessage-ID: y",
                   "Date: x\r\nMessage-ID: y\r\n\r\n"},
        HeaderCase{"empty", kNone, "", ""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(MessageHeader, KeepsTheValuesOfFromUnfolded) {
  MessageHeader header;
  header.start(HeaderFixes::none);
  passed(header, "From: \"A\"\r\n <a@b>\r\nfrom:c@d \r\n\r\nFrom: e@f\r\n", 5);
  EXPECT_THAT(header.from(), ElementsAre("\"A\" <a@b>", "c@d"));
  EXPECT_THAT(header.sluice(), IsEmpty());
}

TEST(MessageHeader, KeepsOurFields) {
  MessageHeader header;
  header.start(HeaderFixes::none);
  passed(header, "X-SLUICE-Campaign:\t spring \r\n\r\n", 100);
  ASSERT_EQ(header.sluice().size(), 1U);
  EXPECT_EQ(header.sluice()[0].name, "x-sluice-campaign");
  EXPECT_EQ(header.sluice()[0].value, "spring");
}

TEST(MessageHeader, CopiesNothingWhereNothingIsCorrected) {
  MessageHeader header;
  header.start(HeaderFixes::submission);
  const auto piece = header.consume(kComplete, kAdditions);
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->header.data(), kComplete.data());
  EXPECT_EQ(piece->rest.data(), kComplete.data() + piece->header.size());
}

TEST(MessageHeader, IsBounded) {
  const std::string name = "A: ";
  const std::string fits(kHeaderBytesMax - name.size() - 4, 'x');
  for (const std::size_t piece : {1'000U, 1'000'000U}) {
    MessageHeader header;
    header.start(HeaderFixes::none);
    EXPECT_EQ(passed(header, name + fits + "\r\n\r\n", piece), name + fits + "\r\n\r\n");
    header.start(HeaderFixes::none);
    EXPECT_THAT(passed(header, name + fits + "x\r\n\r\n", piece),
                testing::StartsWith("refused 552 5.3.4"));
  }
}

TEST(MessageHeader, CountsTheFieldsItKeeps) {
  std::string fits;
  for (std::size_t i = 0; i < kFieldsKeptMax; ++i) {
    fits += i % 2 == 0 ? "From: a@b\r\n" : "X-Sluice-A: b\r\n";
  }
  MessageHeader header;
  header.start(HeaderFixes::none);
  EXPECT_THAT(passed(header, fits + "Subject: x\r\n\r\n", 10'000),
              testing::StartsWith("From: a@b"));
  for (const std::string_view one_more : {"From: a@b\r\n", "X-Sluice-A: b\r\n"}) {
    header.start(HeaderFixes::none);
    EXPECT_THAT(passed(header, fits + std::string(one_more) + "\r\n", 10'000),
                testing::StartsWith("refused 554"));
  }
}

}  // namespace
}  // namespace sluice::smtp
