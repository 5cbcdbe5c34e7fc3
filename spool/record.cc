#include "spool/record.h"

#include <xxhash.h>

#include <algorithm>

#include "core/assert.h"
#include "spool/little_endian.h"

namespace sluice::spool {

namespace {

constexpr std::size_t kCheckBytes = 4;
constexpr std::int64_t kTimeMax = (std::int64_t{1} << 48) - 1;
constexpr std::uint8_t kHasAttemptsKept = 1;
constexpr std::size_t kRecipientsAt = 38;  // offset of `recipients`, for guess_pending

std::uint32_t check_of(std::string_view bytes) {
  const auto hash = checksum(bytes);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

void seal(char* value, std::size_t size) {
  FieldWriter writer(value);
  writer.put(check_of({value + kCheckBytes, size - kCheckBytes}));
}

bool is_sealed(std::string_view bytes) {
  if (bytes.size() < kCheckBytes) return false;
  FieldReader reader(bytes);
  const auto check = reader.take<std::uint32_t>();
  return check == check_of(reader.rest());
}

std::uint64_t stored_time(WallTime time) {
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(time.milliseconds(), 0, kTimeMax));
}

WallTime loaded_time(std::uint64_t milliseconds) {
  return WallTime(static_cast<std::int64_t>(milliseconds));
}

template <std::size_t Size, std::unsigned_integral Number>
void store_big_endian(KeyBytes<Size>& key, std::size_t first, Number value) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    key.bytes[first + sizeof(Number) - 1 - i] = static_cast<char>((value >> (8 * i)) & 0xff);
  }
}

template <std::unsigned_integral Number>
Number load_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(0, sizeof(Number))) {
    value = (value << 8) | static_cast<unsigned char>(byte);
  }
  return static_cast<Number>(value);
}

MessageId load_id(std::string_view bytes) {
  std::array<std::uint8_t, kMessageIdBytes> id{};
  std::copy_n(bytes.begin(), kMessageIdBytes, reinterpret_cast<char*>(id.data()));
  return MessageId::from_bytes(id);
}

std::size_t bitmap_bytes(std::uint16_t recipients) {
  return recipients > 1 ? (recipients + std::size_t{7}) / 8 : 0;
}

}  // namespace

std::uint64_t checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string_view message_prefix(const MessageId& id) {
  return {reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()};
}

KeyBytes<kEnvelopeKeyBytes> encode_key(const EnvelopeKey& key) {
  KeyBytes<kEnvelopeKeyBytes> encoded;
  std::ranges::copy(message_prefix(key.message), encoded.bytes.begin());
  store_big_endian(encoded, kMessageIdBytes, key.ordinal);
  return encoded;
}

Result<EnvelopeKey> decode_key(std::string_view bytes) {
  if (bytes.size() != kEnvelopeKeyBytes)
    return fail(ErrorCode::corrupt, "envelope key of wrong length");
  return EnvelopeKey{load_id(bytes), load_big_endian<std::uint16_t>(bytes.substr(kMessageIdBytes))};
}

KeyBytes<kPartKeyBytes> encode_part_key(const PartKey& key) {
  KeyBytes<kPartKeyBytes> encoded;
  std::ranges::copy(message_prefix(key.message), encoded.bytes.begin());
  store_big_endian(encoded, kMessageIdBytes, key.part);
  return encoded;
}

Result<PartKey> decode_part_key(std::string_view bytes) {
  if (bytes.size() != kPartKeyBytes) return fail(ErrorCode::corrupt, "part key of wrong length");
  return PartKey{load_id(bytes), load_big_endian<std::uint32_t>(bytes.substr(kMessageIdBytes))};
}

KeyBytes<8> encode_pack_key(std::uint64_t pack) {
  KeyBytes<8> encoded;
  store_big_endian(encoded, 0, pack);
  return encoded;
}

Result<std::uint64_t> decode_pack_key(std::string_view bytes) {
  if (bytes.size() != 8) return fail(ErrorCode::corrupt, "pack key of wrong length");
  return load_big_endian<std::uint64_t>(bytes);
}

KeyBytes<4> encode_queue_key(std::uint32_t number) {
  KeyBytes<4> encoded;
  store_big_endian(encoded, 0, number);
  return encoded;
}

Result<std::uint32_t> decode_queue_key(std::string_view bytes) {
  if (bytes.size() != 4) return fail(ErrorCode::corrupt, "queue key of wrong length");
  return load_big_endian<std::uint32_t>(bytes);
}

EncodedRecord encode_record(const EnvelopeRecord& record) {
  SLUICE_ASSERT(record.recipients >= 1 && record.recipients <= kRecipientsPerEnvelopeMax,
                "accept() bounds the recipients");
  SLUICE_ASSERT(record.envelopes >= 1, "a record is one of its message's envelopes");

  EncodedRecord encoded;
  FieldWriter writer(encoded.bytes.data());
  writer.put(std::uint32_t{0});  // sealed below
  writer.put(record.location.pack);
  writer.put(record.location.offset);
  writer.put(record.location.bytes);
  writer.put(record.queue);
  writer.put_48(stored_time(record.next_attempt));
  writer.put_48(stored_time(record.expiry));
  writer.put(record.attempts);
  writer.put(record.recipients);
  writer.put(record.envelopes);
  writer.put(record.body_parts);
  writer.put(record.klass);
  writer.put(record.has_attempts_kept ? kHasAttemptsKept : std::uint8_t{0});
  for (std::size_t byte = 0; byte < bitmap_bytes(record.recipients); ++byte) {
    std::uint8_t bits = 0;
    for (std::size_t bit = 0; bit < 8 && byte * 8 + bit < record.recipients; ++bit) {
      if (record.ended[byte * 8 + bit]) bits = static_cast<std::uint8_t>(bits | (1U << bit));
    }
    writer.put(bits);
  }
  encoded.size = static_cast<std::size_t>(writer.at() - encoded.bytes.data());
  seal(encoded.bytes.data(), encoded.size);
  return encoded;
}

Result<EnvelopeRecord> decode_record(std::string_view bytes) {
  if (!is_sealed(bytes)) return fail(ErrorCode::corrupt, "envelope record fails its check");
  FieldReader reader(bytes.substr(kCheckBytes));
  EnvelopeRecord record{
      .location = {.pack = reader.take<std::uint64_t>(),
                   .offset = reader.take<std::uint32_t>(),
                   .bytes = reader.take<std::uint32_t>()},
      .queue = reader.take<std::uint32_t>(),
      .next_attempt = loaded_time(reader.take_48()),
      .expiry = loaded_time(reader.take_48()),
      .attempts = reader.take<std::uint16_t>(),
      .recipients = reader.take<std::uint16_t>(),
      .envelopes = reader.take<std::uint16_t>(),
      .body_parts = reader.take<std::uint16_t>(),
      .klass = reader.take<std::uint8_t>(),
      .has_attempts_kept = (reader.take<std::uint8_t>() & kHasAttemptsKept) != 0,
      .ended = {},
  };
  if (record.recipients < 1 || record.recipients > kRecipientsPerEnvelopeMax) {
    return fail(ErrorCode::corrupt, "envelope record with an impossible number of recipients");
  }
  if (record.envelopes < 1 || record.envelopes > kEnvelopesPerMessageMax) {
    return fail(ErrorCode::corrupt, "envelope record with an impossible number of envelopes");
  }
  const auto bitmap = reader.take_bytes(bitmap_bytes(record.recipients));
  if (!reader.is_finished()) return fail(ErrorCode::corrupt, "envelope record of wrong length");
  for (std::size_t i = 0; i < bitmap.size() * 8; ++i) {
    const bool is_set = ((static_cast<unsigned char>(bitmap[i / 8]) >> (i % 8)) & 1U) != 0;
    if (!is_set) continue;
    if (i >= record.recipients) return fail(ErrorCode::corrupt, "envelope record with a stray bit");
    record.ended.set(i);
  }
  if (record.pending() == 0)
    return fail(ErrorCode::corrupt, "envelope record without a pending recipient");
  return record;
}

std::uint16_t guess_pending(std::string_view bytes) {
  if (bytes.size() < kRecipientsAt + 2) return 1;
  FieldReader reader(bytes.substr(kRecipientsAt));
  return std::clamp<std::uint16_t>(reader.take<std::uint16_t>(), 1, kRecipientsPerEnvelopeMax);
}

std::uint32_t share_of(std::uint64_t bytes, std::size_t envelopes) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes / envelopes, UINT32_MAX));
}

WaitingEnvelope waiting_envelope(const EnvelopeKey& key, const EnvelopeRecord& record) {
  return WaitingEnvelope{
      .key = key,
      .klass = record.klass,
      .queue = record.queue,
      .next_attempt = record.next_attempt,
      .expiry = record.expiry,
      .attempts = record.attempts,
      .recipients_pending = record.pending(),
      .size =
          share_of(record.location.bytes + record.body_parts * kBodyPartBytes, record.envelopes)};
}

std::string encode_attempts(std::span<const AttemptNote> notes) {
  SLUICE_ASSERT(notes.size() <= kAttemptsKept, "the caller keeps the last ones");
  constexpr std::size_t kNoteBytesMax = 6 + 3 * 2 + 2 * kNoteTextBytesMax + kAttemptReplyBytesMax;
  std::string encoded(kCheckBytes + 1 + notes.size() * kNoteBytesMax, '\0');
  FieldWriter writer(encoded.data() + kCheckBytes);
  const auto put_text = [&writer](std::string_view text, std::size_t bytes_max) {
    const auto cut = text.substr(0, bytes_max);
    writer.put(static_cast<std::uint16_t>(cut.size()));
    writer.put_bytes(cut);
  };
  writer.put(static_cast<std::uint8_t>(notes.size()));
  for (const auto& note : notes) {
    writer.put_48(stored_time(note.time));
    put_text(note.host, kNoteTextBytesMax);
    put_text(note.source, kNoteTextBytesMax);
    put_text(note.reply, kAttemptReplyBytesMax);
  }
  encoded.resize(static_cast<std::size_t>(writer.at() - encoded.data()));
  seal(encoded.data(), encoded.size());
  return encoded;
}

Result<std::vector<AttemptNote>> decode_attempts(std::string_view bytes) {
  if (!is_sealed(bytes)) return fail(ErrorCode::corrupt, "deferral fails its check");
  FieldReader reader(bytes.substr(kCheckBytes));
  const std::size_t count = reader.take<std::uint8_t>();
  if (count > kAttemptsKept) return fail(ErrorCode::corrupt, "deferral with too many attempts");
  std::vector<AttemptNote> notes;
  const auto take_text = [&reader] {
    const std::size_t size = reader.take<std::uint16_t>();
    return std::string(reader.take_bytes(size));
  };
  for (std::size_t i = 0; i < count; ++i) {
    AttemptNote note{.time = loaded_time(reader.take_48()), .host = {}, .source = {}, .reply = {}};
    note.host = take_text();
    note.source = take_text();
    note.reply = take_text();
    notes.push_back(std::move(note));
  }
  if (!reader.is_finished()) return fail(ErrorCode::corrupt, "deferral of wrong length");
  return notes;
}

namespace {

// The totals in the order of their fields on disk.
constexpr std::array kTotals = {
    &Accounting::received,   &Accounting::generated,   &Accounting::delivered,
    &Accounting::bounced,    &Accounting::expired,     &Accounting::removed,
    &Accounting::suppressed, &Accounting::quarantined, &Accounting::queued};

}  // namespace

std::string encode_accounting(const Accounting& accounting) {
  std::string encoded(kCheckBytes + kTotals.size() * 8, '\0');
  FieldWriter writer(encoded.data() + kCheckBytes);
  for (const auto total : kTotals) writer.put(accounting.*total);
  seal(encoded.data(), encoded.size());
  return encoded;
}

Result<Accounting> decode_accounting(std::string_view bytes) {
  if (!is_sealed(bytes)) return fail(ErrorCode::corrupt, "accounting totals fail their check");
  FieldReader reader(bytes.substr(kCheckBytes));
  Accounting accounting;
  for (const auto total : kTotals) accounting.*total = reader.take<std::uint64_t>();
  if (!reader.is_finished()) return fail(ErrorCode::corrupt, "accounting totals of wrong length");
  return accounting;
}

bool is_balanced(const Accounting& a) {
  return a.received + a.generated ==
         a.delivered + a.bounced + a.expired + a.removed + a.suppressed + a.quarantined + a.queued;
}

Accounting operator+(const Accounting& a, const Accounting& b) {
  Accounting sum;
  for (const auto total : kTotals) sum.*total = a.*total + b.*total;
  return sum;
}

}  // namespace sluice::spool
