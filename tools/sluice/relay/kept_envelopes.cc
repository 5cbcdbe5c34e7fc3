#include "relay/kept_envelopes.h"

#include <utility>

#include "core/assert.h"

namespace sluice::relay {

bool KeptEnvelopes::keep(LoadedEnvelope& envelope, Instant now) {
  SLUICE_ASSERT(envelope.body != nullptr, "an envelope is kept for its body");
  const std::size_t bytes = bytes_of(envelope);
  while (bytes_ + bytes > bytes_max_.value()) {
    if (kept_.empty() || kept_.begin()->second.since + kKeptAgeMax > now) return false;
    drop(kept_.begin());
  }
  bytes_ += bytes;
  const spool::EnvelopeKey key = envelope.waiting.key;
  kept_.emplace(key, Kept{.envelope = std::move(envelope), .since = now});
  return true;
}

std::optional<LoadedEnvelope> KeptEnvelopes::take(const spool::EnvelopeKey& key) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return std::nullopt;
  LoadedEnvelope envelope = std::move(found->second.envelope);
  bytes_ -= bytes_of(envelope);
  kept_.erase(found);
  return envelope;
}

void KeptEnvelopes::clear() {
  kept_.clear();
  bytes_ = 0;
}

std::size_t KeptEnvelopes::bytes_of(const LoadedEnvelope& envelope) {
  return envelope.body->piece_count() * kSlabBytes;
}

void KeptEnvelopes::drop(ByKey::iterator kept) {
  bytes_ -= bytes_of(kept->second.envelope);
  kept_.erase(kept);
}

}  // namespace sluice::relay
