// The format: kind, version, then fields of tag (16 bits), length (32 bits) and value, all little
// endian. A field that holds its default is left out; recipients repeat their tag.
#include "relay/envelope_codec.h"

#include <utility>

#include "core/assert.h"
#include "smtp/address.h"
#include "smtp/authentication.h"
#include "spool/spool.h"

namespace sluice::relay {
namespace {

constexpr char kMessageKind = 'M';
constexpr char kEnvelopeKind = 'E';
constexpr char kVersion = 1;
constexpr std::size_t kPrefixBytes = 2;
constexpr std::size_t kFieldHeadBytes = 6;

constexpr std::size_t kTraceHeaderBytesMax = 8 * 1024;
constexpr std::size_t kClientBytesMax = 64;
constexpr std::size_t kPositionBytes = 2;
constexpr std::size_t kUnknownFieldsMax = 256;
static_assert(spool::kRecipientsPerEnvelopeMax * (smtp::kPathBytesMax + kFieldHeadBytes) +
                      kDsnBytesMax <
                  spool::kMetadataBytesMax,
              "an envelope full of the longest recipients can be stored");

// Tags are never used again for something else.
enum class MessageTag : std::uint16_t {
  reverse_path = 1,
  trace_header = 2,
  body_type = 3,
  received = 4,
  client = 5,
  user = 6,
  return_content = 7,
  envelope_id = 8,
  campaign = 9,
  tag = 10,  // repeated
  metadata = 11,
  pool = 12,
  engaged = 13,
};
// Of a recipient: its position in two bytes, and the value.
enum class EnvelopeTag : std::uint16_t { recipient = 1, notify = 2, original_recipient = 3 };

template <class Number>
void append_number(std::string& out, Number number) {
  auto rest = static_cast<std::make_unsigned_t<Number>>(number);
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    out.push_back(static_cast<char>(rest & 0xff));
    rest = static_cast<decltype(rest)>(rest >> 8);
  }
}

template <class Number>
Number read_number(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return static_cast<Number>(number);
}

void append_field(std::string& out, std::uint16_t tag, std::string_view value) {
  append_number(out, tag);
  append_number(out, static_cast<std::uint32_t>(value.size()));
  out += value;
}

void append_unknown(std::string& out, const std::vector<UnknownField>& fields) {
  SLUICE_ASSERT(fields.size() <= kUnknownFieldsMax, "what was decoded was bounded");
  for (const UnknownField& field : fields) append_field(out, field.tag, field.value);
}

struct Field {
  std::uint16_t tag;
  std::string_view value;  // points into the bytes being decoded
};

// Walks over the fields of encoded bytes.
class FieldReader {
 public:
  static Result<FieldReader> open(std::string_view bytes, char kind) {
    if (bytes.size() > spool::kMetadataBytesMax) return fail(ErrorCode::corrupt, "too long");
    if (bytes.size() < kPrefixBytes) return fail(ErrorCode::corrupt, "shorter than its prefix");
    if (bytes[0] != kind) return fail(ErrorCode::corrupt, "of another kind");
    if (bytes[1] != kVersion) return fail(ErrorCode::unsupported, "written by a newer version");
    return FieldReader(bytes.substr(kPrefixBytes));
  }

  bool is_at_end() const { return rest_.empty(); }

  Result<Field> next() {
    if (rest_.size() < kFieldHeadBytes) return fail(ErrorCode::corrupt, "cut in a field's head");
    const auto tag = read_number<std::uint16_t>(rest_);
    const auto length = read_number<std::uint32_t>(rest_.substr(2));
    rest_.remove_prefix(kFieldHeadBytes);
    if (length > rest_.size()) return fail(ErrorCode::corrupt, "cut in a field's value");
    const Field field{.tag = tag, .value = rest_.substr(0, length)};
    rest_.remove_prefix(length);
    return field;
  }

 private:
  explicit FieldReader(std::string_view rest) : rest_(rest) {}
  std::string_view rest_;
};

Result<void> keep_unknown(std::vector<UnknownField>& fields, const Field& field) {
  if (fields.size() >= kUnknownFieldsMax) return fail(ErrorCode::corrupt, "too many fields");
  fields.push_back(UnknownField{.tag = field.tag, .value = std::string(field.value)});
  return {};
}

Result<void> read_text(std::string& into, const Field& field, std::size_t bytes_max) {
  if (field.value.size() > bytes_max) return fail(ErrorCode::corrupt, "a field is too long");
  into = field.value;
  return {};
}

Result<void> read_body_type(MessageMetadata& metadata, std::string_view value) {
  const auto last = static_cast<char>(smtp::BodyType::eight_bit_mime);
  if (value.size() != 1) return fail(ErrorCode::corrupt, "body type of a wrong length");
  if (value[0] < 0 || value[0] > last) return fail(ErrorCode::corrupt, "unknown body type");
  metadata.body_type = static_cast<smtp::BodyType>(value[0]);
  return {};
}

Result<void> read_received(MessageMetadata& metadata, std::string_view value) {
  if (value.size() != sizeof(std::int64_t)) return fail(ErrorCode::corrupt, "time of wrong length");
  metadata.received = WallTime(read_number<std::int64_t>(value));
  return {};
}

Result<void> read_return_content(MessageMetadata& metadata, std::string_view value) {
  const auto last = static_cast<char>(smtp::ReturnContent::headers);
  const bool is_known = value.size() == 1 && value[0] > 0 && value[0] <= last;
  if (!is_known) return fail(ErrorCode::corrupt, "unknown return content");
  metadata.dsn.content = static_cast<smtp::ReturnContent>(value[0]);
  return {};
}

Result<void> read_sender_field(MessageMetadata& metadata, const Field& field) {
  smtp::SluiceHeaders& sender = metadata.sender;
  switch (static_cast<MessageTag>(field.tag)) {
    case MessageTag::campaign:
      return read_text(sender.campaign, field, smtp::kSluiceWordBytesMax);
    case MessageTag::tag:
      if (sender.tags.size() >= smtp::kTagsMax) return fail(ErrorCode::corrupt, "too many tags");
      if (field.value.empty()) return fail(ErrorCode::corrupt, "an empty tag");  // never written
      return read_text(sender.tags.emplace_back(), field, smtp::kSluiceWordBytesMax);
    case MessageTag::metadata:
      return read_text(sender.metadata, field, smtp::kMessageDataBytesMax);
    case MessageTag::pool:
      return read_text(sender.pool, field, smtp::kSluiceWordBytesMax);
    case MessageTag::engaged:
      sender.is_engaged = true;
      return {};
    default:
      break;
  }
  return keep_unknown(metadata.unknown, field);
}

Result<void> read_message_field(MessageMetadata& metadata, const Field& field) {
  switch (static_cast<MessageTag>(field.tag)) {
    case MessageTag::reverse_path:
      return read_text(metadata.reverse_path, field, smtp::kPathBytesMax);
    case MessageTag::trace_header:
      return read_text(metadata.trace_header, field, kTraceHeaderBytesMax);
    case MessageTag::body_type:
      return read_body_type(metadata, field.value);
    case MessageTag::received:
      return read_received(metadata, field.value);
    case MessageTag::client:
      return read_text(metadata.client, field, kClientBytesMax);
    case MessageTag::user:
      return read_text(metadata.user, field, smtp::kUserBytesMax);
    case MessageTag::return_content:
      return read_return_content(metadata, field.value);
    case MessageTag::envelope_id:
      return read_text(metadata.dsn.envelope_id, field, smtp::kEnvelopeIdBytesMax);
    default:
      return read_sender_field(metadata, field);
  }
}

// The place of what a recipient asked for; positions come in order.
Result<smtp::RecipientDsn*> dsn_at(EnvelopeMetadata& metadata, const Field& field) {
  if (field.value.size() <= kPositionBytes) return fail(ErrorCode::corrupt, "cut in a position");
  const auto position = read_number<std::uint16_t>(field.value);
  if (position >= spool::kRecipientsPerEnvelopeMax) {
    return fail(ErrorCode::corrupt, "a position beyond the recipients");
  }
  auto& dsn = metadata.dsn;
  if (dsn.empty() || dsn.back().position < position) {
    dsn.push_back(PositionedDsn{.position = position, .dsn = {}});
  }
  if (dsn.back().position != position) return fail(ErrorCode::corrupt, "positions out of order");
  return &dsn.back().dsn;
}

Result<void> read_notify(EnvelopeMetadata& metadata, const Field& field) {
  SLUICE_TRY(dsn, dsn_at(metadata, field));
  const auto bits = static_cast<std::uint8_t>(field.value[kPositionBytes]);
  const bool is_known = field.value.size() == kPositionBytes + 1 && bits > 0 && bits < 16;
  if (!is_known) return fail(ErrorCode::corrupt, "unknown notifications");
  dsn->notify = smtp::notify_of(bits);
  return {};
}

Result<void> read_original_recipient(EnvelopeMetadata& metadata, Field field) {
  SLUICE_TRY(dsn, dsn_at(metadata, field));
  field.value.remove_prefix(kPositionBytes);
  return read_text(dsn->original_recipient, field, smtp::kOriginalRecipientBytesMax);
}

Result<void> read_recipient(EnvelopeMetadata& metadata, const Field& field) {
  if (metadata.recipients.size() >= spool::kRecipientsPerEnvelopeMax) {
    return fail(ErrorCode::corrupt, "too many recipients");
  }
  if (field.value.empty()) return fail(ErrorCode::corrupt, "an empty recipient");
  return read_text(metadata.recipients.emplace_back(), field, smtp::kPathBytesMax);
}

Result<void> read_envelope_field(EnvelopeMetadata& metadata, const Field& field) {
  switch (static_cast<EnvelopeTag>(field.tag)) {
    case EnvelopeTag::recipient:
      return read_recipient(metadata, field);
    case EnvelopeTag::notify:
      return read_notify(metadata, field);
    case EnvelopeTag::original_recipient:
      return read_original_recipient(metadata, field);
  }
  return keep_unknown(metadata.unknown, field);
}

template <class Metadata, class ReadField>
Result<Metadata> decode(std::string_view bytes, char kind, ReadField read_field) {
  auto reader = FieldReader::open(bytes, kind);
  if (!reader) return std::unexpected(std::move(reader).error());
  Metadata metadata;
  while (!reader->is_at_end()) {
    SLUICE_TRY(field, reader->next());
    if (auto done = read_field(metadata, field); !done) {
      return std::unexpected(std::move(done).error());
    }
  }
  return metadata;
}

std::uint16_t number_of(MessageTag tag) { return static_cast<std::uint16_t>(tag); }

void append_text(std::string& out, MessageTag tag, std::string_view text) {
  if (!text.empty()) append_field(out, number_of(tag), text);
}

void append_flag(std::string& out, MessageTag tag, std::uint8_t flag) {
  const char byte = static_cast<char>(flag);
  if (flag != 0) append_field(out, number_of(tag), std::string_view(&byte, 1));
}

void append_positioned(std::string& out, EnvelopeTag tag, std::uint16_t position,
                       std::string_view value) {
  std::string field;
  append_number(field, position);
  field += value;
  append_field(out, static_cast<std::uint16_t>(tag), field);
}

void append_dsn(std::string& out, const PositionedDsn& one) {
  if (one.dsn.notify != smtp::Notify::unset) {
    const char bits = static_cast<char>(one.dsn.notify);
    append_positioned(out, EnvelopeTag::notify, one.position, std::string_view(&bits, 1));
  }
  if (!one.dsn.original_recipient.empty()) {
    append_positioned(out, EnvelopeTag::original_recipient, one.position,
                      one.dsn.original_recipient);
  }
}

}  // namespace

std::string encode(const MessageMetadata& metadata) {
  SLUICE_ASSERT(metadata.reverse_path.size() <= smtp::kPathBytesMax, "the parser bounds paths");
  SLUICE_ASSERT(metadata.trace_header.size() <= kTraceHeaderBytesMax, "our own header is short");
  SLUICE_ASSERT(metadata.client.size() <= kClientBytesMax, "an address is short");
  std::string out{kMessageKind, kVersion};
  out.reserve(128 + metadata.reverse_path.size() + metadata.trace_header.size());
  append_field(out, number_of(MessageTag::reverse_path), metadata.reverse_path);
  append_field(out, number_of(MessageTag::trace_header), metadata.trace_header);
  if (metadata.body_type != smtp::BodyType::seven_bit) {
    const char type = static_cast<char>(metadata.body_type);
    append_field(out, number_of(MessageTag::body_type), std::string_view(&type, 1));
  }
  std::string received;
  append_number(received, metadata.received.milliseconds());
  append_field(out, number_of(MessageTag::received), received);
  append_field(out, number_of(MessageTag::client), metadata.client);
  append_text(out, MessageTag::user, metadata.user);
  append_flag(out, MessageTag::return_content, static_cast<std::uint8_t>(metadata.dsn.content));
  append_text(out, MessageTag::envelope_id, metadata.dsn.envelope_id);
  append_text(out, MessageTag::campaign, metadata.sender.campaign);
  for (const std::string& tag : metadata.sender.tags) append_text(out, MessageTag::tag, tag);
  append_text(out, MessageTag::metadata, metadata.sender.metadata);
  append_text(out, MessageTag::pool, metadata.sender.pool);
  append_flag(out, MessageTag::engaged, metadata.sender.is_engaged ? 1 : 0);
  append_unknown(out, metadata.unknown);
  return out;
}

std::string encode(const EnvelopeMetadata& metadata) {
  SLUICE_ASSERT(metadata.recipients.size() <= spool::kRecipientsPerEnvelopeMax,
                "groups of recipients are bounded");
  std::string out{kEnvelopeKind, kVersion};
  for (const std::string& recipient : metadata.recipients) {
    SLUICE_ASSERT(!recipient.empty(), "a recipient has an address");
    SLUICE_ASSERT(recipient.size() <= smtp::kPathBytesMax, "the parser bounds paths");
    append_field(out, static_cast<std::uint16_t>(EnvelopeTag::recipient), recipient);
  }
  for (const PositionedDsn& one : metadata.dsn) append_dsn(out, one);
  append_unknown(out, metadata.unknown);
  return out;
}

Result<MessageMetadata> decode_message_metadata(std::string_view bytes) {
  auto metadata = decode<MessageMetadata>(bytes, kMessageKind, read_message_field);
  if (!metadata) return std::unexpected(std::move(metadata).error().within("message metadata"));
  return metadata;
}

Result<EnvelopeMetadata> decode_envelope_metadata(std::string_view bytes) {
  auto metadata = decode<EnvelopeMetadata>(bytes, kEnvelopeKind, read_envelope_field);
  if (!metadata) return std::unexpected(std::move(metadata).error().within("envelope metadata"));
  return metadata;
}

}  // namespace sluice::relay
