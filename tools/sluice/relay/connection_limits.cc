#include "relay/connection_limits.h"

#include "core/assert.h"

namespace sluice::relay {

ConnectionLimits::ConnectionLimits(const std::vector<ListenerSettings>& listeners) {
  for (const ListenerSettings& listener : listeners) {
    listeners_.push_back(ListenerCount{.open_max = listener.connections,
                                       .per_address_max = listener.connections_per_address,
                                       .open_by_address = {}});
  }
}

Admission ConnectionLimits::admit(std::size_t listener, const IpAddress& client) {
  SLUICE_ASSERT(listener < listeners_.size(), "connections come from known listeners");
  ListenerCount& count = listeners_[listener];
  const auto known = count.open_by_address.find(client);
  const std::uint32_t from_address = known == count.open_by_address.end() ? 0 : known->second;

  Admission admission = Admission::welcome;
  if (count.open >= count.open_max) admission = Admission::too_many_connections;
  if (from_address >= count.per_address_max) admission = Admission::too_many_from_address;
  if (admission == Admission::welcome) {
    ++count.open;
    ++count.open_by_address[client];
    return admission;
  }
  if (refusals_ >= kRefusalsMax) return Admission::closed;
  ++refusals_;
  return admission;
}

void ConnectionLimits::release(std::size_t listener, const IpAddress& client, Admission admission) {
  SLUICE_ASSERT(listener < listeners_.size(), "connections come from known listeners");
  SLUICE_ASSERT(admission != Admission::closed, "a connection closed at once was not counted");
  if (admission != Admission::welcome) {
    SLUICE_ASSERT(refusals_ > 0, "a refusal ends once");
    --refusals_;
    return;
  }
  ListenerCount& count = listeners_[listener];
  SLUICE_ASSERT(count.open > 0, "a connection ends once");
  --count.open;
  const auto known = count.open_by_address.find(client);
  SLUICE_ASSERT(known != count.open_by_address.end(), "an open connection's address is counted");
  if (--known->second == 0) count.open_by_address.erase(known);
}

std::size_t ConnectionLimits::AddressHash::operator()(const IpAddress& address) const noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const std::uint8_t byte : address.bytes()) hash = (hash ^ byte) * 0x100000001b3ULL;
  return static_cast<std::size_t>(hash);
}

}  // namespace sluice::relay
