#include "smtp/pending_message.h"

#include "core/shard.h"

namespace sluice::smtp {
namespace {

// What RSET, the verbs and the parameters of a message add to its addresses, roughly: a flight's
// bound does not need it to the byte.
constexpr std::size_t kCommandBytes = 32;

std::uint64_t flight_bytes_of(const OutgoingMessage& message) {
  std::uint64_t total = message.body->size() + message.reverse_path.size() + 2 * kCommandBytes;
  for (const auto& recipient : message.recipients) total += recipient.size() + kCommandBytes;
  return total;
}

}  // namespace

PendingMessage::PendingMessage(Shard& shard, const OutgoingMessage& message,
                               std::span<const std::string_view> first)
    : Transaction(message.recipients.size(), flight_bytes_of(message)),
      message_(message),
      first_(first),
      body_bytes_(message.body->size()),
      first_bytes_(total_bytes(first)),
      completion_(shard) {}

}  // namespace sluice::smtp
