#include "relay/connection_limits.h"

#include "core/assert.h"

namespace sluice::relay {

ConnectionLimits::ConnectionLimits(const std::vector<ListenerSettings>& listeners)
    : listeners_(listeners.size()) {
  set(listeners);
}

void ConnectionLimits::set(const std::vector<ListenerSettings>& listeners) {
  SLUICE_ASSERT(listeners.size() == listeners_.size(), "listeners come and go with a restart");
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    ListenerCount& count = listeners_[i];
    count.open_max = listeners[i].connections;
    count.per_address_max = listeners[i].connections_per_address;
    count.permission.reset();
    count.rate.reset();
    if (const auto& rate = listeners[i].connection_rate_per_address) {
      count.permission.emplace(listeners[i]);
      count.rate.emplace(rate->amount, rate->period, rate->max_burst.value_or(rate->amount));
    }
  }
}

// The table is bounded: where it is full of clients that came lately, a new one must wait.
bool ConnectionLimits::is_too_often(ListenerCount& listener, const IpAddress& client, Instant now) {
  if (!listener.rate || listener.permission->allows(client)) return false;
  auto& rates = listener.rate_by_address;
  auto known = rates.find(client);
  if (known == rates.end() && rates.size() >= kRatedAddressesMax) {
    std::erase_if(rates, [now](const auto& entry) { return entry.second <= now; });
    if (rates.size() >= kRatedAddressesMax) return true;
  }
  if (known == rates.end()) known = rates.emplace(client, Instant(0)).first;
  const auto taken = listener.rate->take(known->second, now, 1);
  if (taken) known->second = *taken;
  return !taken;
}

bool ConnectionLimits::has_too_many(const ListenerCount& listener, const IpAddress& client) {
  const auto known = listener.open_by_address.find(client);
  return known != listener.open_by_address.end() && known->second >= listener.per_address_max;
}

Admission ConnectionLimits::refuse(Admission admission) {
  if (refusals_ >= kRefusalsMax) return Admission::closed;
  ++refusals_;
  return admission;
}

Admission ConnectionLimits::admit(std::size_t listener, const IpAddress& client, Instant now) {
  SLUICE_ASSERT(listener < listeners_.size(), "connections come from known listeners");
  ListenerCount& count = listeners_[listener];
  if (has_too_many(count, client)) return refuse(Admission::too_many_from_address);
  if (count.open >= count.open_max) return refuse(Admission::too_many_connections);
  if (is_too_often(count, client, now)) return refuse(Admission::too_often);
  ++count.open;
  ++count.open_by_address[client];
  return Admission::welcome;
}

Admission ConnectionLimits::admit_proxy(std::size_t listener) {
  SLUICE_ASSERT(listener < listeners_.size(), "connections come from known listeners");
  ListenerCount& count = listeners_[listener];
  if (count.open >= count.open_max) return refuse(Admission::too_many_connections);
  ++count.open;
  return Admission::welcome;
}

Admission ConnectionLimits::announce(std::size_t listener, const IpAddress& client, Instant now) {
  ListenerCount& count = listeners_[listener];
  Admission admission = Admission::welcome;
  if (has_too_many(count, client)) {
    admission = Admission::too_many_from_address;
  } else if (is_too_often(count, client, now)) {
    admission = Admission::too_often;
  }
  if (admission == Admission::welcome) {
    ++count.open_by_address[client];
    return admission;
  }
  SLUICE_ASSERT(count.open > 0, "it was welcome before");
  --count.open;
  return refuse(admission);
}

void ConnectionLimits::release(std::size_t listener, const std::optional<IpAddress>& client,
                               Admission admission) {
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
  if (!client) return;
  const auto known = count.open_by_address.find(*client);
  SLUICE_ASSERT(known != count.open_by_address.end(), "an open connection's address is counted");
  if (--known->second == 0) count.open_by_address.erase(known);
}

std::size_t ConnectionLimits::AddressHash::operator()(const IpAddress& address) const noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const std::uint8_t byte : address.bytes()) hash = (hash ^ byte) * 0x100000001b3ULL;
  return static_cast<std::size_t>(hash);
}

}  // namespace sluice::relay
