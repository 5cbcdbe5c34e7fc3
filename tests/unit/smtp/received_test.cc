#include "smtp/received.h"

#include <gmock/gmock.h>

#include "smtp/date.h"

namespace sluice::smtp {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr WallTime kTime(1'767'431'107'999);
constexpr std::string_view kId = "01JGZZZZZZZZZZZZZZZZZZZZZZ";

ClientInfo client(std::string hello) {
  return {.peer = Endpoint{IpAddress::parse("192.0.2.1").value(), 4711},
          .local = Endpoint{IpAddress::parse("192.0.2.2").value(), 25},
          .hello = std::move(hello),
          .is_extended = true};
}

std::string field_of(const ClientInfo& info, ClientTrace trace = ClientTrace::full) {
  return received_field({.client = info,
                         .hostname = "mx.example",
                         .message_id = kId,
                         .time = kTime,
                         .client_trace = trace});
}

TEST(Date, IsWrittenAsHeadersCarryIt) {
  EXPECT_EQ(format_date(kTime), "Sat, 3 Jan 2026 09:05:07 +0000");
  EXPECT_EQ(format_date(WallTime(0)), "Thu, 1 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(format_date(WallTime(951'782'400'000)), "Tue, 29 Feb 2000 00:00:00 +0000");
}

TEST(Received, TellsWhereAMessageCameFrom) {
  EXPECT_EQ(field_of(client("client.example")),
            "Received: from client.example ([192.0.2.1]) by mx.example with ESMTP\r\n"
            "\tid 01JGZZZZZZZZZZZZZZZZZZZZZZ; Sat, 3 Jan 2026 09:05:07 +0000\r\n");
}

TEST(Received, KnowsHeloAndIpv6) {
  auto info = client("old");
  info.is_extended = false;
  info.peer.address = IpAddress::parse("2001:db8::1").value();
  EXPECT_THAT(field_of(info),
              HasSubstr("from old ([IPv6:2001:db8::1]) by mx.example with SMTP\r\n"));
}

TEST(Received, HidesTheClientWhereAsked) {
  EXPECT_EQ(field_of(client("secret.example"), ClientTrace::hidden),
            "Received: by mx.example with ESMTP id 01JGZZZZZZZZZZZZZZZZZZZZZZ;\r\n"
            "\tSat, 3 Jan 2026 09:05:07 +0000\r\n");
}

TEST(Received, KeepsItsLinesBelow78Columns) {
  for (std::size_t bytes = 1; bytes < 66; ++bytes) {
    std::string field = field_of(client(std::string(bytes, 'h')));
    for (std::size_t end = field.find("\r\n"); end != std::string::npos; end = field.find("\r\n")) {
      EXPECT_LT(end, 78) << field;
      field.erase(0, end + 2);
    }
  }
}

TEST(Received, LetsNothingOfTheClientForgeTheField) {
  const std::string field = field_of(client("a(b)c;d\"e\\f<g>h@i\x01\r\nX: y"));
  EXPECT_THAT(field, HasSubstr("from a?b?c?d?e?f?g?h?i???X:?y ("));
  EXPECT_THAT(field_of(client(std::string(300, 'h'))), Not(HasSubstr(std::string(256, 'h'))));
}

}  // namespace
}  // namespace sluice::smtp
