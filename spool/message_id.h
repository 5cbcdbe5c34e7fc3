// MessageId: names a message for ever. 128 bits: 48 of wall time in milliseconds, 8 of the
// partition, 72 of a per-shard seeded sequence, so ids sort by time and never repeat. Written as 26
// characters of Crockford base32: the same text stands in Received:, in the 250 reply, in logs and
// commands.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/error.h"
#include "core/random.h"

namespace sluice::spool {

using PartitionId = std::uint8_t;

class MessageId {
 public:
  static constexpr std::size_t kTextLength = 26;
  static Result<MessageId> parse(std::string_view text);  // upper or lower case
  static MessageId from_bytes(const std::array<std::uint8_t, 16>& big_endian);

  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  WallTime time() const;
  PartitionId partition() const;
  std::string to_string() const;
  friend auto operator<=>(const MessageId&, const MessageId&) = default;

 private:
  explicit MessageId(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}
  std::array<std::uint8_t, 16> bytes_;
};

// Makes ids on one shard: increasing also when the wall clock steps back.
class MessageIdSource {
 public:
  MessageIdSource(PartitionId partition, std::uint16_t shard, Random& random);
  MessageId next(WallTime now);

 private:
  PartitionId partition_;
  std::uint16_t shard_;
  std::uint64_t last_milliseconds_ = 0;
  std::uint64_t sequence_;
};

// One envelope of a message: the unit that is queued.
struct EnvelopeKey {
  MessageId message;
  std::uint16_t ordinal;
  friend auto operator<=>(const EnvelopeKey&, const EnvelopeKey&) = default;
};

}  // namespace sluice::spool
