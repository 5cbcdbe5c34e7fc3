#include "relay/envelope_codec.h"

#include <gtest/gtest.h>

#include "spool/spool.h"

namespace sluice::relay {
namespace {

MessageMetadata full_message() {
  return MessageMetadata{.reverse_path = "sender@example.com",
                         .trace_header = "Received: from client by relay\r\n",
                         .body_type = smtp::BodyType::eight_bit_mime,
                         .received = WallTime(1'700'000'000'123),
                         .client = "2001:db8::1",
                         .unknown = {{.tag = 900, .value = "of a newer version"}}};
}

EnvelopeMetadata full_envelope() {
  return EnvelopeMetadata{.recipients = {"a@example.net", "\"b c\"@example.net"},
                          .unknown = {{.tag = 77, .value = std::string("\0\1", 2)}}};
}

TEST(EnvelopeCodec, GivesBackAMessage) {
  const auto decoded = decode_message_metadata(encode(full_message()));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().sentence();
  EXPECT_EQ(*decoded, full_message());
}

TEST(EnvelopeCodec, GivesBackAnEnvelope) {
  const auto decoded = decode_envelope_metadata(encode(full_envelope()));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().sentence();
  EXPECT_EQ(*decoded, full_envelope());
}

TEST(EnvelopeCodec, GivesBackTheNullReversePath) {
  const auto decoded = decode_message_metadata(encode(MessageMetadata{}));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->reverse_path, "");
}

TEST(EnvelopeCodec, KeepsUnknownTagsThroughAnOlderProgram) {
  const auto once = decode_message_metadata(encode(full_message()));
  ASSERT_TRUE(once.has_value());
  const auto twice = decode_message_metadata(encode(*once));
  ASSERT_TRUE(twice.has_value());
  EXPECT_EQ(twice->unknown, full_message().unknown);
}

// A field may be missing, so a cut in front of one is another message and not a broken one. The
// spool's checksum tells of that.
TEST(EnvelopeCodec, RefusesEveryCutWithinAField) {
  const std::string encoded = encode(full_message());
  std::size_t cuts_between_fields = 0;
  for (std::size_t length = 0; length < encoded.size(); ++length) {
    const auto decoded = decode_message_metadata(encoded.substr(0, length));
    if (!decoded) continue;
    ++cuts_between_fields;
    EXPECT_NE(*decoded, full_message()) << length;
  }
  EXPECT_EQ(cuts_between_fields, 6u);
}

TEST(EnvelopeCodec, HoldsAsManyRecipientsAsTheSpoolAndNotOneMore) {
  EnvelopeMetadata metadata;
  metadata.recipients.assign(spool::kRecipientsPerEnvelopeMax, "a@example.net");
  std::string encoded = encode(metadata);
  EXPECT_TRUE(decode_envelope_metadata(encoded).has_value());
  encoded += encode(EnvelopeMetadata{.recipients = {"a@example.net"}, .unknown = {}}).substr(2);
  EXPECT_FALSE(decode_envelope_metadata(encoded).has_value());
}

struct BrokenCase {
  const char* name;
  std::string bytes;
  ErrorCode code;
};

class BrokenMessageMetadata : public testing::TestWithParam<BrokenCase> {};

TEST_P(BrokenMessageMetadata, IsRefused) {
  const auto decoded = decode_message_metadata(GetParam().bytes);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().code(), GetParam().code);
}

std::string field(char tag, const std::string& value) {
  return std::string{tag, 0, static_cast<char>(value.size()), 0, 0, 0} + value;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BrokenMessageMetadata,
    testing::Values(
        BrokenCase{"empty", "", ErrorCode::corrupt},
        BrokenCase{"prefix_only_half", "M", ErrorCode::corrupt},
        BrokenCase{"of_an_envelope", encode(EnvelopeMetadata{}), ErrorCode::corrupt},
        BrokenCase{"newer_version", "M\x02", ErrorCode::unsupported},
        BrokenCase{"body_type_unknown", "M\x01" + field(3, "\x02"), ErrorCode::corrupt},
        BrokenCase{"body_type_negative", "M\x01" + field(3, "\xff"), ErrorCode::corrupt},
        BrokenCase{"body_type_too_long", "M\x01" + field(3, "\x01\x01"), ErrorCode::corrupt},
        BrokenCase{"tag_empty", "M\x01" + field(10, ""), ErrorCode::corrupt},
        BrokenCase{"time_too_short", "M\x01" + field(4, "1234567"), ErrorCode::corrupt},
        BrokenCase{"client_too_long", "M\x01" + field(5, std::string(65, '1')), ErrorCode::corrupt},
        BrokenCase{"length_past_the_end", std::string("M\x01\x01\0\xff\xff\xff\xff", 8),
                   ErrorCode::corrupt}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(EnvelopeCodec, RefusesAnEmptyRecipient) {
  EXPECT_FALSE(decode_envelope_metadata("E\x01" + field(1, "")).has_value());
}

TEST(EnvelopeCodec, KeepsWhatTheSenderAskedFor) {
  MessageMetadata message;
  message.user = "apikey";
  message.dsn = {.content = smtp::ReturnContent::headers, .envelope_id = "a+2Bb"};
  message.sender.campaign = "spring";
  message.sender.tags = {"news", "big"};
  message.sender.metadata = "{}";
  message.sender.pool = "main";
  message.sender.is_engaged = true;
  const auto decoded = decode_message_metadata(encode(message));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, message);
}

TEST(EnvelopeCodec, KeepsWhatIsToBeToldOfEachRecipient) {
  EnvelopeMetadata envelope;
  envelope.recipients = {"a@b", "c@b", "d@b"};
  envelope.dsn = {{.position = 0, .dsn = {.notify = smtp::Notify::never}},
                  {.position = 2,
                   .dsn = {.notify = smtp::Notify::success | smtp::Notify::delay,
                           .original_recipient = "rfc822;x@y"}}};
  const auto decoded = decode_envelope_metadata(encode(envelope));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, envelope);
}

}  // namespace
}  // namespace sluice::relay
