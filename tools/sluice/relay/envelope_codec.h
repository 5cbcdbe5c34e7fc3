// envelope_codec: the metadata of messages and envelopes as the bytes that the spool keeps.
//
// Tagged, versioned; unknown tags are kept when decoded and encoded again, so that an older program
// passes on what a newer one wrote. Every field is bounded. Fuzzed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "smtp/reception_handler.h"

namespace sluice::relay {

// A field that this version does not know.
struct UnknownField {
  std::uint16_t tag;
  std::string value;
  friend bool operator==(const UnknownField&, const UnknownField&) = default;
};

// Shared by every envelope of a message.
struct MessageMetadata {
  std::string reverse_path;  // without brackets; empty: null
  std::string trace_header;  // what we put before the message: Received:, ends with CRLF
  smtp::BodyType body_type = smtp::BodyType::seven_bit;
  WallTime received{0};
  std::string client;  // address of who submitted it
  std::vector<UnknownField> unknown;
  friend bool operator==(const MessageMetadata&, const MessageMetadata&) = default;
};

// Of one envelope: recipients of one domain.
struct EnvelopeMetadata {
  std::vector<std::string> recipients;  // without brackets, in the order of acceptance
  std::vector<UnknownField> unknown;
  friend bool operator==(const EnvelopeMetadata&, const EnvelopeMetadata&) = default;
};

std::string encode(const MessageMetadata& metadata);
std::string encode(const EnvelopeMetadata& metadata);
Result<MessageMetadata> decode_message_metadata(std::string_view bytes);
Result<EnvelopeMetadata> decode_envelope_metadata(std::string_view bytes);

}  // namespace sluice::relay
