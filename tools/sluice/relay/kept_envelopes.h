// KeptEnvelopes: envelopes that wait at their home while the shard that received them keeps their
// bodies in memory, so that it need not read them back when they are granted to it.
//
// A small store for the time between two turns of a busy connection, not for a backlog: when it is
// full the newest are not kept, since the oldest are granted first. What was granted to another
// shard is dropped by its age. Everything in it is in the spool as well. Lives on its shard.
#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "core/clock.h"
#include "core/units.h"
#include "relay/delivery.h"

namespace sluice::relay {

// Beyond that age an envelope makes room for a newer one.
inline constexpr Duration kKeptAgeMax = std::chrono::seconds(1);

class KeptEnvelopes {
 public:
  // At most so many bytes of slabs.
  explicit KeptEnvelopes(ByteCount bytes_max) : bytes_max_(bytes_max) {}

  // Moves the envelope in when there is room; false leaves it as it was.
  bool keep(LoadedEnvelope& envelope, Instant now);

  // The envelope, if it is here; it is not kept any longer.
  std::optional<LoadedEnvelope> take(const spool::EnvelopeKey& key);

  void clear();
  std::size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    LoadedEnvelope envelope;
    Instant since;
  };
  using ByKey = std::map<spool::EnvelopeKey, Kept>;  // ids are ordered by time

  static std::size_t bytes_of(const LoadedEnvelope& envelope);
  void drop(ByKey::iterator kept);

  ByteCount bytes_max_;
  std::size_t bytes_ = 0;
  ByKey kept_;
};

}  // namespace sluice::relay
