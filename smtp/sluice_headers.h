// SluiceHeaders: what a sender asks of us in the X-Sluice fields of a message.
//
// Whether it may have that is another's matter. Every value is bounded; what is malformed is told
// as the reply that refuses the message. Names that are not known are ignored, for the sake of
// senders that are newer than we are. Pure.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/units.h"
#include "smtp/message_header.h"
#include "smtp/reply.h"

namespace sluice::smtp {

inline constexpr std::size_t kSluiceWordBytesMax = 64;  // of a campaign, a tag, a class, a pool
inline constexpr std::size_t kTagsMax = 10;
inline constexpr std::size_t kMessageDataBytesMax = 4096;
inline constexpr Duration kExpiryMax = std::chrono::hours(720);

struct SluiceHeaders {
  std::string campaign;            // X-Sluice-Campaign
  std::vector<std::string> tags;   // X-Sluice-Tags, with commas
  std::string metadata;            // X-Sluice-Metadata: opaque, printable; JSON by custom
  std::string klass;               // X-Sluice-Class
  std::string pool;                // X-Sluice-Pool
  std::optional<Duration> expiry;  // X-Sluice-Expiry: "4h", from the arrival on
  bool is_engaged = false;         // X-Sluice-Engaged: yes or no

  friend bool operator==(const SluiceHeaders&, const SluiceHeaders&) = default;
};

std::expected<SluiceHeaders, Reply> read_sluice_headers(std::span<const HeaderField> fields);

}  // namespace sluice::smtp
