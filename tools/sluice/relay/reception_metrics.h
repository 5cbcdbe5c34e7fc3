// ReceptionMetrics: what a shard's reception counts, and the reasons by which refusals are counted.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/metrics.h"
#include "smtp/reply.h"

namespace sluice::relay {

// Why a client was told no. The value of the label "reason".
enum class RejectionReason : std::uint8_t {
  relay_denied,          // the client's network is not in relay_networks
  no_route,              // no [[route]] has the domain
  bad_recipient,         // the address cannot be delivered to
  too_large,             // message_size, or more than the spool can keep
  too_many_recipients,   // recipients_per_message
  insufficient_storage,  // disk, map or memory is full
  storage_failed,        // the spool reported an error
  loop,                  // received_headers
  content,               // bare newlines and the like
  too_many_connections,  // of the listener or the address
  stopping,              // the relay stops or drains
  timed_out,             // the client was too slow
  protocol,              // wrong commands, wrong order, too many errors
};
inline constexpr std::size_t kRejectionReasons = 13;
std::string_view name_of(RejectionReason reason);

enum class ClientMayRelay : std::uint8_t { no, yes };

// The reason is read off the reply's codes, because most refusals are the protocol's own.
RejectionReason rejection_reason(const smtp::Reply& reply, ClientMayRelay may_relay);

struct ReceptionMetrics {
  explicit ReceptionMetrics(MetricRegistry& registry);

  Counter& connections;                                // sluice_reception_connections_total
  Gauge& sessions;                                     // sluice_reception_sessions
  Counter& messages_accepted;                          // sluice_reception_messages_accepted_total
  Counter& recipients_accepted;                        // sluice_reception_recipients_accepted_total
  Counter& bytes_accepted;                             // sluice_reception_bytes_accepted_total
  Histogram& accept_seconds;                           // sluice_reception_accept_seconds
  std::array<Counter*, kRejectionReasons> rejections;  // sluice_reception_rejections_total
};

}  // namespace sluice::relay
