#include "spool/message_id.h"

#include <algorithm>

#include "core/assert.h"

namespace sluice::spool {

namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::uint8_t i = 0; i < kAlphabet.size(); ++i) {
    const auto upper = static_cast<unsigned char>(kAlphabet[i]);
    digits[upper] = i;
    if (upper >= 'A') digits[upper + ('a' - 'A')] = i;
  }
  return digits;
}
constexpr auto kDigits = make_digits();

constexpr std::size_t kPartitionByte = 6;
constexpr std::uint64_t kMillisecondsMax = (std::uint64_t{1} << 48) - 1;
// 16 bits of the 72 are the shard, so that shards of one process cannot meet.
constexpr std::uint64_t kSequenceMax = (std::uint64_t{1} << 56) - 1;

void store_big_endian(std::array<std::uint8_t, 16>& bytes, std::size_t first, std::size_t count,
                      std::uint64_t value) {
  for (std::size_t i = 0; i < count; ++i) {
    bytes[first + count - 1 - i] = static_cast<std::uint8_t>((value >> (8 * i)) & 0xff);
  }
}

}  // namespace

Result<MessageId> MessageId::parse(std::string_view text) {
  if (text.size() != kTextLength) return fail(ErrorCode::syntax, "a message id has 26 characters");
  // 26 digits are 130 bits: the first digit holds the three highest of the 128.
  unsigned __int128 value = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    const auto digit = kDigits[static_cast<unsigned char>(text[i])];
    if (digit == kNoDigit)
      return fail(ErrorCode::syntax, "a message id has digits and letters but I, L, O and U");
    if (i == 0 && digit > 7) return fail(ErrorCode::syntax, "a message id starts with 0 to 7");
    value = (value << 5) | digit;
  }
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 16; i-- > 0; value >>= 8) bytes[i] = static_cast<std::uint8_t>(value & 0xff);
  return MessageId(bytes);
}

MessageId MessageId::from_bytes(const std::array<std::uint8_t, 16>& big_endian) {
  return MessageId(big_endian);
}

WallTime MessageId::time() const {
  std::int64_t milliseconds = 0;
  for (std::size_t i = 0; i < kPartitionByte; ++i) milliseconds = (milliseconds << 8) | bytes_[i];
  return WallTime(milliseconds);
}

PartitionId MessageId::partition() const { return bytes_[kPartitionByte]; }

std::string MessageId::to_string() const {
  unsigned __int128 value = 0;
  for (const auto byte : bytes_) value = (value << 8) | byte;
  std::string text(kTextLength, '0');
  for (std::size_t i = kTextLength; i-- > 0; value >>= 5) {
    text[i] = kAlphabet[static_cast<std::size_t>(value & 31)];
  }
  return text;
}

MessageIdSource::MessageIdSource(PartitionId partition, std::uint16_t shard, Random& random)
    : partition_(partition),
      shard_(shard),
      // The lower half: half of the space is left to count up in one run.
      sequence_(random.below(kSequenceMax / 2)) {}

MessageId MessageIdSource::next(WallTime now) {
  const auto milliseconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(now.milliseconds(), 0));
  last_milliseconds_ = std::min(std::max(last_milliseconds_, milliseconds), kMillisecondsMax);
  ++sequence_;
  SLUICE_ASSERT(sequence_ <= kSequenceMax, "2^55 messages outlast every process");

  std::array<std::uint8_t, 16> bytes{};
  store_big_endian(bytes, 0, 6, last_milliseconds_);
  bytes[kPartitionByte] = partition_;
  store_big_endian(bytes, 7, 2, shard_);
  store_big_endian(bytes, 9, 7, sequence_);
  return MessageId::from_bytes(bytes);
}

}  // namespace sluice::spool
