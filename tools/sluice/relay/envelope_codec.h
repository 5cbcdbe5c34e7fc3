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
#include "smtp/dsn_parameters.h"
#include "smtp/reception_handler.h"
#include "smtp/sluice_headers.h"

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
  std::string client;     // address of who submitted it
  std::string user = {};  // as whom; empty: without authentication
  smtp::MessageDsn dsn = {};
  smtp::SluiceHeaders sender = {};  // what the X-Sluice fields asked for, as far as it was granted
  std::vector<UnknownField> unknown;
  friend bool operator==(const MessageMetadata&, const MessageMetadata&) = default;
};

// What the sender wants to hear of the recipient at this position.
struct PositionedDsn {
  std::uint16_t position;
  smtp::RecipientDsn dsn;
  friend bool operator==(const PositionedDsn&, const PositionedDsn&) = default;
};

// Of one envelope: what its recipients ask for must fit beside them.
inline constexpr std::size_t kDsnBytesMax = 64 * 1024;

// Of one envelope: recipients of one domain.
struct EnvelopeMetadata {
  std::vector<std::string> recipients;  // without brackets, in the order of acceptance
  std::vector<PositionedDsn> dsn = {};  // in the order of positions
  std::vector<UnknownField> unknown;
  friend bool operator==(const EnvelopeMetadata&, const EnvelopeMetadata&) = default;
};

std::string encode(const MessageMetadata& metadata);
std::string encode(const EnvelopeMetadata& metadata);
Result<MessageMetadata> decode_message_metadata(std::string_view bytes);
Result<EnvelopeMetadata> decode_envelope_metadata(std::string_view bytes);

}  // namespace sluice::relay
