#include "smtp/loop_detector.h"

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

// How many Received: fields a message has, by where the limit bites.
std::uint32_t received_fields(std::string_view message, std::size_t split) {
  for (std::uint32_t limit = 0;; ++limit) {
    LoopDetector detector(limit);
    detector.start();
    const bool is_accepted = detector.consume(message.substr(0, split)).has_value() &&
                             detector.consume(message.substr(split)).has_value();
    if (is_accepted) return limit;
  }
}

TEST(LoopDetector, CountsReceivedFieldsAtAnySplit) {
  constexpr std::string_view kMessage =
      "Received: a\r\n\tReceived: folded\r\nRECEIVED:b\r\nX-Received: c\r\nReceived-SPF: d\r\n"
      "Re: e\r\n\r\nReceived: body\r\n";
  for (std::size_t split = 0; split <= kMessage.size(); ++split) {
    EXPECT_EQ(received_fields(kMessage, split), 2) << split;
  }
}

TEST(LoopDetector, CountsNothingInAMessageWithoutHeader) {
  EXPECT_EQ(received_fields("\r\nReceived: body\r\n", 3), 0);
  EXPECT_EQ(received_fields("", 0), 0);
}

TEST(LoopDetector, BeginsAnewWithEachMessage) {
  LoopDetector detector(1);
  for (int message = 0; message < 3; ++message) {
    detector.start();
    EXPECT_TRUE(detector.consume("Received: a\r\n\r\n"));
  }
}

}  // namespace
}  // namespace sluice::smtp
