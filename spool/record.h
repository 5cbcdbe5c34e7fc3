// Records: the small values of the spool's tables, as bytes. One per envelope, the past attempts of
// a deferred envelope, the accounting totals; and the keys that order them.
//
// Every value starts with a check over the rest, because disks lie: decoding fails with `corrupt`
// instead of believing. Pure, for any thread. What lies in packs is in spool/pack.h.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "spool/message_id.h"
#include "spool/spool.h"

namespace sluice::spool {

inline constexpr std::size_t kMessageIdBytes = 16;
inline constexpr std::size_t kEnvelopeKeyBytes = kMessageIdBytes + 2;
inline constexpr std::size_t kPartKeyBytes = kMessageIdBytes + 4;
inline constexpr std::size_t kNoteTextBytesMax = 255;  // host and source of an AttemptNote
inline constexpr std::size_t kBodyPartsMax = 65'535;   // 64 GiB

// A key, big-endian, so that the order of bytes is the order of time.
template <std::size_t Size>
struct KeyBytes {
  std::array<char, Size> bytes;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
};

KeyBytes<kEnvelopeKeyBytes> encode_key(const EnvelopeKey& key);
Result<EnvelopeKey> decode_key(std::string_view bytes);

// The first key that an envelope of the message could have, without the ordinal.
std::string_view message_prefix(const MessageId& id);

struct PartKey {
  MessageId message;
  std::uint32_t part;
};
KeyBytes<kPartKeyBytes> encode_part_key(const PartKey& key);
Result<PartKey> decode_part_key(std::string_view bytes);

KeyBytes<8> encode_pack_key(std::uint64_t pack);
Result<std::uint64_t> decode_pack_key(std::string_view bytes);

KeyBytes<4> encode_queue_key(std::uint32_t number);
Result<std::uint32_t> decode_queue_key(std::string_view bytes);

// Where the entry of a message lies. All its envelopes share it.
struct EntryLocation {
  std::uint64_t pack;
  std::uint32_t offset;
  std::uint32_t bytes;
  friend bool operator==(const EntryLocation&, const EntryLocation&) = default;
};

struct EnvelopeRecord {
  EntryLocation location;
  std::uint32_t queue;
  WallTime next_attempt;  // 0 to 2^48-1; beyond is cut
  WallTime expiry;
  std::uint16_t attempts;
  std::uint16_t recipients;
  std::uint16_t envelopes;   // of the whole message, when it was accepted
  std::uint16_t body_parts;  // 0: the body lies in the entry
  std::uint8_t klass;
  bool has_attempts_kept;  // there is a row in `deferrals`
  std::bitset<kRecipientsPerEnvelopeMax> ended;

  std::uint16_t pending() const { return static_cast<std::uint16_t>(recipients - ended.count()); }
  // What this envelope counts for in its pack: its part of an entry that several envelopes share.
  std::uint32_t share() const { return location.bytes / envelopes; }
  friend bool operator==(const EnvelopeRecord&, const EnvelopeRecord&) = default;
};

inline constexpr std::size_t kEnvelopeRecordBytes = 46;  // and the bitmap of several recipients
inline constexpr std::size_t kEnvelopeRecordBytesMax =
    kEnvelopeRecordBytes + (kRecipientsPerEnvelopeMax + 7) / 8;

struct EncodedRecord {
  std::array<char, kEnvelopeRecordBytesMax> bytes;
  std::size_t size;
  std::string_view view() const { return {bytes.data(), size}; }
};

EncodedRecord encode_record(const EnvelopeRecord& record);
Result<EnvelopeRecord> decode_record(std::string_view bytes);

// How many recipients a damaged record seems to hold: at least one. For the accounting of what is
// quarantined, which must move some number.
std::uint16_t guess_pending(std::string_view bytes);

// What one of so many envelopes counts for.
std::uint32_t share_of(std::uint64_t bytes, std::size_t envelopes);

WaitingEnvelope waiting_envelope(const EnvelopeKey& key, const EnvelopeRecord& record);

// At most kAttemptsKept notes, oldest first; texts are cut to their bounds.
std::string encode_attempts(std::span<const AttemptNote> notes);
Result<std::vector<AttemptNote>> decode_attempts(std::string_view bytes);

std::string encode_accounting(const Accounting& accounting);
Result<Accounting> decode_accounting(std::string_view bytes);

// Whether the equation of the contract holds.
bool is_balanced(const Accounting& accounting);
Accounting operator+(const Accounting& a, const Accounting& b);

// XXH3 of some bytes, as it stands in packs and, folded to 32 bits, in records.
std::uint64_t checksum(std::string_view bytes);

}  // namespace sluice::spool
