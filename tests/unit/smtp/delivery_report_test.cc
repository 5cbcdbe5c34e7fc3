#include "smtp/delivery_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smtp/dsn_parameters.h"

namespace sluice::smtp {
namespace {

using testing::HasSubstr;
using testing::Not;

DeliveryReport report_of(ReportedRecipient recipient) {
  DeliveryReport report{.id = "01ABC",
                        .hostname = "relay.test",
                        .recipient = "sender@a.test",
                        .time = WallTime(1'767'225'600'000),
                        .arrival = WallTime(1'767'225'000'000)};
  report.recipients.push_back(std::move(recipient));
  return report;
}

ReportedRecipient failed_recipient() {
  return {.address = "no@b.test",
          .original = "rfc822;old+40c.test",
          .status = {5, 1, 1},
          .remote = "mx.b.test",
          .reply = "550 5.1.1 no such user"};
}

// The last field has its end too.
TEST(DeliveryReport, HasTheFieldsOfRfc3464) {
  DeliveryReport report = report_of(failed_recipient());
  report.envelope_id = "job+3D7";
  const std::string text = write_delivery_report(report);
  EXPECT_THAT(text, HasSubstr("Content-Type: message/delivery-status\r\n\r\n"
                              "Original-Envelope-Id: job=7\r\n"
                              "Reporting-MTA: dns;relay.test\r\n"
                              "Arrival-Date: Wed, 31 Dec 2025 23:50:00 +0000\r\n"
                              "\r\n"
                              "Original-Recipient: rfc822;old@c.test\r\n"
                              "Final-Recipient: rfc822;no@b.test\r\n"
                              "Action: failed\r\n"
                              "Status: 5.1.1\r\n"
                              "Remote-MTA: dns;mx.b.test\r\n"
                              "Diagnostic-Code: smtp;550 5.1.1 no such user\r\n"
                              "Last-Attempt-Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"));
  EXPECT_TRUE(text.ends_with("--=_01ABC--\r\n"));
}

TEST(DeliveryReport, LeavesOutWhatIsNotKnown) {
  const std::string text =
      write_delivery_report(report_of({.address = "no@b.test", .status = {4, 4, 7}}));
  EXPECT_THAT(text, Not(HasSubstr("Remote-MTA")));
  EXPECT_THAT(text, Not(HasSubstr("Diagnostic-Code")));
  EXPECT_THAT(text, Not(HasSubstr("Original-")));
  EXPECT_THAT(text, Not(HasSubstr("rfc822-headers")));
}

// A host may say what would be a field, a part or the end of the report.
TEST(DeliveryReport, KeepsWhatOthersSaidOnOneLine) {
  ReportedRecipient recipient = failed_recipient();
  recipient.reply = "550 no\r\nAction: delivered\r\n--=_01ABC--\r\n" + std::string(2000, 'x');
  recipient.remote = "mx\r\nX: y";
  recipient.original = "rfc822;a+0D+0AAction:+20relayed";
  const std::string text = write_delivery_report(report_of(std::move(recipient)));
  EXPECT_THAT(text, Not(HasSubstr("\r\nAction: delivered")));
  EXPECT_THAT(text, Not(HasSubstr("\r\nAction: relayed")));
  EXPECT_THAT(text, Not(HasSubstr("\r\nX: y")));
  std::size_t begin = 0;
  for (std::size_t end = text.find("\r\n"); end != std::string::npos;
       begin = end + 2, end = text.find("\r\n", begin)) {
    EXPECT_LE(end - begin, 998u);
  }
}

TEST(DeliveryReport, GivesBackTheHeaderInAscii) {
  DeliveryReport report = report_of(failed_recipient());
  report.returned_part = ReturnedPart::headers;
  report.returned =
      "Subject: gr\xC3\xBC\xC3\x9F"
      "e\r\n";
  const std::string text = write_delivery_report(report);
  EXPECT_THAT(text, HasSubstr("text/rfc822-headers\r\n\r\nSubject: gr????e\r\n--=_01ABC--"));
  EXPECT_THAT(text, Not(HasSubstr("8bit")));
}

TEST(DeliveryReport, GivesBackTheWholeMessageAsItWas) {
  DeliveryReport report = report_of(failed_recipient());
  report.returned_part = ReturnedPart::whole;
  report.returned = "Subject: x\r\n\r\n\xE9 without an end";
  const std::string text = write_delivery_report(report);
  EXPECT_THAT(text, HasSubstr("message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"));
  EXPECT_THAT(text, HasSubstr("\xE9 without an end\r\n--=_01ABC--\r\n"));
}

TEST(DeliveryReport, HasItsStatusFromTheReply) {
  EXPECT_EQ(status_of(reply(550, {5, 1, 1}, "")).to_string(), "5.1.1");
  EXPECT_EQ(status_of(reply(550, {4, 1, 1}, "")).to_string(), "5.0.0");
  EXPECT_EQ(status_of(reply(554, {}, "")).to_string(), "5.0.0");
  EXPECT_EQ(status_of(reply(250, {2, 1, 5}, "")).to_string(), "2.1.5");
}

TEST(HeaderOf, EndsBeforeTheEmptyLine) {
  EXPECT_EQ(header_of("A: b\r\nC: d\r\n\r\nbody"), "A: b\r\nC: d\r\n");
  EXPECT_EQ(header_of("A: b\r\n"), "A: b\r\n");
  EXPECT_EQ(header_of(""), "");
}

TEST(HeaderOf, IsCutAtALine) {
  std::string header;
  while (header.size() <= kReturnedHeaderBytesMax) header += "X: " + std::string(95, 'x') + "\r\n";
  const auto cut = header_of(header);
  EXPECT_LE(cut.size(), kReturnedHeaderBytesMax);
  EXPECT_TRUE(cut.ends_with("\r\n"));
  EXPECT_EQ(header_of(std::string(kReturnedHeaderBytesMax + 1, 'x')), "");
}

TEST(Xtext, IsDecoded) {
  EXPECT_EQ(decode_xtext("a+2Bb+3Dc"), "a+b=c");
  EXPECT_EQ(decode_xtext("not=xtext"), "not=xtext");
}

TEST(DsnParameters, ArePassedOnAsTheyCame) {
  EXPECT_EQ(mail_parameters({}), "");
  EXPECT_EQ(mail_parameters({.content = ReturnContent::headers, .envelope_id = "x+3Dy"}),
            " RET=HDRS ENVID=x+3Dy");
  EXPECT_EQ(recipient_parameters({}), "");
  EXPECT_EQ(recipient_parameters({.notify = Notify::never}), " NOTIFY=NEVER");
  EXPECT_EQ(recipient_parameters({.notify = Notify::success | Notify::failure | Notify::delay,
                                  .original_recipient = "rfc822;a@b"}),
            " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a@b");
}

}  // namespace
}  // namespace sluice::smtp
